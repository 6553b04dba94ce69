// The words of Linux 4.4 (include/linux/sched.h, gfp.h).

import * as sim from '../kernel/task-bits.ts';
import type { RwSemaphore } from '../locking/rw-semaphore.ts';
import { functionName44 } from './function-names-4-4.ts';
import { gfp44 } from './gfp-4-4.ts';
import { moveBits } from './move-bits.ts';
import type { KernelWords } from './words.ts';

/** Bits of task->flags that 4.12 moved (7dea19f9ee63), and one that came later. */
const PF_FSTRANS = 0x20000;
const PF_KSWAPD = 0x40000;
const FLAGS_MOVED: readonly (readonly [from: number, to: number])[] = [
  [sim.PF_KSWAPD, PF_KSWAPD],
  // Who is in a transaction: XFS alone said so then.
  [sim.PF_MEMALLOC_NOFS, PF_FSTRANS],
  // Linux 4.10 (c1de45ca831a)
  [sim.PF_IDLE, 0],
];
const FLAGS_MOVED_MASK = FLAGS_MOVED.reduce((all, [from]) => all | from, 0);

/** Bits of task->state that 4.14 moved up by one, when it gave TASK_PARKED a letter. */
const STATES: readonly (readonly [from: number, to: number])[] = [
  [sim.TASK_INTERRUPTIBLE, 0x1],
  [sim.TASK_UNINTERRUPTIBLE, 0x2],
  [sim.TASK_DEAD, 0x40],
  [sim.TASK_WAKEKILL, 0x80],
  [sim.TASK_NOLOAD, 0x400],
];

function taskState(state: number): number {
  // Up to 4.13 a worker without work slept like everybody else, and an idle kthread likewise.
  return moveBits(state === sim.TASK_IDLE ? sim.TASK_INTERRUPTIBLE : state, STATES);
}

function taskFlags(flags: number): number {
  const staying = flags & ~FLAGS_MOVED_MASK;
  return (staying | moveBits(flags & FLAGS_MOVED_MASK, FLAGS_MOVED)) >>> 0;
}

/** RWSEM_ACTIVE_BIAS, and RWSEM_WAITING_BIAS of 64 bits (arch/x86/include/asm/rwsem.h). */
const ACTIVE_BIAS = 1n;
const WAITING_BIAS = -(1n << 32n);

/**
 * Who has it is counted below; a writer, and a list of waiters, take the upper half down by
 * one.
 */
function rwsemCount({ writer, readers, waiters }: RwSemaphore): bigint {
  const active = writer === undefined ? BigInt(readers.length) : WAITING_BIAS + ACTIVE_BIAS;
  return BigInt.asUintN(64, active + (waiters.length > 0 ? WAITING_BIAS : 0n));
}

/** What 4.4 says. */
export const WORDS_4_4: KernelWords = {
  gfp: gfp44,
  // Names came with 4.6.
  gfpText: (mask) => `0x${gfp44(mask).toString(16)}`,
  taskFlags,
  taskState,
  rwsemCount,
  functionName: functionName44,
};
