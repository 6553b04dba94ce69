// Compaction (mm/compaction.c of 6.1): pages that can be moved go from the low end of a zone to
// free pages of its high end, until a free block is as large as somebody needs. What the kernel
// itself has allocated cannot be moved, and neither can a page that is being written in a hurry.

import { call, keepOnStack, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { cond_resched } from '../kernel/sched.ts';
import { fatal_signal_pending } from '../kernel/task.ts';
import { zone_watermark_ok, ALLOC_NO_WATERMARKS, type AllocRequest } from './alloc-flags.ts';
import {
  COMPACT_PRIO_ASYNC,
  COMPACT_PRIO_SYNC_FULL,
  COMPACT_RESULTS,
  type CompactControl,
  type CompactResult,
  type CompactState,
} from './compact-retry.ts';
import { MAX_ORDER } from './buddy.ts';
import { drain_local_pages } from './drain.ts';
import { __GFP_IO } from './gfp.ts';
import type { Page, PageList, Zone } from './mmzone.ts';
import { highestZone } from './page-alloc.ts';
import { COSTLY_ORDER } from './pcp.ts';
import { reclaim_throttle } from './throttle.ts';

/** pageblock_nr_pages */
const PAGEBLOCK_PAGES = 512;
/** COMPACT_CLUSTER_MAX */
const CLUSTER_MAX = 32;
/** COMPACT_MAX_DEFER_SHIFT */
const DEFER_SHIFT_MAX = 6;
/** Microseconds to look at one pageblock, and to move one page. */
const SCAN_US = 4;
const MIGRATE_US = 2;

/** Direct compaction in each zone that may serve. @returns the block, where one was captured */
export function* try_to_compact_pages(
  k: Kernel,
  request: AllocRequest & { readonly flags: number },
  state: CompactState,
): Code<Page | undefined> {
  const { gfp, order } = request;
  state.result = 'skipped';
  if ((gfp & __GFP_IO) === 0) return undefined;
  for (const zone of k.node.zones.slice(highestZone(k, gfp))) {
    if (state.priority > COMPACT_PRIO_SYNC_FULL && compaction_deferred(zone, order)) {
      state.result = best(state.result, 'deferred');
      continue;
    }
    const cc = newControl(zone, { ...request, priority: state.priority });
    const status: CompactResult = yield* call(k, compact_zone_order, cc, request);
    state.result = best(state.result, status);
    if (status === 'success') {
      zone.defer.orderFailed = Math.max(zone.defer.orderFailed, order + 1);
      return cc.captured;
    }
    const isSync = state.priority !== COMPACT_PRIO_ASYNC;
    if (isSync && status === 'complete') defer_compaction(zone, order);
    if (fatal_signal_pending(k.current) || (!isSync && k.sched.needsResched)) break;
  }
  return undefined;
}

function best(a: CompactResult, b: CompactResult): CompactResult {
  return COMPACT_RESULTS.indexOf(a) > COMPACT_RESULTS.indexOf(b) ? a : b;
}

function newControl(
  zone: Zone,
  { gfp, order, priority }: { gfp: number; order: number; priority: number },
): CompactControl {
  const end = zone.startPfn + zone.spannedPages;
  return {
    zone,
    gfpMask: gfp,
    order,
    mode: priority === COMPACT_PRIO_ASYNC ? 'async' : 'sync light',
    migratePfn: zone.startPfn,
    freePfn: Math.floor((end - 1) / PAGEBLOCK_PAGES) * PAGEBLOCK_PAGES,
    freeList: [],
    captured: undefined,
  };
}

/** `task->capture_control` leads to its compact_control while it runs. */
function* compact_zone_order(
  k: Kernel,
  cc: CompactControl,
  request: { readonly flags: number },
): Code<CompactResult> {
  keepOnStack(k, { type: 'compact_control', cc });
  return yield* call(k, compact_zone, cc, request);
}

function* compact_zone(
  k: Kernel,
  cc: CompactControl,
  { flags }: { readonly flags: number },
): Code<CompactResult> {
  const { zone, order } = cc;
  const suitable = compaction_suitable(zone, order, flags);
  if (suitable !== undefined) return suitable;
  let result: CompactResult | undefined;
  while (result === undefined) {
    const pages = yield* isolate_migratepages(k, cc);
    if (pages === 'abort') result = 'contended';
    else {
      if (pages.length > 0) yield* migrate_pages(k, cc, pages);
      result = compact_finished(k, cc);
    }
    yield* cond_resched(k);
  }
  for (const pfn of cc.freeList.splice(0)) zone.giveBlock(pfn, 0);
  // Pages that it freed may lie on the lists of its CPU, where they do not become one.
  if (result === 'complete') drain_local_pages(k, k.sched.processorId);
  return result;
}

/** @returns undefined where compaction has something to do and can do it */
function compaction_suitable(zone: Zone, order: number, flags: number): CompactResult | undefined {
  const free = zone.freePages;
  if ((flags & ALLOC_NO_WATERMARKS) === 0 && zone_watermark_ok(zone, { order }, { flags, free })) {
    return 'success';
  }
  const mark = order > COSTLY_ORDER ? zone.watermark.low : zone.watermark.min;
  return free > mark + (2 << order) + zone.lowmemReserve ? undefined : 'skipped';
}

/** Takes movable pages of the next pageblock that has some off the lists. */
function* isolate_migratepages(k: Kernel, cc: CompactControl): Code<readonly Page[] | 'abort'> {
  const { lru, isolated } = k.node;
  const listed = (): number => Object.values(lru).reduce((sum, { length }) => sum + length, 0);
  while (isolated.anon + isolated.file > listed() / 2) {
    if (cc.mode === 'async') return 'abort';
    yield* call(k, reclaim_throttle, 'isolated');
    if (fatal_signal_pending(k.current)) return 'abort';
  }
  k.spend(SCAN_US);
  const taken: Page[] = [];
  const end = Math.min(cc.freePfn, blockOf(cc.migratePfn) + PAGEBLOCK_PAGES);
  for (; cc.migratePfn < end && taken.length < CLUSTER_MAX; cc.migratePfn++) {
    const page = cc.zone.inUse.at(cc.migratePfn);
    if (page?.lru === undefined || page.order > 0) continue;
    if (cc.mode === 'async' && page.writeback) continue;
    taken.push(page);
  }
  return taken;
}

/** Moves what the pages hold to free pages at the other end of the zone. */
function* migrate_pages(k: Kernel, cc: CompactControl, pages: readonly Page[]): Code {
  const lists: (readonly [Page, PageList])[] = [];
  for (const page of pages) {
    const list = page.lru!;
    list.remove(page);
    k.node.countIsolated([page], list, 1);
    lists.push([page, list]);
  }
  k.current.isolated += pages.length;
  yield* cond_resched(k);
  for (const [page, list] of lists) {
    // A page that is being written stays where the disk reads it.
    if (!page.writeback) moveTo(cc, page, isolate_freepages(k, cc));
    k.spend(MIGRATE_US);
    k.node.countIsolated([page], list, -1);
    list.add(page);
  }
  k.current.isolated -= pages.length;
}

/** The folio keeps its identity, and its old place becomes free. */
function moveTo({ zone }: CompactControl, page: Page, target: number | undefined): void {
  if (target === undefined) return;
  const { pfn } = page;
  zone.move(page, target);
  zone.giveBlock(pfn, 0);
}

/** A free page from above the migrate scanner, from the last pageblocks down. */
function isolate_freepages(k: Kernel, cc: CompactControl): number | undefined {
  const { zone, freeList } = cc;
  while (freeList.length === 0 && cc.freePfn > blockOf(cc.migratePfn)) {
    k.spend(SCAN_US);
    for (let pfn = cc.freePfn; pfn < cc.freePfn + PAGEBLOCK_PAGES;) {
      const order = zone.takeBlockAt(pfn);
      for (let i = 0; order !== undefined && i < 2 ** order; i++) freeList.push(pfn + i);
      pfn += order === undefined ? 1 : 2 ** order;
    }
    cc.freePfn -= PAGEBLOCK_PAGES;
  }
  return freeList.pop();
}

function blockOf(pfn: number): number {
  return Math.floor(pfn / PAGEBLOCK_PAGES) * PAGEBLOCK_PAGES;
}

/** __compact_finished() @returns undefined where there is more to do */
function compact_finished(k: Kernel, cc: CompactControl): CompactResult | undefined {
  const { zone, order } = cc;
  if (zone.free.has(order)) {
    // compaction_capture(): what was made is not for others.
    cc.captured = zone.take(order);
    return 'success';
  }
  if (cc.migratePfn >= cc.freePfn) return 'complete';
  if (fatal_signal_pending(k.current)) return 'contended';
  return cc.mode === 'async' && k.sched.needsResched ? 'contended' : undefined;
}

function compaction_deferred({ defer }: Zone, order: number): boolean {
  if (order < defer.orderFailed) return false;
  const limit = 2 ** defer.shift;
  defer.considered = Math.min(defer.considered + 1, limit);
  return defer.considered < limit;
}

/** Puts compaction off, twice as long each time that it fails. */
function defer_compaction({ defer }: Zone, order: number): void {
  defer.considered = 0;
  defer.shift = Math.min(defer.shift + 1, DEFER_SHIFT_MAX);
  defer.orderFailed = Math.min(defer.orderFailed, order);
}

/** compaction_defer_reset(): a block was had, so that it is worth trying again. */
export function compaction_defer_reset({ defer }: Zone, order: number): void {
  defer.considered = 0;
  defer.shift = 0;
  if (order >= defer.orderFailed) defer.orderFailed = Math.min(order + 1, MAX_ORDER);
}
