// Locks and those that wait for them as plain facts, for the image and for the ledger.

import type { StackLocal } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import type { KernelWords } from '../flavour/words.ts';
import type { LocalFacts, LockFacts } from '../image/machine-facts.ts';
import type { Task } from '../kernel/task.ts';
import type { RwSemaphore } from './rw-semaphore.ts';
import type { Lock } from './wait-target.ts';

/** The locks of the machine with what their facts are made from. */
export interface LockTable {
  /** In the order of making. */
  readonly locks: readonly Lock[];
  readonly indexOf: ReadonlyMap<Lock, number>;
  /** The process whose mmap_lock it is. */
  readonly tgidOf: ReadonlyMap<Lock, number>;
  readonly words: KernelWords;
}

/** All locks as they are now. */
export function lockTable(k: Kernel): LockTable {
  const locks = [...k.locks];
  const tgidOf = new Map<Lock, number>();
  for (const { mm, leader } of k.processes) {
    if (mm !== undefined) tgidOf.set(mm.mmapLock, leader.pid);
  }
  const indexOf = new Map(locks.map((lock, index) => [lock, index]));
  return { locks, tgidOf, indexOf, words: k.words };
}

/** One lock. */
export function lockFacts(lock: Lock, { tgidOf, words }: LockTable): LockFacts {
  const { name } = lock;
  if (lock.kind === 'mutex') {
    const { kind, owner, waiters } = lock;
    const symbol = name === 'oom_lock' ? { symbol: name } : {};
    return { kind, name, ...symbol, ownerPid: owner?.pid, waiterPids: pids(waiters) };
  }
  const waiterPids = lock.waiters.flatMap(({ task }) => task?.pid ?? []);
  if (lock.kind === 'rw_semaphore') return rwsemFacts(lock, { waiterPids, tgidOf, words });
  return { name, waiterPids, kind: lock.kind, count: lock.count, takerPids: pids(lock.takers) };
}

function rwsemFacts(
  lock: RwSemaphore,
  {
    waiterPids,
    tgidOf,
    words,
  }: Pick<LockTable, 'tgidOf' | 'words'> & { waiterPids: readonly number[] },
): LockFacts {
  const { kind, name, writer, readers, owner, within } = lock;
  const tgid = tgidOf.get(lock);
  return {
    kind,
    name,
    waiterPids,
    ...(within === undefined ? {} : { within: tgid === undefined ? within : { ...within, tgid } }),
    ownerPid: writer?.pid,
    readerPids: pids(readers),
    count: words.rwsemCount(lock),
    ownerWord: owner === undefined ? undefined : { pid: owner.task.pid, isReader: owner.isReader },
  };
}

/** Who waits for a lock, as it lies on the stack. */
export function waiterFacts(
  local: Extract<StackLocal, { lock: Lock }>,
  { indexOf }: LockTable,
): LocalFacts {
  const lock = indexOf.get(local.lock) ?? -1;
  if (local.type === 'mutex_waiter') return { type: local.type, lock };
  if (local.type === 'semaphore_waiter') return { type: local.type, lock, up: local.waiter.up };
  const { task, type: waitsFor, timeout, handoffSet } = local.waiter;
  const granted = task === undefined;
  return { type: local.type, lock, granted, waitsFor, timeout: BigInt(timeout), handoffSet };
}

function pids(tasks: readonly Task[]): number[] {
  return tasks.map(({ pid }) => pid);
}
