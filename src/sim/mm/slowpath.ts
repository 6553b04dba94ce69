// The slow path of the page allocator (__alloc_pages_slowpath() in mm/page_alloc.c of 6.1):
// compact, reclaim, retry, and at last invoke the OOM killer. It gives up only for costly orders,
// __GFP_NORETRY, __GFP_RETRY_MAYFAIL and OOM victims; everything else it retries for ever.

import { call, type Code } from '../core/code.ts';
import { wait_iff_congested } from '../block/congestion.ts';
import type { Kernel } from '../core/kernel.ts';
import { LOGLEVEL_WARNING } from '../kernel/printk.ts';
import { cond_resched } from '../kernel/sched.ts';
import { PF_MEMALLOC, PF_WQ_WORKER } from '../kernel/task-bits.ts';
import { schedule_timeout_uninterruptible } from '../kernel/timer.ts';
import { mutex_trylock, mutex_unlock } from '../locking/mutex.ts';
import { LOCATION_OOM_LOCK } from '../watchdog/memalloc-info.ts';
import { listRequest, set_memalloc_location } from '../watchdog/memalloc-timer.ts';
import {
  ALLOC_KSWAPD,
  ALLOC_MIN_RESERVE,
  ALLOC_NO_WATERMARKS,
  ALLOC_OOM,
  ALLOC_WMARK_HIGH,
  ALLOC_WMARK_MIN,
  gfp_pfmemalloc_flags,
  gfp_to_alloc_flags,
  mayUseOomReserves,
  zone_watermark_ok,
  type AllocRequest,
} from './alloc-flags.ts';
import { newCompactState, should_compact_retry, type CompactState } from './compact-retry.ts';
import { compaction_defer_reset, try_to_compact_pages } from './compaction.ts';
import { drainAllPages } from './drain.ts';
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_FS,
  __GFP_IO,
  __GFP_MOVABLE,
  __GFP_NOFAIL,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_RETRY_MAYFAIL,
  __GFP_THISNODE,
} from './gfp.ts';
import { wake_all_kswapds } from './kswapd.ts';
import type { Page } from './mmzone.ts';
import { mayKillFor, out_of_memory } from './oom-kill.ts';
import { get_page_from_freelist, highestZone } from './page-alloc.ts';
import { COSTLY_ORDER } from './pcp.ts';
import { zone_reclaimable_pages } from './throttle.ts';
import { try_to_free_pages } from './vmscan.ts';
import { mustFailNow } from '../remedies/fail-small-allocs.ts';
import { wait_for_reclaim } from '../remedies/no-direct-reclaim.ts';
import { oomReserveFlags } from '../remedies/oom-reserve.ts';
import { stageFlags } from '../remedies/phased-watermarks.ts';

/** MAX_RECLAIM_RETRIES */
const RECLAIM_RETRIES_MAX = 16;

/** A request in the slow path, with what its rounds have come to. */
interface SlowRequest extends AllocRequest {
  flags: number;
  noProgressLoops: number;
  /** Rounds in which reclaim came to nothing; see remedies/fail-small-allocs.ts. */
  attempts: number;
  /** did_some_progress of the last round: pages, or 1 where the OOM killer did something. */
  progress: number;
  readonly compact: CompactState;
}

/** What one round of the slow path came to. */
type Round = { readonly page: Page } | 'retry' | 'fail';

export function* __alloc_pages_slowpath(k: Kernel, wanted: AllocRequest): Code<Page | undefined> {
  const flags = gfp_to_alloc_flags(k, wanted) | oomReserveFlags(k, wanted.gfp) | stageFlags(k);
  const { gfp, order } = wanted;
  if ((flags & ALLOC_KSWAPD) !== 0) wake_all_kswapds(k);
  // Where kswapd keeps pace nobody comes further than this.
  const early = get_page_from_freelist(k, wanted, flags);
  if (early !== undefined) return early;
  const counts = { noProgressLoops: 0, attempts: 0, progress: 0 };
  const request: SlowRequest = { gfp, order, ...counts, flags, compact: newCompactState() };
  const first: Round = yield* compactFirst(k, request);
  if (typeof first === 'object') return first.page;
  for (let isHopeless = first === 'fail'; ; isHopeless = false) {
    const round: Round = isHopeless ? 'fail' : yield* slowRound(k, request);
    if (typeof round === 'object') return round.page;
    if (round === 'retry') continue;
    if ((gfp & __GFP_NOFAIL) === 0) break;
    const help = get_page_from_freelist(k, request, ALLOC_MIN_RESERVE);
    if (help !== undefined) return help;
    yield* cond_resched(k);
  }
  warn_alloc(k, wanted);
  return undefined;
}

