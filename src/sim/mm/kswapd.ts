// kswapd (mm/vmscan.c): reclaims in the background, from the low watermark up to the high one, and
// leaves it to kcompactd to make large blocks of what it freed.

import { call, keepOnStack, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { schedule } from '../kernel/sched.ts';
import { PF_KSWAPD, PF_MEMALLOC, TASK_INTERRUPTIBLE } from '../kernel/task-bits.ts';
import { finish_wait, prepare_to_wait, wake_up, WaitQueue } from '../kernel/wait.ts';
import { __GFP_DIRECT_RECLAIM, GFP_KERNEL } from './gfp.ts';
import { allow_direct_reclaim, MAX_RECLAIM_RETRIES } from './throttle.ts';
import { newScanControl, shrink_node } from './vmscan.ts';
import { watermark_higher, watermark_lower } from '../remedies/phased-watermarks.ts';

/** Starts kswapd, as every node has one. */
export function kswapd_run(k: Kernel): void {
  k.kswapdWait = new WaitQueue('kswapd_wait');
  k.kthread({ comm: 'kswapd0', flags: PF_KSWAPD | PF_MEMALLOC }, kswapd);
}

/** Wakes kswapd unless it has given up, or all is well. */
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
  // prepare_kswapd_sleep(): who waits for the reserves is to look at them again.
  wake_up(k, k.pfmemallocWait);
  if (isBalanced(k)) clear_pgdat_congested(k);
  prepare_to_wait(k, wait, TASK_INTERRUPTIBLE);
  yield* call(k, schedule);
  finish_wait(k, wait);
}

function clear_pgdat_congested({ node }: Kernel): void {
  node.isTailDirty = node.isTailWriteback = node.isCongested = false;
}

/** pgdat_balanced(): one zone that user space may use has enough. */
function isBalanced(k: Kernel): boolean {
  return k.node.zones.some(({ freePagesSafe, watermark, lowmemReserve }) => {
    return freePagesSafe > watermark.high + lowmemReserve;
  });
}

function* balance_pgdat(k: Kernel): Code {
  const gfpMask = GFP_KERNEL & ~__GFP_DIRECT_RECLAIM;
  const sc = newScanControl({ gfpMask, order: 0, nrToReclaim: Infinity });
  keepOnStack(k, { type: 'scan_control', sc });
  k.current.inMemstall = true;
  watermark_lower(k);
  // set_reclaim_active()
  for (const zone of k.node.zones) zone.isReclaimActive = true;
  while (!isBalanced(k) && sc.priority >= 1) {
    const before = sc.nrReclaimed;
    yield* call(k, shrink_node, sc);
    if (allow_direct_reclaim(k)) wake_up(k, k.pfmemallocWait);
    if (sc.nrReclaimed === before) sc.priority--;
  }
  for (const zone of k.node.zones) zone.isReclaimActive = false;
  watermark_higher(k);
  k.current.inMemstall = false;
  if (sc.nrReclaimed === 0 && k.options.kswapdGivesUp) k.node.kswapdFailures++;
}
