// How compaction goes for one request (enum compact_result and compact_priority of
// include/linux/compaction.h, should_compact_retry() of mm/page_alloc.c in 6.1).

import type { Kernel } from '../core/kernel.ts';
import { fatal_signal_pending } from '../kernel/task.ts';
import { zone_watermark_ok, type AllocRequest } from './alloc-flags.ts';
import type { Page, Zone } from './mmzone.ts';
import { COSTLY_ORDER } from './pcp.ts';
import { zone_reclaimable_pages } from './throttle.ts';

/** COMPACT_*, the worse ones first: of several zones the best result counts. */
export const COMPACT_RESULTS = [
  /** Too little is free to move pages to. */
  'skipped',
  /** It failed lately, and is not tried for a while. */
  'deferred',
  /** All of the zone was looked at, and no block was made. */
  'complete',
  /** The task was to make room for others, or is to die. */
  'contended',
  /** There is a block. */
  'success',
] as const;
/** One of them. */
export type CompactResult = (typeof COMPACT_RESULTS)[number];

/** enum compact_priority: the lower, the more is tried. */
export const COMPACT_PRIO_SYNC_FULL = 0;
export const COMPACT_PRIO_SYNC_LIGHT = 1;
export const COMPACT_PRIO_ASYNC = 2;

/** struct compact_control. */
export interface CompactControl {
  readonly zone: Zone;
  readonly gfpMask: number;
  readonly order: number;
  /** MIGRATE_ASYNC or MIGRATE_SYNC_LIGHT */
  readonly mode: 'async' | 'sync light';
  /** Where the scanners are: they go towards each other. */
  migratePfn: number;
  freePfn: number;
  /** Free pages to move others to. */
  readonly freeList: number[];
  /** The block that was made, kept from everybody else. */
  captured: Page | undefined;
}

/** MAX_COMPACT_RETRIES */
const RETRIES_MAX = 16;

/** What a request remembers of its attempts. */
export interface CompactState {
  result: CompactResult;
  priority: number;
  retries: number;
}

/** Before the first attempt, which is always an asynchronous one. */
export function newCompactState(): CompactState {
  return { result: 'skipped', priority: COMPACT_PRIO_ASYNC, retries: 0 };
}

/** Whether another round of reclaim and compaction may make the block. */
export function should_compact_retry(
  k: Kernel,
  request: AllocRequest & { readonly flags: number },
  state: CompactState,
): boolean {
  const { order } = request;
  if (order === 0 || fatal_signal_pending(k.current)) return false;
  const isCostly = order > COSTLY_ORDER;
  if (state.result === 'success') state.retries++;
  if (state.result === 'skipped') return compaction_zonelist_suitable(k, request);
  if (state.result === 'success' && state.retries <= (isCostly ? RETRIES_MAX / 4 : RETRIES_MAX)) {
    return true;
  }
  const least = isCostly ? COMPACT_PRIO_SYNC_LIGHT : COMPACT_PRIO_SYNC_FULL;
  if (state.priority <= least) return false;
  state.priority--;
  state.retries = 0;
  return true;
}

/** Whether compaction could begin once all that can be reclaimed has been. */
function compaction_zonelist_suitable(
  { node }: Kernel,
  { order, flags }: { order: number; flags: number },
): boolean {
  return node.zones.some((zone) => {
    const free = Math.floor(zone_reclaimable_pages(node, zone) / order) + zone.nrFree.snapshot;
    const mark = order > COSTLY_ORDER ? zone.watermark.low : zone.watermark.min;
    // compact_gap(): twice the block, for pages that are on their way.
    return free - (2 << order) > mark || zone_watermark_ok(zone, { order }, { flags, free });
  });
}
