// Locks for many readers or one writer (kernel/locking/rwsem.c of 6.1). Readers that come while a
// writer waits queue up behind it; when the lock is free for readers, all that wait get it at once;
// a writer that has waited for too long has it handed over. Nobody spins: a spinner that succeeds
// looks like one that found the lock free.

import { assert } from '../../util/assert.ts';
import { call, keepOnStack, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { schedule } from '../kernel/sched.ts';
import {
  SCHED_FIFO,
  TASK_KILLABLE,
  TASK_RUNNING,
  TASK_UNINTERRUPTIBLE,
} from '../kernel/task-bits.ts';
import { fatal_signal_pending, type Task } from '../kernel/task.ts';
import type { RwSemaphore, RwsemWaiter } from './rw-semaphore.ts';

/** RWSEM_WAIT_TIMEOUT: 4 ms, or a jiffy where that is longer. */
const WAIT_TIMEOUT_PER_SECOND = 250;
/** MAX_READERS_WAKEUP */
const READERS_WAKEUP_MAX = 0x100;

/** @returns whether the caller reads now */
export function down_read_trylock(k: Kernel, sem: RwSemaphore): boolean {
  // RWSEM_READ_FAILED_MASK: behind a writer that only waits a reader fails, too.
  if (sem.writer !== undefined || sem.handoff || sem.waiters.length > 0) return false;
  grantRead(sem, k.current);
  return true;
}

/** Takes the lock for reading, however long that takes. */
export function* down_read(k: Kernel, sem: RwSemaphore): Code {
  if (down_read_trylock(k, sem)) return;
  yield* call(k, rwsem_down_read_slowpath, sem, TASK_UNINTERRUPTIBLE);
}

/** @returns false if a fatal signal came first (-EINTR) */
export function* down_read_killable(k: Kernel, sem: RwSemaphore): Code<boolean> {
  if (down_read_trylock(k, sem)) return true;
  return yield* call(k, rwsem_down_read_slowpath, sem, TASK_KILLABLE);
}

/** @returns whether the caller writes now */
export function down_write_trylock(k: Kernel, sem: RwSemaphore): boolean {
  if (sem.count !== 0n) return false;
  grantWrite(sem, k.current);
  return true;
}

/** Takes the lock for writing, however long that takes. */
export function* down_write(k: Kernel, sem: RwSemaphore): Code {
  if (down_write_trylock(k, sem)) return;
  yield* call(k, rwsem_down_write_slowpath, sem, TASK_UNINTERRUPTIBLE);
}

/** @returns false if a fatal signal came first (-EINTR) */
export function* down_write_killable(k: Kernel, sem: RwSemaphore): Code<boolean> {
  if (down_write_trylock(k, sem)) return true;
  return yield* call(k, rwsem_down_write_slowpath, sem, TASK_KILLABLE);
}

/** The last reader wakes who waits first. */
export function up_read(k: Kernel, sem: RwSemaphore): void {
  const task = k.current;
  const at = sem.readers.indexOf(task);
  assert(at >= 0, `${task.comm}(${task.pid}) does not read ${sem.name}`);
  sem.readers.splice(at, 1);
  if (!sem.readers.includes(task)) task.held.delete(sem);
  // `owner` keeps the reader that was last: only CONFIG_DEBUG_RWSEMS clears it.
  if (sem.readers.length === 0 && sem.waiters.length > 0) rwsemMarkWake(k, sem, 'any');
}

/** Ends writing and wakes who waits first. */
export function up_write(k: Kernel, sem: RwSemaphore): void {
  const task = k.current;
  assert(sem.writer === task, `${task.comm}(${task.pid}) does not write ${sem.name}`);
  sem.writer = undefined;
  sem.owner = undefined;
  task.held.delete(sem);
  if (sem.waiters.length > 0) rwsemMarkWake(k, sem, 'any');
}

/** Goes on as a reader, and lets the readers in that wait first. */
export function downgrade_write(k: Kernel, sem: RwSemaphore): void {
  const task = k.current;
  assert(sem.writer === task, `${task.comm}(${task.pid}) does not write ${sem.name}`);
  sem.writer = undefined;
  grantRead(sem, task);
  if (sem.waiters.length > 0) rwsemMarkWake(k, sem, 'read-owned');
}

function* rwsem_down_read_slowpath(k: Kernel, sem: RwSemaphore, state: number): Code<boolean> {
  const task = k.current;
  if (stealRead(k, sem)) return true;
  const waiter = addWaiter(k, sem, 'read');
  // A reader may have queued while the lock was free or others read.
  condWakeWaiter(k, sem);
  task.blockedOn = sem;
  while (waiter.task !== undefined) {
    if (state === TASK_KILLABLE && fatal_signal_pending(task)) {
      giveUp(k, sem, waiter);
      return false;
    }
    task.state = state;
    yield* call(k, schedule_preempt_disabled);
  }
  task.blockedOn = undefined;
  task.state = TASK_RUNNING;
  return true;
}

/** Reader optimistic lock stealing: past waiters, unless a writer has it or is promised it. */
function stealRead(k: Kernel, sem: RwSemaphore): boolean {
  const isFirst = sem.readers.length === 0;
  // Readers that keep coming must not starve a writer that waits.
  if (sem.owner?.isReader === true && !isFirst && sem.writer === undefined) return false;
  if (sem.writer !== undefined || sem.handoff) return false;
  grantRead(sem, k.current);
  if (isFirst && sem.waiters.length > 0) rwsemMarkWake(k, sem, 'read-owned');
  return true;
}

function* rwsem_down_write_slowpath(k: Kernel, sem: RwSemaphore, state: number): Code<boolean> {
  const task = k.current;
  // rwsem_try_write_lock_unqueued(): a lock that is free may be stolen from who waits for it.
  if (!isLocked(sem) && !sem.handoff) {
    grantWrite(sem, task);
    return true;
  }
  const waiter = addWaiter(k, sem, 'write');
  if (sem.waiters[0] !== waiter) condWakeWaiter(k, sem);
  task.blockedOn = sem;
  while (!rwsemTryWriteLock(k, sem, waiter)) {
    if (state === TASK_KILLABLE && fatal_signal_pending(task)) {
      giveUp(k, sem, waiter);
      return false;
    }
    task.state = state;
    yield* call(k, schedule);
  }
  task.blockedOn = undefined;
  task.state = TASK_RUNNING;
  return true;
}

/** rwsem_try_write_lock(): the waiter takes it, or asks for it to be handed over. */
function rwsemTryWriteLock(k: Kernel, sem: RwSemaphore, waiter: RwsemWaiter): boolean {
  const { current: task } = k;
  const [first] = sem.waiters;
  if (sem.handoff && first?.handoffSet === true && first !== waiter) return false;
  if (isLocked(sem)) {
    const isImpatient = task.policy === SCHED_FIFO || k.jiffies > waiter.timeout;
    if (sem.handoff || !isImpatient) return false;
    sem.handoff = true;
    if (first !== undefined) first.handoffSet = true;
    return false;
  }
  sem.handoff = false;
  sem.waiters.splice(sem.waiters.indexOf(waiter), 1);
  grantWrite(sem, task);
  return true;
}

/** rwsem_mark_wake(): readers are given the lock, a writer is only woken to take it. */
function rwsemMarkWake(k: Kernel, sem: RwSemaphore, type: 'any' | 'readers' | 'read-owned'): void {
  const [first] = sem.waiters;
  if (first?.task === undefined) return;
  if (first.type === 'write') {
    if (type === 'any') k.sched.wake(first.task);
    return;
  }
  if (sem.writer !== undefined) {
    if (k.jiffies > first.timeout) sem.handoff = first.handoffSet = true;
    return;
  }
  const woken = sem.waiters.filter((waiter) => waiter.type === 'read').slice(0, READERS_WAKEUP_MAX);
  for (const waiter of woken) {
    const { task } = waiter;
    sem.waiters.splice(sem.waiters.indexOf(waiter), 1);
    waiter.task = undefined;
    if (task === undefined) continue;
    grantRead(sem, task);
    k.sched.wake(task);
  }
  sem.handoff = false;
}

/** rwsem_cond_wake_waiter(): unless a writer has it. */
function condWakeWaiter(k: Kernel, sem: RwSemaphore): void {
  if (sem.writer !== undefined) return;
  rwsemMarkWake(k, sem, sem.readers.length > 0 ? 'readers' : 'any');
}

function addWaiter(k: Kernel, sem: RwSemaphore, type: RwsemWaiter['type']): RwsemWaiter {
  const task = k.current;
  const timeout = k.jiffies + Math.ceil(k.options.hz / WAIT_TIMEOUT_PER_SECOND);
  const waiter: RwsemWaiter = { task, type, timeout, handoffSet: false };
  keepOnStack(k, { type: 'rwsem_waiter', waiter, lock: sem });
  sem.waiters.push(waiter);
  return waiter;
}

/** out_nolock: a fatal signal came. Whoever waited behind the first may get the lock now. */
function giveUp(k: Kernel, sem: RwSemaphore, waiter: RwsemWaiter): void {
  const task = k.current;
  const wasFirst = sem.waiters[0] === waiter;
  sem.waiters.splice(sem.waiters.indexOf(waiter), 1);
  if (sem.waiters.length === 0) sem.handoff = false;
  else if (wasFirst) rwsemMarkWake(k, sem, 'any');
  task.blockedOn = undefined;
  task.state = TASK_RUNNING;
}

function isLocked(sem: RwSemaphore): boolean {
  return sem.writer !== undefined || sem.readers.length > 0;
}

function grantRead(sem: RwSemaphore, task: Task): void {
  sem.readers.push(task);
  sem.owner = { task, isReader: true };
  task.held.add(sem);
}

function grantWrite(sem: RwSemaphore, task: Task): void {
  sem.writer = task;
  sem.owner = { task, isReader: false };
  task.held.add(sem);
}

/** schedule() of a function that must not be preempted before it has left the CPU. */
function* schedule_preempt_disabled(k: Kernel): Code {
  yield* call(k, schedule);
}
