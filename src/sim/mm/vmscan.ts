// Reclaim (mm/vmscan.c): from the inactive tails of the LRU lists, with rising urgency. Without
// swap only file pages can be reclaimed. kswapd does it in the background between two watermarks.

import { congestion_wait } from '../block/congestion.ts';
import { call, keepOnStack, type Code, type ScanControl } from '../core/code.ts';
import { simfs_free_cached_objects, simfs_writepage } from '../fs/writepages.ts';
import { wakeup_flusher_threads } from '../fs/fs-writeback.ts';
import { __GFP_DIRECT_RECLAIM, __GFP_FS, __GFP_IO, GFP_KERNEL } from './gfp.ts';
import type { Kernel } from '../core/kernel.ts';
import type { MemCgroup } from './memcontrol.ts';
import type { Page, PageList } from './mmzone.ts';
import { current_gfp_context } from './page-alloc.ts';
import { cond_resched, schedule } from '../kernel/sched.ts';
import {
  PF_KSWAPD,
  PF_MEMALLOC,
  TASK_INTERRUPTIBLE,
  TASK_UNINTERRUPTIBLE,
} from '../kernel/task-bits.ts';
import { fatal_signal_pending, type Task } from '../kernel/task.ts';
import { schedule_timeout } from '../kernel/timer.ts';
import { finish_wait, prepare_to_wait, wake_up, WaitQueue } from '../kernel/wait.ts';

const DEF_PRIORITY = 12;
const SWAP_CLUSTER_MAX = 32;
/** After so many runs without a page kswapd gives up until somebody else reclaims one. */
const MAX_RECLAIM_RETRIES = 16;

/** Microseconds of a pass over lists and shrinkers, and of each page looked at. */
const PASS_US = 300;
const SCAN_US = 3;

/** Direct reclaim: the pages that were freed. */
export function* try_to_free_pages(
  k: Kernel,
  { gfp, order }: { gfp: number; order: number },
): Code<number> {
  const sc: ScanControl = {
    gfpMask: gfp,
    order,
    nrToReclaim: SWAP_CLUSTER_MAX,
    priority: DEF_PRIORITY,
    nrScanned: 0,
    nrReclaimed: 0,
    nrImmediate: 0,
  };
  keepOnStack(k, { type: 'scan_control', sc });
  const reclaimed = yield* call(k, do_try_to_free_pages, sc);
  if (reclaimed > 0) k.node.kswapdFailures = 0;
  return reclaimed;
}

/** Reclaim for the limit of a memory cgroup: only its pages, and those below it. */
export function* try_to_free_mem_cgroup_pages(
  k: Kernel,
  memcg: MemCgroup,
  { gfp, pages }: { gfp: number; pages: number },
): Code<number> {
  const sc: ScanControl = {
    gfpMask: current_gfp_context(k.current, gfp),
    order: 0,
    nrToReclaim: Math.max(pages, SWAP_CLUSTER_MAX),
    priority: DEF_PRIORITY,
    nrScanned: 0,
    nrReclaimed: 0,
    nrImmediate: 0,
    memcg,
  };
  keepOnStack(k, { type: 'scan_control', sc });
  // memalloc_noreclaim_save(); the caller may have come from reclaim itself.
  const noreclaim = k.current.flags & PF_MEMALLOC;
  k.current.flags |= PF_MEMALLOC;
  const reclaimed = yield* call(k, do_try_to_free_pages, sc);
  k.current.flags &= ~PF_MEMALLOC | noreclaim;
  return reclaimed;
}

function* do_try_to_free_pages(k: Kernel, sc: ScanControl): Code<number> {
  for (; sc.priority >= 0; sc.priority--) {
    sc.nrScanned = 0;
    yield* call(k, shrink_node, sc);
    yield* considerThrottle(k, sc);
    if (sc.nrReclaimed >= sc.nrToReclaim) break;
  }
  return sc.nrReclaimed;
}

