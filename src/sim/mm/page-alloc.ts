// The page allocator (mm/page_alloc.c of 6.1): zones are tried down to a watermark, and where all
// are below it the slow path reclaims, retries and at last invokes the OOM killer. It gives up only
// for costly orders, __GFP_NORETRY and OOM victims; everything else it retries for ever.

import { call, type Code } from '../core/code.ts';
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_FS,
  __GFP_HIGH,
  __GFP_IO,
  __GFP_KSWAPD_RECLAIM,
  __GFP_MEMALLOC,
  __GFP_NOFAIL,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_RETRY_MAYFAIL,
  __GFP_THISNODE,
} from './gfp.ts';
import type { Kernel } from '../core/kernel.ts';
import { start_memalloc_timer, stop_memalloc_timer } from '../watchdog/memalloc-timer.ts';
import type { Page, Watermark, Zone } from './mmzone.ts';
import { mutex_trylock, mutex_unlock } from '../locking/mutex.ts';
import { out_of_memory } from './oom-kill.ts';
import { cond_resched } from '../kernel/sched.ts';
import {
  PF_MEMALLOC,
  PF_MEMALLOC_NOFS,
  PF_MEMALLOC_NOIO,
  PF_WQ_WORKER,
} from '../kernel/task-bits.ts';
import type { Task } from '../kernel/task.ts';
import { schedule_timeout_uninterruptible } from '../kernel/timer.ts';
import { try_to_free_pages, wake_all_kswapds } from './vmscan.ts';

/** PAGE_ALLOC_COSTLY_ORDER */
export const COSTLY_ORDER = 3;
/** MAX_RECLAIM_RETRIES */
const RECLAIM_RETRIES_MAX = 16;
/** Microseconds that a look at the free lists takes. */
const FREELIST_US = 0.5;

/** How low a request may go: a watermark, lowered by what it is entitled to, or none at all. */
export interface AllocFlags {
  readonly watermark: Watermark | 'none';
  /** ALLOC_MIN_RESERVE: half of the reserve. */
  readonly minReserve: boolean;
  /** ALLOC_OOM: half of what is left, for OOM victims. */
  readonly oom: boolean;
  readonly wakesKswapd: boolean;
}

/** What is asked for. */
export interface AllocRequest {
  readonly gfp: number;
  readonly order: number;
}

/** current_gfp_context(): scopes that forbid I/O or the file system. */
export function current_gfp_context(task: Task, gfp: number): number {
  if ((task.flags & PF_MEMALLOC_NOIO) !== 0) return gfp & ~(__GFP_IO | __GFP_FS);
  if ((task.flags & PF_MEMALLOC_NOFS) !== 0) return gfp & ~__GFP_FS;
  return gfp;
}

/** __zone_watermark_ok() with `free` pages. */
export function zone_watermark_ok(
  zone: Zone,
  { order }: { order: number },
  { flags, free }: { flags: AllocFlags; free: number },
): boolean {
  if (flags.watermark === 'none') return free > 0;
  let min = zone.watermark[flags.watermark];
  if (flags.minReserve) min -= min >> 1;
  if (flags.oom) min -= min >> 1;
  if (free - (2 ** order - 1) <= min + zone.lowmemReserve) return false;
  if (order === 0) return true;
  for (let o = order; o < 11; o++) if (zone.free.count(o) > 0) return true;
  return false;
}

/** The first zone that may serve the request does. */
export function get_page_from_freelist(
  k: Kernel,
  request: AllocRequest,
  flags: AllocFlags,
): Page | undefined {
  k.spend(FREELIST_US);
  for (const zone of k.node.zones) {
    if (!zone_watermark_ok(zone, request, { flags, free: zone.freePages })) continue;
    const page = zone.take(request.order);
    if (page !== undefined) return page;
  }
  return undefined;
}

const FAST_FLAGS: AllocFlags = {
  watermark: 'low',
  minReserve: false,
  oom: false,
  wakesKswapd: false,
};

/** Allocates 2^order pages; undefined where the request may fail and did. */
export function* __alloc_pages(k: Kernel, request: AllocRequest): Code<Page | undefined> {
  const gfp = current_gfp_context(k.current, request.gfp);
  const wanted = { gfp, order: request.order };
  const page = get_page_from_freelist(k, wanted, FAST_FLAGS);
  if (page !== undefined) return page;
  start_memalloc_timer(k, wanted);
  const slow = yield* call(k, __alloc_pages_slowpath, wanted);
  stop_memalloc_timer(k, gfp);
  return slow;
}

/** Gives pages back. */
export function __free_pages(page: Page): void {
  page.zone.give(page);
}

function gfp_to_alloc_flags({ gfp }: AllocRequest): AllocFlags {
  return {
    watermark: 'min',
    minReserve: (gfp & __GFP_HIGH) !== 0,
    oom: false,
    wakesKswapd: (gfp & __GFP_KSWAPD_RECLAIM) !== 0,
  };
}

/** __gfp_pfmemalloc_flags(): who may use the reserves. */
function reserveFlags(k: Kernel, gfp: number, flags: AllocFlags): AllocFlags {
  if ((gfp & __GFP_NOMEMALLOC) !== 0) return flags;
  const mayUseAll = (gfp & __GFP_MEMALLOC) !== 0 || (k.current.flags & PF_MEMALLOC) !== 0;
  if (mayUseAll) return { ...flags, watermark: 'none' };
  return k.current.isOomVictim ? { ...flags, oom: true } : flags;
}

