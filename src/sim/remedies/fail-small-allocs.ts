// failSmallAllocs. LWN 636017, as seed 003 tells of it: small requests fail after some attempts
// instead of looping for ever, all but those with __GFP_NOFAIL. System calls get ENOMEM, and
// transactions an error (see simfs_error()). A page fault that got no page has somebody killed by
// the OOM killer, or is answered with SIGBUS: with the latter where the page was there, and the
// file system got no memory to find out what belongs into it, not even when asked once more
// (filemap_fault() of Linux 4.1 and 6.1). mm/readahead.ts says why that is likelier than it looks.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { SIGBUS, TIF_SIGPENDING } from '../kernel/task-bits.ts';
import type { Task } from '../kernel/task.ts';
import { schedule_timeout_uninterruptible } from '../kernel/timer.ts';
import { mutex_trylock, mutex_unlock } from '../locking/mutex.ts';
import { __GFP_NOFAIL, GFP_KERNEL, GFP_NOFS } from '../mm/gfp.ts';
import { out_of_memory } from '../mm/oom-kill.ts';
import { __alloc_pages, __free_pages } from '../mm/page-alloc.ts';

/**
 * Rounds that may have come to nothing, which is a choice of this model: more than the 16 after
 * which the OOM killer is invoked for the first time.
 */
const ATTEMPTS_MAX = 20;

/** Whether a request that got nowhere so often is to fail. */
export function mustFailNow({ options }: Kernel, gfp: number, attempts: number): boolean {
  return options.failSmallAllocs && (gfp & __GFP_NOFAIL) === 0 && attempts >= ATTEMPTS_MAX;
}

/**
 * Where on the disk a page of a file lies: a block of the file's map is read for it. A kernel where
 * that cannot fail waits here as it waits for the page itself; so only the other one runs it.
 *
 * @returns whether there was memory for it
 */
export function* simfs_get_block(k: Kernel): Code<boolean> {
  if (!k.options.failSmallAllocs) return true;
  const page = yield* call(k, __alloc_pages, { gfp: GFP_NOFS, order: 0 });
  if (page === undefined) return false;
  __free_pages(page);
  return true;
}

/** VM_FAULT_OOM: until Linux 5.16 the OOM killer is invoked, and the fault is tried again. */
export function* oomOfFault(k: Kernel): Code {
  if (!mutex_trylock(k, k.oomLock)) {
    yield* call(k, schedule_timeout_uninterruptible, 1);
    return;
  }
  yield* call(k, out_of_memory, { gfp: GFP_KERNEL, order: 0 });
  mutex_unlock(k, k.oomLock);
}

const SIGBUS_MASK = 1 << (SIGBUS - 1);

/** do_sigbus(): force_sig_fault(), which not even init is spared. */
export function do_sigbus(k: Kernel): void {
  const { current: task } = k;
  if (isSigbusPending(task)) return;
  task.pending |= SIGBUS_MASK;
  task.threadFlags |= TIF_SIGPENDING;
  const { pid, comm, process } = task;
  k.harm.sigbus.push({ pid, comm, oomScoreAdj: process.oomScoreAdj });
}

/** A task on its way out of the kernel dies of it; none of our programs handles it. */
export function isSigbusPending({ pending }: Task): boolean {
  return (pending & SIGBUS_MASK) !== 0;
}
