// Waiting for a device that has too many requests (mm/backing-dev.c up to Linux 5.15): who waits
// is woken when any queue gets room again, and goes on after its timeout at the latest.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { cond_resched, schedule } from '../kernel/sched.ts';
import { TASK_UNINTERRUPTIBLE } from '../kernel/task-bits.ts';
import { schedule_timeout } from '../kernel/timer.ts';
import { finish_wait, prepare_to_wait, wake_up, WaitQueue } from '../kernel/wait.ts';

/** congestion_wqh[BLK_RW_ASYNC], and how many queues are congested now. */
export class Congestion {
  readonly wait = new WaitQueue('congestion_wqh[BLK_RW_ASYNC]');
  /** nr_wb_congested[BLK_RW_ASYNC] */
  queues = 0;
}

/** set_bdi_congested() */
export function set_congested(k: Kernel): void {
  k.congestion.queues++;
}

/** clear_bdi_congested() */
export function clear_congested(k: Kernel): void {
  k.congestion.queues--;
  wake_up(k, k.congestion.wait);
}

/** Sleeps for so many jiffies, or until a queue that was congested has room. */
export function* congestion_wait(k: Kernel, timeout: number): Code {
  prepare_to_wait(k, k.congestion.wait, TASK_UNINTERRUPTIBLE);
  yield* call(k, io_schedule_timeout, timeout);
  finish_wait(k, k.congestion.wait);
}

/** As {@link congestion_wait} where a queue is congested, else it only gives way to others. */
export function* wait_iff_congested(k: Kernel, timeout: number): Code {
  if (k.congestion.queues === 0) {
    yield* cond_resched(k);
    return;
  }
  yield* call(k, congestion_wait, timeout);
}

/** Sleeps for I/O. */
export function* io_schedule(k: Kernel): Code {
  yield* call(k, schedule);
}

/** Sleeps for I/O for so many jiffies at most. The state is uninterruptible, whatever it was. */
export function* io_schedule_timeout(k: Kernel, timeout: number): Code {
  k.current.state = TASK_UNINTERRUPTIBLE;
  yield* call(k, schedule_timeout, timeout);
}
