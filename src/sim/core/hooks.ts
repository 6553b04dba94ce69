// What looks on while the machine runs, as seed 002 wants the watchdog to serve: who listens hears
// of the first request that stalls, and when none does any more. It changes nothing in the machine.

import type { Kernel } from './kernel.ts';
import type { Task } from '../kernel/task.ts';

/** Hears of function calls and of the log. Time is {@link Kernel.sched}'s. */
export interface Tracer {
  /** A function of the kernel was entered, with these arguments. */
  enter(task: Task, name: string, args: readonly unknown[]): void;
  /** It returns. */
  leave(task: Task, name: string): void;
  printk(task: Task, text: string): void;
}

/** Hears of stalls. */
export interface StallListener {
  /** The oldest request in flight is as old as the timeout. */
  readonly onStallBegin: () => void;
  /** No request is that old. */
  readonly onStallEnd: () => void;
}

/**
 * Tells a listener when requests stall. It looks when the oldest request comes of age, as kmallocwd
 * does, and while one is that old after every jiffy.
 *
 * @param timeout in jiffies
 */
export function watchForStalls(k: Kernel, timeout: number, listener: StallListener): void {
  let stalls = false;
  const look = (): void => {
    let left = timeout;
    for (const { request } of k.threads()) {
      if (request.depth > 0) left = Math.min(left, request.start + timeout - k.jiffies);
    }
    if (left <= 0 !== stalls) {
      stalls = !stalls;
      if (stalls) listener.onStallBegin();
      else listener.onStallEnd();
    }
    k.atJiffy(k.jiffies + Math.max(1, left), look);
  };
  look();
}
