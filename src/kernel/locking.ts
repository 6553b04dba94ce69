// Sleeping locks that somebody waits for (kernel/locking): who has them, who waits, and on whom it
// hangs.
//
// A dump has no list of locks. They are found from those that sleep: each has a structure on its
// stack that is linked to the lock (waiters.ts).

import type { Vmcore } from '../target/vmcore.ts';
import { hex, type Vaddr } from '../util/address.ts';
import { optional } from '../util/optional.ts';
import { allocatorPlace } from './alloc-frames.ts';
import { StackReader, type StackFrame, type TaskStack } from './stack.ts';
import { readTasks, type Task } from './task.ts';
import type { KernelLock, LocksResult, LockTask, UnprovedWait, Wait } from './locking/lock.ts';
import type { LockMemory } from './locking/lock-memory.ts';
import { MUTEX } from './locking/mutex.ts';
import { LockNames } from './locking/names.ts';
import { RW_SEMAPHORE } from './locking/rwsem.ts';
import { SEMAPHORE } from './locking/semaphore.ts';
import { TaskIndex, type KnownTask } from './locking/task-index.ts';
import { meaningfulFrame, waitSite, type WaitSite } from './locking/wait-functions.ts';
import { ownersOf, WaitGraph } from './locking/wait-graph.ts';
import { WaiterFinder, type ListedLock } from './locking/waiters.ts';
import { WordReader } from './locking/words.ts';

/** The locks of a dump, with the stacks of all of its tasks. */
export function locksResult(vmcore: Vmcore): LocksResult {
  const { tasks, idle } = readTasks(vmcore);
  return readLocks(vmcore, [...idle, ...tasks], new StackReader(vmcore));
}

/** Reads the stack of a task; {@link StackReader} does. */
export interface Stacks {
  read(task: Task): TaskStack | undefined;
}

/**
 * The locks that tasks wait for.
 *
 * @param tasks all tasks of the dump, idle ones too: an owner that is none of them is not believed
 */
export function readLocks(vmcore: Vmcore, tasks: readonly Task[], stacks: Stacks): LocksResult {
  const collector = new LockCollector(vmcore, tasks);
  for (const task of collector.tasks.all()) {
    if (task.pid === 0) continue;
    const stack = stacks.read(task);
    if (stack !== undefined) collector.look(task, stack);
  }
  const locks = collector.locks();
  const waits = [...collector.waits.values()];
  const graph = new WaitGraph({ locks, waits });
  const unproved = collector.unproved.filter(({ pid }) => !collector.waits.has(pid));
  const pids = [
    ...locks.flatMap((lock) => [...ownersOf(lock).map(({ pid }) => pid), ...lock.waiters]),
    ...unproved.map(({ pid }) => pid),
  ];
  return {
    type: 'locks',
    locks,
    waits,
    unproved,
    cycles: graph.cycles(),
    chains: graph.chains(),
    tasks: [...new Set(pids)].flatMap((pid) => {
      const task = collector.tasks.withPid(pid);
      return task === undefined ? [] : [lockTask(task, collector.frames.get(pid) ?? [])];
    }),
  };
}

class LockCollector {
  readonly tasks: TaskIndex;
  readonly waits = new Map<number, Wait>();
  readonly unproved: UnprovedWait[] = [];
  /** Of tasks by pid. */
  readonly frames = new Map<number, readonly StackFrame[]>();
  readonly #at: LockMemory;
  readonly #finder: WaiterFinder;
  readonly #names: LockNames;
  readonly #listed = new Map<Vaddr, ListedLock>();

  constructor(vmcore: Vmcore, tasks: readonly Task[]) {
    this.tasks = new TaskIndex(vmcore, tasks);
    const { problems } = vmcore;
    this.#at = { memory: vmcore, words: new WordReader(vmcore), tasks: this.tasks, problems };
    this.#finder = new WaiterFinder(this.#at, [MUTEX, RW_SEMAPHORE, SEMAPHORE]);
    this.#names = new LockNames(vmcore, this.tasks);
  }

  /** Finds the lock that a task waits for, if it does. */
  look(task: KnownTask, stack: TaskStack): void {
    this.frames.set(task.pid, stack.frames);
    const site = waitSite(stack.frames);
    if (site === undefined) return;
    const found = this.#finder.find(task, stack, site);
    if (typeof found !== 'string') this.#addListed(found, task, site);
    else if (site.sleeps && task.state !== 'R') {
      const { function: name, kind } = site;
      this.unproved.push({ pid: task.pid, function: name, kind, why: found });
    }
  }

  /** All on the list of the lock wait for it, also those whose own stack does not say so. */
  #addListed(lock: ListedLock, from: KnownTask, site: WaitSite): void {
    const { reader, address } = lock;
    this.#listed.set(address, lock);
    for (const { task, address: waiter, wants } of lock.waiters) {
      const own = task === from;
      if (this.waits.has(task.pid) && !own) continue;
      this.waits.set(task.pid, {
        pid: task.pid,
        lock: hex(address),
        kind: reader.kind,
        ...optional('wants', wants),
        proof: {
          by: own ? 'stack' : 'wait list',
          type: reader.waiter.struct,
          waiter: hex(waiter),
          ...(own ? { function: site.function } : {}),
        },
      });
    }
  }

  /** All that were found, those that most wait for first. */
  locks(): KernelLock[] {
    const locks = [...this.#listed.values()].map((lock) => this.#lock(lock));
    return locks.sort((a, b) => b.waiters.length - a.waiters.length);
  }

  #lock({ reader, address, waiters, notes }: ListedLock): KernelLock {
    const pids = waiters.map(({ task }) => task.pid);
    const subject = `${reader.kind} ${hex(address)}`;
    const state = this.#at.problems.attempt(subject, () =>
      reader.read(this.#at, address, new Set(pids)),
    );
    return {
      kind: reader.kind,
      address: hex(address),
      ...optional('name', this.#names.nameOf(address)),
      ...optional('owner', state?.owner),
      ...optional('readers', state?.readers),
      waiters: pids,
      notes: [...(state?.notes ?? ['it cannot be read']), ...notes],
      sources: ['waiter on a stack'],
    };
  }
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
