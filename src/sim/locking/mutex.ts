// Sleeping locks with an owner (kernel/locking/mutex.c): whoever finds one taken goes to the end of
// its wait list and sleeps where no signal wakes it.

import { call, keepOnStack, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { schedule } from '../kernel/sched.ts';
import { TASK_RUNNING, TASK_UNINTERRUPTIBLE } from '../kernel/task-bits.ts';
import type { WaitTarget } from './wait-target.ts';
import type { Task } from '../kernel/task.ts';

/** struct mutex. */
export class Mutex implements WaitTarget {
  readonly kind = 'mutex';
  /** What it protects, for the ledger. */
  readonly name: string;
  owner: Task | undefined;
  readonly waiters: Task[] = [];

  constructor(name: string) {
    this.name = name;
  }

  holders(): readonly Task[] {
    return this.owner === undefined ? [] : [this.owner];
  }
}

/** @returns whether the lock is the caller's now */
export function mutex_trylock(k: Kernel, lock: Mutex): boolean {
  if (lock.owner !== undefined) return false;
  lock.owner = k.current;
  k.current.held.add(lock);
  return true;
}

/** Takes the lock, however long that takes. */
export function* mutex_lock(k: Kernel, lock: Mutex): Code {
  if (mutex_trylock(k, lock)) return;
  yield* call(k, __mutex_lock_slowpath, lock);
}

function* __mutex_lock_slowpath(k: Kernel, lock: Mutex): Code {
  yield* call(k, __mutex_lock, lock);
}

function* __mutex_lock(k: Kernel, lock: Mutex): Code {
  const task = k.current;
  keepOnStack(k, { type: 'mutex_waiter', task, lock });
  lock.waiters.push(task);
  task.blockedOn = lock;
  while (!mutex_trylock(k, lock)) {
    task.state = TASK_UNINTERRUPTIBLE;
    yield* call(k, schedule);
  }
  task.state = TASK_RUNNING;
  task.blockedOn = undefined;
  lock.waiters.splice(lock.waiters.indexOf(task), 1);
}

/** Gives the lock back and wakes who waited longest. */
export function mutex_unlock(k: Kernel, lock: Mutex): void {
  lock.owner = undefined;
  k.current.held.delete(lock);
  const [first] = lock.waiters;
  if (first !== undefined) k.sched.wake(first);
}
