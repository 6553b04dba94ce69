// Wait queues (kernel/sched/wait.c).

import { keepOnStack, type StackLocal } from '../core/code.ts';
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

/**
 * prepare_to_wait(): the task is about to sleep in `state`. DEFINE_WAIT() of the caller is on its
 * stack until finish_wait().
 */
export function prepare_to_wait(k: Kernel, queue: WaitQueue, state: number): void {
  const kept = k.current.frames.at(-1)?.locals.some((local) => isEntryOf(local, queue));
  if (kept === false) keepOnStack(k, { type: 'wait_queue_entry', queue });
  if (!queue.tasks.includes(k.current)) queue.tasks.push(k.current);
  k.current.state = state;
}

export function finish_wait(k: Kernel, queue: WaitQueue): void {
  k.current.state = 0;
  const at = queue.tasks.indexOf(k.current);
  if (at >= 0) queue.tasks.splice(at, 1);
  const frame = k.current.frames.at(-1);
  if (frame === undefined) return;
  frame.locals = frame.locals.filter((local) => !isEntryOf(local, queue));
}

function isEntryOf(local: StackLocal, queue: WaitQueue): boolean {
  return local.type === 'wait_queue_entry' && local.queue === queue;
}

export function wake_up(k: Kernel, queue: WaitQueue): void {
  for (const task of queue.tasks.splice(0)) k.sched.wake(task);
}
