// Kernel threads that wait for work (kernel/kthread.c, kernel/smpboot.c, kernel/workqueue.c).

import { call, type Code, type KernelFunction } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { schedule } from './sched.ts';
import { TASK_IDLE, TASK_INTERRUPTIBLE } from './task-bits.ts';
import { schedule_timeout } from './timer.ts';
import { finish_wait, prepare_to_wait, type WaitQueue } from './wait.ts';

/** Makes kernel threads when asked to. */
export function* kthreadd(k: Kernel): Code {
  yield* sleepForever(k, TASK_INTERRUPTIBLE);
}

/** What a worker does when there is something to do. */
export interface Work {
  readonly wait: WaitQueue;
  readonly isPending: () => boolean;
  /** It is done after so many jiffies even if nobody wakes the worker. */
  readonly timeout: number;
  readonly process: KernelFunction<[], void>;
}

/** A worker; without work it waits for ever. */
export function* worker_thread(k: Kernel, work?: Work): Code {
  if (work === undefined) yield* sleepForever(k, TASK_IDLE);
  else {
    for (;;) {
      if (!work.isPending()) {
        prepare_to_wait(k, work.wait, TASK_IDLE);
        yield* call(k, schedule_timeout, work.timeout);
        finish_wait(k, work.wait);
      }
      yield* call(k, work.process);
    }
  }
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