/** consider_reclaim_throttle(): who gets nowhere waits for those who do. */
function* considerThrottle(k: Kernel, sc: ScanControl): Code {
  if (sc.nrReclaimed > sc.nrScanned >> 3) wake_up(k, k.reclaimWait.noprogress);
  else if (sc.priority === 1 && sc.nrReclaimed === 0 && sc.memcg === undefined) {
    // kswapd has given up: then so should everybody, and invoke the OOM killer.
    if (k.node.kswapdFailures >= MAX_RECLAIM_RETRIES) return;
    const timeout = Math.floor(k.options.hz / 2);
    yield* call(k, reclaim_throttle, k.reclaimWait.noprogress, timeout);
  }
}

function* reclaim_throttle(k: Kernel, wait: WaitQueue, timeout: number): Code {
  prepare_to_wait(k, wait, TASK_UNINTERRUPTIBLE);
  yield* call(k, schedule_timeout, Math.max(1, timeout));
  finish_wait(k, wait);
}

function* shrink_node(k: Kernel, sc: ScanControl): Code {
  k.spend(PASS_US);
  sc.nrImmediate = 0;
  for (const lru of listsOf(k, sc)) {
    if (lru.inactive_file.length + lru.active_file.length === 0) continue;
    yield* call(k, shrink_lruvec, sc, lru);
  }
  // Of all shrinkers this is the one that takes a lock; where it is free nobody sees it taken.
  const mustWait = k.fs.journal.owner !== undefined;
  if ((sc.gfpMask & __GFP_FS) !== 0 && mustWait) yield* call(k, shrink_slab);
  // Pages come round faster than they are written: no use for kswapd to go on at once.
  if (isKswapd(k.current) && sc.nrImmediate > 0) {
    const timeout = Math.floor(k.options.hz / 10);
    yield* call(k, reclaim_throttle, k.reclaimWait.writeback, timeout);
  }
  yield* cond_resched(k);
}

type Lists = Kernel['node']['lru'];

/** shrink_node_memcgs(): the lists of each cgroup below the target, else those of all pages. */
function listsOf(k: Kernel, { memcg }: ScanControl): readonly Lists[] {
  return memcg === undefined ? [k.node.lru] : [...memcg.subtree()].map(({ lru }) => lru);
}

function* shrink_slab(k: Kernel): Code {
  yield* call(k, super_cache_scan);
}

function* super_cache_scan(k: Kernel): Code {
  yield* call(k, simfs_free_cached_objects);
}

/** Each evictable list is scanned for a part of it that grows as the priority falls. */
function* shrink_lruvec(k: Kernel, sc: ScanControl, lru: Lists): Code {
  const { inactive_file: inactive, active_file: active } = lru;
  if (inactive.length < active.length) deactivate(active, inactive);
  let toScan = Math.floor(inactive.length / 2 ** sc.priority);
  while (toScan > 0 && sc.nrReclaimed < sc.nrToReclaim) {
    const batch = Math.min(toScan, SWAP_CLUSTER_MAX);
    toScan -= batch;
    sc.nrReclaimed += yield* call(k, shrink_inactive_list, { batch, list: inactive, sc });
  }
}

/** shrink_active_list(): pages that were not used again go to the inactive list. */
function deactivate(active: PageList, inactive: PageList): void {
  for (let i = 0; i < SWAP_CLUSTER_MAX; i++) {
    const page = active.tail;
    if (page === undefined) return;
    active.remove(page);
    page.referenced = false;
    inactive.add(page);
  }
}

function isKswapd({ flags }: Task): boolean {
  return (flags & PF_KSWAPD) !== 0;
}

/** too_many_isolated(): so much is off the lists that nothing can be said about them. */
function tooManyIsolated(k: Kernel, { gfpMask }: ScanControl): boolean {
  if (isKswapd(k.current)) return false;
  let inactive = k.node.lru.inactive_file.length;
  // Who may not do I/O may isolate more, not to wait for those that wait for it.
  if ((gfpMask & (__GFP_IO | __GFP_FS)) === (__GFP_IO | __GFP_FS)) inactive >>= 3;
  const isTooMany = k.node.isolated.file > inactive;
  if (!isTooMany) wake_up(k, k.reclaimWait.isolated);
  return isTooMany;
}

interface Batch {
  readonly batch: number;
  readonly list: PageList;
  readonly sc: ScanControl;
}

