// eventfd(2) (fs/eventfd.c): a counter that one side adds to and the other side reads, which sleeps
// while it is 0. Reading takes nothing but the counter, so that no memory is needed to be told of
// the want of it.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { schedule } from '../kernel/sched.ts';
import { TASK_INTERRUPTIBLE } from '../kernel/task-bits.ts';
import { fatal_signal_pending } from '../kernel/task.ts';
import { finish_wait, prepare_to_wait, wake_up, WaitQueue } from '../kernel/wait.ts';

/** struct eventfd_ctx */
export class EventFd {
  count = 0;
  readonly wqh = new WaitQueue('eventfd_ctx.wqh');
}

/** Adds one, and wakes who reads. */
export function eventfd_signal(k: Kernel, event: EventFd): void {
  event.count++;
  wake_up(k, event.wqh);
}

/** read(2) from it: all that has been added since the last time. */
export function* eventfd_read(k: Kernel, event: EventFd): Code {
  while (event.count === 0 && !fatal_signal_pending(k.current)) {
    prepare_to_wait(k, event.wqh, TASK_INTERRUPTIBLE);
    yield* call(k, schedule);
    finish_wait(k, event.wqh);
  }
  event.count = 0;
}