/** Large blocks: there may be pages enough, and only none that lie together. */
function* compactFirst(k: Kernel, request: SlowRequest): Code<Round> {
  const { gfp, order } = request;
  const isCostly = order > COSTLY_ORDER;
  const mayCompact = (gfp & __GFP_DIRECT_RECLAIM) !== 0 && (gfp & __GFP_IO) !== 0;
  const wants = isCostly || (order > 0 && (gfp & __GFP_MOVABLE) === 0);
  if (!mayCompact || !wants || gfp_pfmemalloc_flags(k, gfp) !== 0) return 'retry';
  const page = yield* __alloc_pages_direct_compact(k, request);
  if (page !== undefined) return { page };
  if (!isCostly || (gfp & __GFP_NORETRY) === 0) return 'retry';
  const { result } = request.compact;
  if (result === 'skipped' || result === 'deferred') return 'fail';
  return (gfp & __GFP_THISNODE) === 0 ? 'retry' : 'fail';
}

/** One turn of the loop: a part of __alloc_pages_slowpath() and no frame of its own. */
function* slowRound(k: Kernel, request: SlowRequest): Code<Round> {
  const { gfp, order } = request;
  if ((request.flags & ALLOC_KSWAPD) !== 0) wake_all_kswapds(k);
  const reserve = gfp_pfmemalloc_flags(k, gfp);
  if (reserve !== 0) request.flags = reserve | (request.flags & ALLOC_KSWAPD);
  const page = get_page_from_freelist(k, request, request.flags);
  if (page !== undefined) return { page };
  if ((gfp & __GFP_DIRECT_RECLAIM) === 0 || (k.current.flags & PF_MEMALLOC) !== 0) return 'fail';
  listRequest(k, request);
  const reclaim = k.options.noDirectReclaim ? wait_for_reclaim : __alloc_pages_direct_reclaim;
  const found = yield* call(k, reclaim, request);
  if (found !== undefined) return { page: found };
  const compacted = yield* __alloc_pages_direct_compact(k, request);
  if (compacted !== undefined) return { page: compacted };
  if ((gfp & __GFP_NORETRY) !== 0) return 'fail';
  const mayCompact = (gfp & __GFP_IO) !== 0;
  if (order > COSTLY_ORDER && (!mayCompact || (gfp & __GFP_RETRY_MAYFAIL) === 0)) return 'fail';
  // Whoever reclaims for all invokes the OOM killer for all.
  if (k.options.noDirectReclaim) return hasSpentReserves(k, request) ? 'fail' : 'retry';
  if (request.progress === 0 && mustFailNow(k, gfp, ++request.attempts)) return 'fail';
  if (yield* mayRetry(k, request)) return 'retry';
  if (request.progress > 0 && mayCompact && should_compact_retry(k, request, request.compact)) {
    return 'retry';
  }
  return yield* oomRound(k, request);
}

/** Reclaim has failed: the end of the loop. */
function* oomRound(k: Kernel, request: SlowRequest): Code<Round> {
  const page = yield* __alloc_pages_may_oom(k, request);
  if (page !== undefined) return { page };
  if (hasSpentReserves(k, request)) return 'fail';
  if (request.progress === 0) return 'fail';
  request.noProgressLoops = 0;
  return 'retry';
}

/** Who is to die has tried the reserves, or may not use them for this request. */
function hasSpentReserves(k: Kernel, { flags, gfp }: SlowRequest): boolean {
  const hasTried = (flags & (ALLOC_OOM | ALLOC_NO_WATERMARKS)) !== 0;
  return mayUseOomReserves(k) && (hasTried || (gfp & __GFP_NOMEMALLOC) !== 0);
}

function* __alloc_pages_direct_reclaim(k: Kernel, request: SlowRequest): Code<Page | undefined> {
  const task = k.current;
  yield* cond_resched(k);
  task.inMemstall = true;
  task.flags |= PF_MEMALLOC;
  request.progress = yield* call(k, try_to_free_pages, request);
  task.flags &= ~PF_MEMALLOC;
  task.inMemstall = false;
  yield* cond_resched(k);
  if (request.progress === 0) return undefined;
  const page = get_page_from_freelist(k, request, request.flags);
  if (page !== undefined) return page;
  yield* drainAllPages(k);
  return get_page_from_freelist(k, request, request.flags);
}

/** Inlined: compaction, as reclaim in a task that must not reclaim again. */
function* __alloc_pages_direct_compact(k: Kernel, request: SlowRequest): Code<Page | undefined> {
  const { compact, order } = request;
  if (order === 0) return undefined;
  const task = k.current;
  const had = task.flags & PF_MEMALLOC;
  task.inMemstall = true;
  task.flags |= PF_MEMALLOC;
  const captured = yield* call(k, try_to_compact_pages, request, compact);
  task.flags = (task.flags & ~PF_MEMALLOC) | had;
  task.inMemstall = false;
  if (compact.result === 'skipped') return undefined;
  const page = captured ?? get_page_from_freelist(k, request, request.flags);
  if (page === undefined) yield* cond_resched(k);
  else compaction_defer_reset(page.zone, order);
  return page;
}

