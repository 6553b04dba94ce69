// Who reclaims and must wait for others (mm/vmscan.c): too much is off the lists, nothing gets
// reclaimed, pages come round faster than they are written, or the reserves are nearly gone.

import { congestion_wait } from '../block/congestion.ts';
import { call, type Code, type ScanControl } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { cond_resched, schedule } from '../kernel/sched.ts';
import {
  PF_KSWAPD,
  PF_KTHREAD,
  TASK_INTERRUPTIBLE,
  TASK_KILLABLE,
  TASK_UNINTERRUPTIBLE,
} from '../kernel/task-bits.ts';
import { fatal_signal_pending, type Task } from '../kernel/task.ts';
import { schedule_timeout } from '../kernel/timer.ts';
import { finish_wait, prepare_to_wait, wake_up } from '../kernel/wait.ts';
import type { WaitTarget } from '../locking/wait-target.ts';
import { LOCATION_TOO_MANY_ISOLATED } from '../watchdog/memalloc-info.ts';
import { set_memalloc_location } from '../watchdog/memalloc-timer.ts';
import { __GFP_FS, __GFP_IO } from './gfp.ts';
import type { Node, PageList, Zone } from './mmzone.ts';

/** After so many runs without a page kswapd gives up until somebody else reclaims one. */
export const MAX_RECLAIM_RETRIES = 16;

/** enum vmscan_throttle_state: what is waited for. */
export type ThrottleReason = keyof Kernel['reclaimWait'];

/** current_is_kswapd() */
export function isKswapd({ flags }: Task): boolean {
  return (flags & PF_KSWAPD) !== 0;
}

/** zone_reclaimable_pages(): what could be reclaimed at best. Anonymous pages need swap space. */
export function zone_reclaimable_pages(node: Node, { lruPages }: Zone): number {
  const { inactive_anon, active_anon, inactive_file, active_file } = node.lru;
  const lists = node.swapFreePages > 0 ? [inactive_anon, active_anon] : [];
  let pages = 0;
  for (const { index } of [inactive_file, active_file, ...lists]) pages += lruPages[index]!;
  return pages;
}

/** Since Linux 5.16: waits for the reason to end, for a while at most. */
export function* reclaim_throttle(k: Kernel, reason: ThrottleReason): Code {
  // Others may need what a kernel thread does; it is not to wait for them.
  const isWorker = (k.current.flags & PF_KTHREAD) !== 0 && !isKswapd(k.current);
  const mayPass = reason === 'noprogress' || reason === 'congested';
  if (isWorker || (mayPass && skip_throttle_noprogress(k))) {
    yield* cond_resched(k);
    return;
  }
  const { hz } = k.options;
  const timeouts = { writeback: hz / 10, isolated: hz / 50, noprogress: 1, congested: 1 };
  const wait = k.reclaimWait[reason];
  prepare_to_wait(k, wait, TASK_UNINTERRUPTIBLE);
  yield* call(k, schedule_timeout, Math.max(1, Math.floor(timeouts[reason])));
  finish_wait(k, wait);
}

/** Nobody is to sleep where only a kill helps, or where writeback will throttle anyway. */
function skip_throttle_noprogress({ node }: Kernel): boolean {
  if (node.kswapdFailures >= MAX_RECLAIM_RETRIES) return true;
  const reclaimable = node.zones.reduce((sum, zone) => sum + zone_reclaimable_pages(node, zone), 0);
  return 2 * (node.nrDirty + node.nrWriteback) <= reclaimable;
}

/** consider_reclaim_throttle(): who gets nowhere waits for those who do. */
export function* considerThrottle(k: Kernel, sc: ScanControl): Code {
  if (sc.nrReclaimed > sc.nrScanned >> 3) wake_up(k, k.reclaimWait.noprogress);
  else if (sc.priority === 1 && sc.nrReclaimed === 0 && sc.memcg === undefined) {
    if (!isKswapd(k.current)) yield* call(k, reclaim_throttle, 'noprogress');
  }
}

/** Pages that others have taken off the lists, as something to wait for. */
function isolatedPages(k: Kernel): WaitTarget {
  const { current, sched } = k;
  return {
    name: 'isolated pages',
    kind: 'NR_ISOLATED',
    since: sched.now,
    holders: () => [...k.threads()].filter((task) => task.isolated > 0 && task !== current),
  };
}

