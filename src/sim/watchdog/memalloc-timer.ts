// The record of a task's allocation request, after the kmallocwd patch v3: kept whether or not the
// watchdog runs. It is seqlock style: odd while it changes, so a dump that is taken in between
// shows a torn record.

import type { Kernel } from '../core/kernel.ts';
import { __GFP_RECLAIM } from '../mm/gfp.ts';

/** A request enters the slow path. Nested ones only count. */
export function start_memalloc_timer(
  k: Kernel,
  { gfp, order }: { gfp: number; order: number },
): void {
  if ((gfp & __GFP_RECLAIM) === 0) return;
  const { memalloc } = k.current;
  if (memalloc.valid === 0) {
    memalloc.sequence++;
    memalloc.start = k.jiffies;
    memalloc.gfp = gfp;
    memalloc.order = order;
    memalloc.dumped = 0;
    memalloc.sequence++;
  }
  memalloc.valid++;
}

/** It leaves it again, with pages or without. */
export function stop_memalloc_timer(k: Kernel, gfp: number): void {
  if ((gfp & __GFP_RECLAIM) !== 0) k.current.memalloc.valid--;
}