function* mayRetry(k: Kernel, request: SlowRequest): Code<boolean> {
  if (!k.options.retriesWhileReclaimable) return yield* should_reclaim_retry(k, request);
  if (request.progress === 0 || request.order > COSTLY_ORDER) return false;
  if (isWorker(k) && k.options.workerSleeps) {
    yield* call(k, schedule_timeout_uninterruptible, 1);
  } else yield* call(k, wait_iff_congested, Math.floor(k.options.hz / 50));
  return true;
}

function isWorker(k: Kernel): boolean {
  return (k.current.flags & PF_WQ_WORKER) !== 0;
}

/** Inlined: whether reclaiming everything that can be reclaimed would serve the request. */
function* should_reclaim_retry(k: Kernel, request: SlowRequest): Code<boolean> {
  const { order, gfp } = request;
  if (request.progress > 0 && order <= COSTLY_ORDER) request.noProgressLoops = 0;
  else request.noProgressLoops++;
  if (request.noProgressLoops > RECLAIM_RETRIES_MAX) return false;
  // Whatever the request may do besides, this asks about the min watermark.
  const flags = (request.flags & ~ALLOC_NO_WATERMARKS) | ALLOC_WMARK_MIN;
  const highest = highestZone(k, gfp);
  const wouldDo = k.node.zones.slice(highest).some((zone) => {
    const free = zone_reclaimable_pages(k.node, zone) + zone.nrFree.snapshot;
    return zone_watermark_ok(zone, { order }, { flags, free, highest });
  });
  // A worker that never slept would keep its pool from starting another one.
  if (isWorker(k) && k.options.workerSleeps) {
    yield* call(k, schedule_timeout_uninterruptible, 1);
  } else yield* cond_resched(k);
  return wouldDo;
}

/** Inlined: the OOM killer, unless somebody else is at it. */
function* __alloc_pages_may_oom(k: Kernel, request: SlowRequest): Code<Page | undefined> {
  const { gfp, order } = request;
  request.progress = 0;
  if (mustNotAskOom(k, gfp)) {
    k.noOomCalls++;
    request.progress = 1;
    return undefined;
  }
  if (!mutex_trylock(k, k.oomLock)) {
    request.progress = 1;
    set_memalloc_location(k, LOCATION_OOM_LOCK);
    yield* call(k, schedule_timeout_uninterruptible, 1);
    set_memalloc_location(k, 0);
    return undefined;
  }
  try {
    const last = { gfp: gfp & ~__GFP_DIRECT_RECLAIM, order };
    const page = get_page_from_freelist(k, last, ALLOC_WMARK_HIGH);
    if (page !== undefined || !oomWouldHelp(k, request)) return page;
    if (!(yield* call(k, out_of_memory, request)) && (gfp & __GFP_NOFAIL) === 0) return undefined;
    request.progress = 1;
    if ((gfp & __GFP_NOFAIL) === 0) return undefined;
    return get_page_from_freelist(k, request, ALLOC_NO_WATERMARKS);
  } finally {
    mutex_unlock(k, k.oomLock);
  }
}

/** Up to Linux 4.6 a request without __GFP_FS did not come as far as out_of_memory(). */
function mustNotAskOom({ options }: Kernel, gfp: number): boolean {
  return options.oomNeedsFs && (gfp & (__GFP_FS | __GFP_NOFAIL)) === 0;
}

/**
 * Whether this kernel would have somebody killed for a request that stays in the slow path, by the
 * very questions that are asked there: what the truth about a run is told from.
 */
export function mayHaveSomebodyKilled(k: Kernel, request: AllocRequest): boolean {
  const { gfp } = request;
  if ((gfp & __GFP_DIRECT_RECLAIM) === 0 || (gfp & __GFP_NORETRY) !== 0) return false;
  // The thread that reclaims for all kills as for GFP_KERNEL, whoever waits.
  if (k.options.noDirectReclaim) return true;
  return !mustNotAskOom(k, gfp) && oomWouldHelp(k, request) && mayKillFor(k, request);
}

/** A kill frees single pages, anywhere; and who has another way to go should go it. */
function oomWouldHelp(k: Kernel, { gfp, order }: AllocRequest): boolean {
  if (order > COSTLY_ORDER || highestZone(k, gfp) > 0) return false;
  return (gfp & (__GFP_RETRY_MAYFAIL | __GFP_THISNODE)) === 0;
}

/** The kernel prints at most 10 of them in 5 s, with memory and a trace. */
function warn_alloc(k: Kernel, { gfp, order }: AllocRequest): void {
  if ((gfp & __GFP_NOWARN) !== 0) return;
  k.harm.failedAllocs++;
  if (!k.allocFailures.allows(k.jiffies)) return;
  const { comm } = k.current;
  const mode = k.words.gfpText(gfp);
  const text = `${comm}: page allocation failure: order:${order}, mode:${mode}, nodemask=(null)`;
  k.printk(LOGLEVEL_WARNING, text);
}