/** too_many_isolated(): so much is off the lists that nothing can be said about them. */
function tooManyIsolated(k: Kernel, { gfpMask, memcg }: ScanControl, list: PageList): boolean {
  if (isKswapd(k.current) || memcg !== undefined) return false;
  const { lru, isolated } = k.node;
  let inactive = list.isFile ? lru.inactive_file.length : lru.inactive_anon.length;
  // Who may not do I/O may isolate more, not to wait for those that wait for it.
  if ((gfpMask & (__GFP_IO | __GFP_FS)) === (__GFP_IO | __GFP_FS)) inactive >>= 3;
  const isTooMany = (list.isFile ? isolated.file : isolated.anon) > inactive;
  if (!isTooMany) wake_up(k, k.reclaimWait.isolated);
  return isTooMany;
}

/**
 * Waits while too many pages are isolated: up to Linux 4.13 for as long as that is so, since then
 * once (db73ee0d4637, "mm, vmscan: do not loop on too_many_isolated for ever").
 *
 * @returns what to do: isolate, give up this list, or hurry as a killed task does
 */
export function* waitForIsolated(
  k: Kernel,
  sc: ScanControl,
  list: PageList,
): Code<'go' | 'stalled' | 'killed'> {
  const { endlessIsolation, hz } = k.options;
  let target: WaitTarget | undefined;
  for (let stalled = false; tooManyIsolated(k, sc, list); stalled = true) {
    if (endlessIsolation) {
      k.current.blockedOn = target ??= isolatedPages(k);
      set_memalloc_location(k, LOCATION_TOO_MANY_ISOLATED);
      yield* call(k, congestion_wait, Math.floor(hz / 10));
      set_memalloc_location(k, 0);
      k.current.blockedOn = undefined;
    } else if (stalled) return 'stalled';
    else yield* call(k, reclaim_throttle, 'isolated');
    if (fatal_signal_pending(k.current)) return 'killed';
  }
  return 'go';
}

/** allow_direct_reclaim(): half of the reserves is left for those that clean pages. */
export function allow_direct_reclaim(k: Kernel): boolean {
  const { node } = k;
  if (node.kswapdFailures >= MAX_RECLAIM_RETRIES) return true;
  let reserve = 0;
  let free = 0;
  for (const zone of node.zones) {
    if (zone_reclaimable_pages(node, zone) === 0) continue;
    reserve += zone.watermark.min;
    free += zone.freePages;
  }
  if (reserve === 0 || free > reserve >> 1) return true;
  if (k.kswapdWait !== undefined) wake_up(k, k.kswapdWait);
  return false;
}

/** kswapd, as what those wait for who find the reserves nearly gone. */
function pfmemallocWait(k: Kernel): WaitTarget {
  return {
    name: 'pfmemalloc_wait',
    kind: 'pfmemalloc_wait',
    holders: () => [...k.threads()].filter(isKswapd),
  };
}

/**
 * Since Linux 3.6: direct reclaim waits for kswapd while less than half of the reserves is left.
 *
 * @returns whether the task is to die, and had better not reclaim
 */
export function* throttle_direct_reclaim(k: Kernel, gfp: number): Code<boolean> {
  const task = k.current;
  if ((task.flags & PF_KTHREAD) !== 0 || fatal_signal_pending(task)) return false;
  if (allow_direct_reclaim(k)) return false;
  const mayWaitForKswapd = (gfp & __GFP_FS) !== 0;
  task.blockedOn = pfmemallocWait(k);
  // kswapd may wait for the very lock that this task holds: then a second must do.
  let left: number = k.options.hz;
  while (!allow_direct_reclaim(k) && !fatal_signal_pending(task) && left > 0) {
    prepare_to_wait(k, k.pfmemallocWait, mayWaitForKswapd ? TASK_KILLABLE : TASK_INTERRUPTIBLE);
    if (mayWaitForKswapd) yield* call(k, schedule);
    else left = yield* call(k, schedule_timeout, left);
  }
  finish_wait(k, k.pfmemallocWait);
  task.blockedOn = undefined;
  return fatal_signal_pending(task);
}