function* shrink_inactive_list(k: Kernel, { batch, list, sc }: Batch): Code<number> {
  for (let stalled = false; tooManyIsolated(k, sc); stalled = true) {
    const { endlessIsolation, hz } = k.options;
    if (stalled && !endlessIsolation) return 0;
    // congestion_wait(BLK_RW_ASYNC, HZ/10) then, reclaim_throttle() now.
    if (endlessIsolation) yield* call(k, congestion_wait, Math.floor(hz / 10));
    else yield* call(k, reclaim_throttle, k.reclaimWait.isolated, Math.floor(hz / 50));
    if (fatal_signal_pending(k.current)) return SWAP_CLUSTER_MAX;
  }
  const taken: Page[] = [];
  for (let page = list.tail; page !== undefined && taken.length < batch; page = list.tail) {
    list.remove(page);
    taken.push(page);
  }
  k.node.isolated.file += taken.length;
  k.current.isolated += taken.length;
  sc.nrScanned += taken.length;
  const reclaimed = yield* call(k, shrink_folio_list, taken, sc);
  k.node.isolated.file -= taken.length;
  k.current.isolated -= taken.length;
  return reclaimed;
}

/** Frees clean pages; the others go back to the lists. */
function* shrink_folio_list(k: Kernel, pages: readonly Page[], sc: ScanControl): Code<number> {
  const { active_file: active, inactive_file: inactive } = k.node.lru;
  yield* cond_resched(k);
  let freed = 0;
  let dirty = 0;
  for (const page of pages) {
    k.spend(SCAN_US);
    if (page.writeback) sc.nrImmediate++;
    if (page.dirty) {
      dirty++;
      // Only kswapd starts I/O from here: the stack of others may be too deep for it.
      if (isKswapd(k.current)) yield* call(k, pageout, page);
    }
    if (page.referenced) {
      page.referenced = false;
      active.add(page);
    } else if (page.dirty || page.writeback) inactive.add(page);
    else {
      page.mm?.filePages.delete(page);
      page.memcg?.uncharge(page);
      page.zone.give(page);
      freed++;
    }
  }
  if (dirty === pages.length) wakeup_flusher_threads(k);
  return freed;
}

function* pageout(k: Kernel, page: Page): Code {
  yield* call(k, simfs_writepage, page);
}

/** Starts kswapd, as every node has one. */
export function kswapd_run(k: Kernel): void {
  k.kswapdWait = new WaitQueue('kswapd_wait');
  k.kthread({ comm: 'kswapd0', flags: PF_KSWAPD | PF_MEMALLOC }, kswapd);
}

/** Wakes kswapd unless it has given up. */
export function wake_all_kswapds(k: Kernel): void {
  if (k.kswapdWait === undefined || k.node.kswapdFailures >= MAX_RECLAIM_RETRIES) return;
  if (!isBalanced(k)) wake_up(k, k.kswapdWait);
}

function* kswapd(k: Kernel): Code {
  for (;;) {
    yield* call(k, kswapd_try_to_sleep);
    yield* call(k, balance_pgdat);
  }
}

function* kswapd_try_to_sleep(k: Kernel): Code {
  const wait = k.kswapdWait;
  if (wait === undefined) return;
  prepare_to_wait(k, wait, TASK_INTERRUPTIBLE);
  yield* call(k, schedule);
  finish_wait(k, wait);
}

/** pgdat_balanced(): one zone that user space may use has enough. */
function isBalanced(k: Kernel): boolean {
  return k.node.zones.some(({ freePages, watermark, lowmemReserve }) => {
    return freePages > watermark.high + lowmemReserve;
  });
}

function* balance_pgdat(k: Kernel): Code {
  const sc: ScanControl = {
    gfpMask: GFP_KERNEL & ~__GFP_DIRECT_RECLAIM,
    order: 0,
    nrToReclaim: Infinity,
    priority: DEF_PRIORITY,
    nrScanned: 0,
    nrReclaimed: 0,
    nrImmediate: 0,
  };
  k.current.inMemstall = true;
  while (!isBalanced(k) && sc.priority >= 1) {
    const before = sc.nrReclaimed;
    yield* call(k, shrink_node, sc);
    if (sc.nrReclaimed === before) sc.priority--;
  }
  k.current.inMemstall = false;
  if (sc.nrReclaimed === 0) k.node.kswapdFailures++;
}
