// Wait queues (kernel/sched/wait.c).

import type { Kernel } from '../core/kernel.ts';
import type { Task } from './task.ts';

/** struct wait_queue_head. */
export class WaitQueue {
  readonly name: string;
  readonly tasks: Task[] = [];

  constructor(name: string) {
    this.name = name;
  }
}

/** prepare_to_wait(): the task is about to sleep in `state`. */
export function prepare_to_wait(k: Kernel, queue: WaitQueue, state: number): void {
  if (!queue.tasks.includes(k.current)) queue.tasks.push(k.current);
  k.current.state = state;
}

export function finish_wait(k: Kernel, queue: WaitQueue): void {
  k.current.state = 0;
  const at = queue.tasks.indexOf(k.current);
  if (at >= 0) queue.tasks.splice(at, 1);
}

export function wake_up(k: Kernel, queue: WaitQueue): void {
  for (const task of queue.tasks.splice(0)) k.sched.wake(task);
}
