// Waiting in user space's locks (kernel/futex/waitwake.c): where idle threads spend their lives.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { schedule } from './sched.ts';
import { TASK_INTERRUPTIBLE } from './task-bits.ts';
import { fatal_signal_pending } from './task.ts';

/** futex(2) with FUTEX_WAIT: nobody wakes it but a signal. */
export function __x64_sys_futex(k: Kernel): Code {
  return call(k, do_futex);
}

function do_futex(k: Kernel): Code {
  return call(k, futex_wait);
}

function* futex_wait(k: Kernel): Code {
  while (!fatal_signal_pending(k.current)) yield* call(k, futex_wait_queue);
}

function futex_wait_queue(k: Kernel): Code {
  k.current.state = TASK_INTERRUPTIBLE;
  return call(k, schedule);
}
