// Kernel threads that wait for work (kernel/kthread.c, kernel/smpboot.c, kernel/workqueue.c).

import { call, type Code } from './code.ts';
import type { Kernel } from './kernel.ts';
import { schedule } from './sched.ts';
import { TASK_IDLE, TASK_INTERRUPTIBLE } from './task-bits.ts';

/** Makes kernel threads when asked to. */
export function* kthreadd(k: Kernel): Code {
  yield* sleepForever(k, TASK_INTERRUPTIBLE);
}

/** A worker without work. */
export function* worker_thread(k: Kernel): Code {
  yield* sleepForever(k, TASK_IDLE);
}

/** ksoftirqd and migration: one a CPU, started by the smpboot code. */
export function* smpboot_thread_fn(k: Kernel): Code {
  yield* sleepForever(k, TASK_INTERRUPTIBLE);
}

function* sleepForever(k: Kernel, state: number): Code {
  for (;;) {
    k.current.state = state;
    yield* call(k, schedule);
  }
}
