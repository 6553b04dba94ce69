// What a kernel calls things: the bits and the function names that its memory and its log have. The
// simulated code has those of 6.1; they are translated where they are written down.

import type { RwSemaphore } from '../locking/rw-semaphore.ts';

/** The words of one kernel. */
export interface KernelWords {
  /** `gfp_mask` */
  readonly gfp: (mask: number) => number;
  /** A gfp_mask as the OOM killer and warn_alloc() print it. */
  readonly gfpText: (mask: number) => string;
  /** `task->flags`: PF_* */
  readonly taskFlags: (flags: number) => number;
  /** `task->__state`: TASK_* */
  readonly taskState: (state: number) => number;
  /** `count` of a struct rw_semaphore, as an unsigned word. */
  readonly rwsemCount: (lock: RwSemaphore) => bigint;
  /** The symbol of a function; undefined where this kernel has its code in the caller. */
  readonly functionName: (name: string) => string | undefined;
}
