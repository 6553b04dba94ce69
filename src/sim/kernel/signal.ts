// SIGKILL (kernel/signal.c): sent to a whole process, it wakes every thread that sleeps where a
// fatal signal may wake it, and no other.

import type { Kernel } from '../core/kernel.ts';
import {
  SIGKILL,
  SIGNAL_GROUP_EXIT,
  TASK_INTERRUPTIBLE,
  TASK_WAKEKILL,
  TIF_SIGPENDING,
} from './task-bits.ts';
import type { Process, Task } from './task.ts';

const SIGKILL_MASK = 1 << (SIGKILL - 1);

/** do_send_sig_info(SIGKILL, …, PIDTYPE_TGID) */
export function sendSigkill(k: Kernel, process: Process): void {
  if ((process.flags & SIGNAL_GROUP_EXIT) !== 0) return;
  process.sharedPending |= SIGKILL_MASK;
  killThreads(k, process);
}

/** complete_signal(): the whole group is to exit. */
export function killThreads(k: Kernel, process: Process, except?: Task): void {
  process.flags |= SIGNAL_GROUP_EXIT;
  for (const task of process.threads) {
    if (task === except || task.isExiting) continue;
    task.pending |= SIGKILL_MASK;
    task.threadFlags |= TIF_SIGPENDING;
    k.sched.wake(task, TASK_INTERRUPTIBLE | TASK_WAKEKILL);
  }
}

/** get_signal() on the way to do_exit(): SIGKILL is no longer pending. */
export function dequeueSigkill(task: Task): void {
  task.pending &= ~SIGKILL_MASK;
  if (task.pending === 0) task.threadFlags &= ~TIF_SIGPENDING;
}
