// Sleeping locks that somebody waits for (kernel/locking): who has them, who waits, and on whom it
// hangs.
//
// A dump has no list of locks. They are found from those that sleep: each has a structure on its
// stack that is linked to the lock (waiters.ts).

import type { Vmcore } from '../target/vmcore.ts';
import { optional } from '../util/optional.ts';
import { allocatorPlace } from './alloc-frames.ts';
import { LockCollector } from './locking/collector.ts';
import type { LocksResult, LockTask, WorkWait } from './locking/lock.ts';
import type { KnownTask } from './locking/task-index.ts';
import { meaningfulFrame } from './locking/wait-functions.ts';
import { ownersOf, WaitGraph } from './locking/wait-graph.ts';
import { StackReader, type StackFrame, type Stacks } from './stack.ts';
import { readTasks, type Task } from './task.ts';
import { readWorkWaits } from './work-waits.ts';

/** The locks of a dump, with the stacks of all of its tasks, and works that wait for a worker. */
export function locksResult(vmcore: Vmcore): LocksResult {
  const { tasks, idle } = readTasks(vmcore);
  const stacks = new StackReader(vmcore);
  const result = readLocks(vmcore, [...idle, ...tasks], stacks);
  const read = (): WorkWait[] => readWorkWaits(vmcore, { tasks, stacks });
  const works = vmcore.problems.attempt('workqueues', read);
  if (works === undefined) return result;
  const told = new Set(result.tasks.map(({ pid }) => pid));
  const pids = new Set(works.flatMap(({ workers }) => workers).filter((pid) => !told.has(pid)));
  const workers = tasks.flatMap((task) => {
    const { pid } = task;
    if (pid === undefined || !pids.has(pid)) return [];
    return [lockTask({ ...task, pid }, stacks.read(task)?.frames ?? [])];
  });
  return { ...result, works, tasks: [...result.tasks, ...workers] };
}

/**
 * The locks that tasks wait for.
 *
 * @param tasks all tasks of the dump, idle ones too: an owner that is none of them is not believed
 */
export function readLocks(vmcore: Vmcore, tasks: readonly Task[], stacks: Stacks): LocksResult {
  const collector = new LockCollector(vmcore, tasks);
  const frames = new Map<number, readonly StackFrame[]>();
  for (const task of collector.tasks.all()) {
    if (task.pid === 0) continue;
    const stack = stacks.read(task);
    if (stack === undefined) continue;
    frames.set(task.pid, stack.frames);
    collector.look(task, stack);
  }
  const locks = collector.locks();
  const owners = new Map(locks.map(({ address, owner }) => [address, owner]));
  const waits = [...collector.waits.values()].filter(({ pid, lock }) => {
    const owner = owners.get(lock);
    if (owner?.pid !== pid) return true;
    // It has the lock by now, and takes itself off the list next.
    return owner.how !== 'handed over' && collector.tasks.withPid(pid)?.state !== 'R';
  });
  // A waiter that its own stack does not show may be on the list of the lock.
  const unproved = [...collector.unproved.values()].filter(({ pid }) => !collector.waits.has(pid));
  const graph = new WaitGraph({ locks, waits });
  const pids = [
    ...locks.flatMap((lock) => [...ownersOf(lock).map(({ pid }) => pid), ...lock.waiters]),
    ...unproved.map(({ pid }) => pid),
  ];
  const lockTasks = [...new Set(pids)].flatMap((pid) => {
    const task = collector.tasks.withPid(pid);
    return task === undefined ? [] : [lockTask(task, frames.get(pid) ?? [])];
  });
  const cycles = graph.cycles();
  const chains = graph.chains();
  return { type: 'locks', locks, waits, unproved, cycles, chains, tasks: lockTasks };
}

function lockTask(task: KnownTask, frames: readonly StackFrame[]): LockTask {
  const frame = meaningfulFrame(frames);
  const at = frame === undefined ? undefined : frameWords(frame);
  return {
    pid: task.pid,
    ...optional('comm', task.comm),
    ...optional('state', task.state),
    ...(task.onCpu === true ? { onCpu: true as const } : {}),
    ...optional('at', at),
    ...optional('allocator', allocatorPlace(frames)),
  };
}

function frameWords({ name = '-', offset = 0, module }: StackFrame): string {
  return `${name}+0x${offset.toString(16)}${module === undefined ? '' : ` [${module}]`}`;
}
