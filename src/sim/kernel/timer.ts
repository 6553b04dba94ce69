// Timeouts of sleeping tasks, rounded as the timer wheel rounds them (kernel/time/timer.c): the
// farther away, the coarser, and never early. That is why a report that is due every 10 s comes
// every 10.24 s.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { schedule } from './sched.ts';
import { TASK_INTERRUPTIBLE, TASK_UNINTERRUPTIBLE } from './task-bits.ts';

/** Buckets of one level, and by how many bits each level is coarser than the one before. */
const LEVEL_SIZE = 64;
const LEVEL_SHIFT = 3;
const LEVEL_COUNT = 9;

/** The jiffy in which a timer really expires. */
export function wheelExpiry(now: number, expires: number): number {
  const delta = expires - now;
  let level = 0;
  while (level < LEVEL_COUNT - 1 && delta >= (LEVEL_SIZE - 1) * 2 ** (level * LEVEL_SHIFT)) level++;
  const granularity = 2 ** (level * LEVEL_SHIFT);
  return (Math.floor(expires / granularity) + 1) * granularity;
}

/** The jiffy in which a timer of this kernel expires. */
export function timerExpiry(k: Kernel, expires: number): number {
  return k.options.cascadingTimers ? expires : wheelExpiry(k.jiffies, expires);
}

/** Sleeps until woken or until `timeout` jiffies are over. @returns the jiffies that were left */
export function* schedule_timeout(k: Kernel, timeout: number): Code<number> {
  const task = k.current;
  const expires = k.jiffies + timeout;
  const timer = k.atJiffy(timerExpiry(k, expires), () => k.sched.wake(task));
  yield* call(k, schedule);
  timer.cancelled = true;
  return Math.max(0, expires - k.jiffies);
}

/** Sleeps where only a wake-up ends it. */
export function* schedule_timeout_uninterruptible(k: Kernel, timeout: number): Code<number> {
  k.current.state = TASK_UNINTERRUPTIBLE;
  return yield* call(k, schedule_timeout, timeout);
}

/** Sleeps where signals end it too. */
export function* schedule_timeout_interruptible(k: Kernel, timeout: number): Code<number> {
  k.current.state = TASK_INTERRUPTIBLE;
  return yield* call(k, schedule_timeout, timeout);
}
