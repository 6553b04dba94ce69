// What the PF_* bits of a task say (include/linux/sched.h). These bits have not moved since v2.6,
// or say since when; those that have are found out elsewhere.

import type { Task } from './task.ts';

/** Getting shut down. */
const PF_EXITING = 0x4;
/** Writes, or wrote, the core of its process. */
const PF_DUMPCORE = 0x200;
/** Allocating memory on behalf of reclaim. */
export const PF_MEMALLOC = 0x800;

/**
 * memalloc_nofs_save() (v4.12; the bit was PF_KSWAPD before), memalloc_noio_save(): what the task
 * asks for is to do without.
 */
export const PF_MEMALLOC_NOFS = 0x40000;
export const PF_MEMALLOC_NOIO = 0x80000;

/** The task has reached do_exit(); undefined where its flags could not be read. */
export function isExiting({ flags }: Task): boolean | undefined {
  return flags === undefined ? undefined : (flags & PF_EXITING) !== 0;
}

/** The task writes a core, for whose requests nobody is killed; false where it is not known. */
export function isDumpingCore({ flags }: Task): boolean {
  return ((flags ?? 0) & PF_DUMPCORE) !== 0;
}

/**
 * The task is inside reclaim or compaction. kswapd, which always has the flag, is not meant: its
 * having it is no sign of a request.
 */
export function isReclaiming(task: Task): boolean {
  return ((task.flags ?? 0) & PF_MEMALLOC) !== 0 && !isKswapdByName(task);
}

/**
 * The task is in a scope in which requests are made without __GFP_FS. Of kernels since v4.12: the
 * lower of the two bits was PF_KSWAPD before.
 */
export function isInNofsScope({ flags }: Task): boolean {
  return ((flags ?? 0) & (PF_MEMALLOC_NOFS | PF_MEMALLOC_NOIO)) !== 0;
}

/** kswapd_run() (mm/vmscan.c) names its threads by their node. */
export function isKswapdByName({ kthread, comm }: Task): boolean {
  return kthread === true && /^kswapd\d+$/.test(comm ?? '');
}