/** What one round of the slow path came to. */
type Round = { readonly page: Page } | 'retry' | 'fail';

function* __alloc_pages_slowpath(k: Kernel, request: AllocRequest): Code<Page | undefined> {
  const flags = gfp_to_alloc_flags(request);
  const progress: Progress = { noProgressLoops: 0 };
  if (flags.wakesKswapd) wake_all_kswapds(k);
  const early = get_page_from_freelist(k, request, flags);
  if (early !== undefined) return early;
  for (;;) {
    if (flags.wakesKswapd) wake_all_kswapds(k);
    const round: Round = yield* slowRound(k, { ...request, flags, progress });
    if (typeof round === 'object') return round.page;
    if (round === 'retry') continue;
    if ((request.gfp & __GFP_NOFAIL) === 0) return undefined;
    const help = get_page_from_freelist(k, request, { ...flags, minReserve: true });
    if (help !== undefined) return help;
    yield* cond_resched(k);
  }
}

interface Progress {
  noProgressLoops: number;
}

interface SlowRequest extends AllocRequest {
  readonly flags: AllocFlags;
  readonly progress: Progress;
}

/** One turn of the loop: a part of __alloc_pages_slowpath() and no frame of its own. */
function* slowRound(k: Kernel, request: SlowRequest): Code<Round> {
  const { gfp, order } = request;
  const flags = reserveFlags(k, gfp, request.flags);
  const page = get_page_from_freelist(k, request, flags);
  if (page !== undefined) return { page };
  if ((gfp & __GFP_DIRECT_RECLAIM) === 0 || (k.current.flags & PF_MEMALLOC) !== 0) return 'fail';
  const { reclaimed, page: found } = yield* call(k, __alloc_pages_direct_reclaim, request, flags);
  if (found !== undefined) return { page: found };
  if ((gfp & __GFP_NORETRY) !== 0) return 'fail';
  if (order > COSTLY_ORDER && (gfp & __GFP_RETRY_MAYFAIL) === 0) return 'fail';
  if (yield* should_reclaim_retry(k, request, reclaimed > 0)) return 'retry';
  const oom = yield* __alloc_pages_may_oom(k, request);
  if (oom.page !== undefined) return { page: oom.page };
  const mayGiveUp = flags.oom || (gfp & __GFP_NOMEMALLOC) !== 0;
  if (k.current.isOomVictim && mayGiveUp) return 'fail';
  if (!oom.progress) return 'fail';
  request.progress.noProgressLoops = 0;
  return 'retry';
}

function* __alloc_pages_direct_reclaim(
  k: Kernel,
  request: AllocRequest,
  flags: AllocFlags,
): Code<{ reclaimed: number; page: Page | undefined }> {
  const task = k.current;
  yield* cond_resched(k);
  task.inMemstall = true;
  task.flags |= PF_MEMALLOC;
  const reclaimed = yield* call(k, try_to_free_pages, request);
  task.flags &= ~PF_MEMALLOC;
  task.inMemstall = false;
  yield* cond_resched(k);
  const page = reclaimed > 0 ? get_page_from_freelist(k, request, flags) : undefined;
  return { reclaimed, page };
}

/** Inlined: whether reclaiming everything that can be reclaimed would serve the request. */
function* should_reclaim_retry(
  k: Kernel,
  { order, flags, progress }: SlowRequest,
  didSomeProgress: boolean,
): Code<boolean> {
  if (didSomeProgress && order <= COSTLY_ORDER) progress.noProgressLoops = 0;
  else progress.noProgressLoops++;
  if (progress.noProgressLoops > RECLAIM_RETRIES_MAX) return false;
  const reclaimable = k.node.lru.inactive_file.length + k.node.lru.active_file.length;
  const [zone] = k.node.zones;
  const free = (zone?.freePages ?? 0) + reclaimable;
  const wouldDo = zone !== undefined && zone_watermark_ok(zone, { order }, { flags, free });
  if ((k.current.flags & PF_WQ_WORKER) !== 0) {
    // A worker that never slept would keep its pool from starting another one.
    yield* call(k, schedule_timeout_uninterruptible, 1);
  } else yield* cond_resched(k);
  return wouldDo;
}

/** Inlined: the OOM killer, unless somebody else is at it. */
function* __alloc_pages_may_oom(
  k: Kernel,
  request: AllocRequest,
): Code<{ page?: Page; progress: boolean }> {
  const { gfp, order } = request;
  if (!mutex_trylock(k, k.oomLock)) {
    yield* call(k, schedule_timeout_uninterruptible, 1);
    return { progress: true };
  }
  try {
    const high: AllocFlags = { ...FAST_FLAGS, watermark: 'high' };
    const page = get_page_from_freelist(k, { gfp: gfp & ~__GFP_DIRECT_RECLAIM, order }, high);
    if (page !== undefined) return { page, progress: true };
    if (order > COSTLY_ORDER) return { progress: false };
    if ((gfp & (__GFP_RETRY_MAYFAIL | __GFP_THISNODE)) !== 0) return { progress: false };
    const progress = yield* call(k, out_of_memory, request);
    if (!progress || (gfp & __GFP_NOFAIL) === 0) return { progress };
    const help = get_page_from_freelist(k, request, { ...FAST_FLAGS, watermark: 'none' });
    return help === undefined ? { progress } : { page: help, progress };
  } finally {
    mutex_unlock(k, k.oomLock);
  }
}
