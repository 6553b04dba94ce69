// Counting semaphores (kernel/locking/semaphore.c). They have no owner: whoever calls up() gives
// one, and a dump does not say who took it. The simulation remembers, for the truth.

import { call, keepOnStack, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { TASK_KILLABLE, TASK_RUNNING, TASK_UNINTERRUPTIBLE } from '../kernel/task-bits.ts';
import { schedule } from '../kernel/sched.ts';
import { fatal_signal_pending, type Task } from '../kernel/task.ts';
import type { WaitTarget } from './wait-target.ts';

/** struct semaphore_waiter, on the stack of who sleeps. */
export interface SemaphoreWaiter {
  readonly task: Task;
  /** It was given one, before it runs again. */
  up: boolean;
}

/** struct semaphore. */
export class Semaphore implements WaitTarget {
  readonly kind = 'semaphore';
  /** What it protects, for the ledger. */
  readonly name: string;
  count: number;
  /** In the order of wait_list. */
  readonly waiters: SemaphoreWaiter[] = [];
  /** Who has taken it and not given it back; the kernel does not know. */
  readonly takers: Task[] = [];

  constructor(name: string, count = 1) {
    this.name = name;
    this.count = count;
  }

  holders(): readonly Task[] {
    return this.takers;
  }
}

/** @returns whether the caller has one now; the kernel's own returns 0 then */
export function down_trylock(k: Kernel, sem: Semaphore): boolean {
  if (sem.count === 0) return false;
  sem.count--;
  take(sem, k.current);
  return true;
}

/** Takes one, however long that takes. */
export function* down(k: Kernel, sem: Semaphore): Code {
  if (down_trylock(k, sem)) return;
  yield* call(k, __down, sem);
}

/** @returns false if a fatal signal came first (-EINTR) */
export function* down_killable(k: Kernel, sem: Semaphore): Code<boolean> {
  if (down_trylock(k, sem)) return true;
  return yield* call(k, __down_killable, sem);
}

/** Gives one back, to who waited longest if somebody waits. */
export function up(k: Kernel, sem: Semaphore): void {
  // Anybody may give back what another one took.
  const at = Math.max(0, sem.takers.indexOf(k.current));
  for (const task of sem.takers.splice(at, 1)) {
    if (!sem.takers.includes(task)) task.held.delete(sem);
  }
  const first = sem.waiters.shift();
  if (first === undefined) {
    sem.count++;
    return;
  }
  first.up = true;
  take(sem, first.task);
  k.sched.wake(first.task);
}

function* __down(k: Kernel, sem: Semaphore): Code {
  yield* downCommon(k, sem, TASK_UNINTERRUPTIBLE);
}

function* __down_killable(k: Kernel, sem: Semaphore): Code<boolean> {
  return yield* downCommon(k, sem, TASK_KILLABLE);
}

/** Inlined: ___down_common() */
function* downCommon(k: Kernel, sem: Semaphore, state: number): Code<boolean> {
  const task = k.current;
  const waiter: SemaphoreWaiter = { task, up: false };
  keepOnStack(k, { type: 'semaphore_waiter', waiter, lock: sem });
  sem.waiters.push(waiter);
  task.blockedOn = sem;
  while (!waiter.up) {
    if (state === TASK_KILLABLE && fatal_signal_pending(task)) {
      sem.waiters.splice(sem.waiters.indexOf(waiter), 1);
      break;
    }
    task.state = state;
    yield* call(k, schedule);
  }
  task.state = TASK_RUNNING;
  task.blockedOn = undefined;
  return waiter.up;
}

function take(sem: Semaphore, task: Task): void {
  sem.takers.push(task);
  task.held.add(sem);
}
