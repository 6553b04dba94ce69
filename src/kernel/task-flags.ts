// What the PF_* bits of a task say (include/linux/sched.h). These bits have not moved since v2.6;
// those that have are found out elsewhere.

import type { Task } from './task.ts';

/** Getting shut down. */
const PF_EXITING = 0x4;
/** Allocating memory on behalf of reclaim. */
const PF_MEMALLOC = 0x800;

/** The task has reached do_exit(); undefined where its flags could not be read. */
export function isExiting({ flags }: Task): boolean | undefined {
  return flags === undefined ? undefined : (flags & PF_EXITING) !== 0;
}

/**
 * The task is inside reclaim or compaction. kswapd, which always has the flag, is not meant: its
 * having it is no sign of a request.
 */
export function isReclaiming(task: Task): boolean {
  return ((task.flags ?? 0) & PF_MEMALLOC) !== 0 && !isKswapdByName(task);
}

/** kswapd_run() (mm/vmscan.c) names its threads by their node. */
export function isKswapdByName({ kthread, comm }: Task): boolean {
  return kthread === true && /^kswapd\d+$/.test(comm ?? '');
}
