// struct semaphore (include/linux/semaphore.h): how many can be taken. Nobody is its owner: whoever
// calls up() gives one. With CONFIG_DETECT_HUNG_TASK_BLOCKER it remembers who took one last.

import type { Vaddr } from '../../util/address.ts';
import {
  lockRef,
  ownerOf,
  spinlockPlausible,
  type LockMemory,
  type LockReader,
  type LockState,
} from './lock-memory.ts';

/** Counting semaphores. */
export const SEMAPHORE: LockReader = {
  kind: 'semaphore',
  waiter: { struct: 'semaphore_waiter', task: 'task', list: 'list' },
  lock: { struct: 'semaphore', list: 'wait_list' },
  plausible: (at, address) => {
    const lock = lockRef(at, 'semaphore', address);
    // up() gives to who waits and leaves count alone, so that it is 0 while somebody does.
    return lock !== undefined && countOf(at, address) === 0 && spinlockPlausible(lock, ['lock']);
  },
  read: readSemaphore,
};

function countOf(at: LockMemory, address: Vaddr): number | undefined {
  return lockRef(at, 'semaphore', address)?.member('count').number();
}

function readSemaphore(at: LockMemory, address: Vaddr, waiters: ReadonlySet<number>): LockState {
  const lock = lockRef(at, 'semaphore', address);
  if (lock === undefined) return { notes: [] };
  const notes = ['a semaphore has no owner'];
  const count = countOf(at, address) ?? 0;
  if (count > 0) notes.push(`count ${count}: it can be taken`);
  if (!lock.has('last_holder')) return { notes };
  const last = at.tasks.at(lock.member('last_holder').pointer());
  if (last === undefined || waiters.has(last.pid)) return { notes };
  return { owner: ownerOf(last, 'last holder', false), notes };
}
