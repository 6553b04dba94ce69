// struct mutex (include/linux/mutex_types.h): who has it.
//
//   owner.counter   task_struct * | WAITERS 1 | HANDOFF 2 | PICKUP 4   since 4.10 (3ca0ff571b09)
//   count, owner    1 unlocked, 0 locked, negative with somebody waiting; task_struct *, which is
//                   there only where somebody spins on it or checks it, before
//
// With PREEMPT_RT a mutex is an rt_mutex and has other members: rt-mutex.ts.

import { vaddr, type Vaddr } from '../../util/address.ts';
import { hex } from '../../util/address.ts';
import type { Ref } from '../../target/ref.ts';
import {
  lockRef,
  noSuchOwner,
  ownerOf,
  spinlockPlausible,
  type LockMemory,
  type LockReader,
  type LockState,
} from './lock-memory.ts';

const MUTEX_FLAG_WAITERS = 1n;
const MUTEX_FLAG_HANDOFF = 2n;
const MUTEX_FLAG_PICKUP = 4n;
const MUTEX_FLAGS = 7n;
/** No machine has so many tasks. */
const COUNT_MAX = 1 << 22;

/** Mutexes. */
export const MUTEX: LockReader = {
  kind: 'mutex',
  waiter: { struct: 'mutex_waiter', task: 'task', list: 'list' },
  lock: { struct: 'mutex', list: 'wait_list' },
  plausible: (at, address) => {
    const lock = lockRef(at, 'mutex', address);
    if (lock === undefined) return false;
    const { task } = ownerWord(lock);
    const isOwner = task === undefined || task === 0n || at.tasks.at(task) !== undefined;
    return isOwner && saysWaiters(lock) && spinlockPlausible(lock, ['wait_lock']);
  },
  read: readMutex,
};

/** The owner and its flags; without an owner where the kernel keeps none. */
function ownerWord(lock: Ref): { task?: bigint; flags: bigint } {
  if (lock.has('owner.counter')) {
    const word = vaddr(lock.member('owner.counter').integer());
    return { task: word & ~MUTEX_FLAGS, flags: word & MUTEX_FLAGS };
  }
  if (!lock.has('owner')) return { flags: 0n };
  const owner = lock.member('owner');
  // Until 2.6.39 it was a thread_info *, of which nothing is said here.
  const { type } = owner;
  if (type.kind !== 'pointer' || type.target.kind !== 'struct') return { flags: 0n };
  return type.target.name === 'task_struct' ? { task: owner.pointer(), flags: 0n } : { flags: 0n };
}

/** A count that is taken is 0 or less; before 4.10 it need not say who waits. */
function saysWaiters(lock: Ref): boolean {
  if (!lock.has('count.counter')) return (ownerWord(lock).flags & MUTEX_FLAG_WAITERS) !== 0n;
  const count = lock.member('count.counter').number();
  return count <= 1 && count > -COUNT_MAX;
}

function readMutex(at: LockMemory, address: Vaddr): LockState {
  const lock = lockRef(at, 'mutex', address);
  if (lock === undefined) return { notes: [] };
  const { task, flags } = ownerWord(lock);
  if (task === undefined) return { notes: ['owner not known: this kernel keeps none'] };
  const notes: string[] = [];
  if ((flags & MUTEX_FLAG_HANDOFF) !== 0n) notes.push('to be handed to the first waiter');
  if (task === 0n) return { notes: [...notes, freeWords(lock)] };
  const owner = at.tasks.at(task);
  if (owner === undefined) {
    return { notes: [...notes, noSuchOwner(at, `mutex ${hex(address)}`, task)] };
  }
  const how = (flags & MUTEX_FLAG_PICKUP) !== 0n ? 'handed over' : 'owner';
  return { owner: ownerOf(owner, how, true), notes };
}

/** Before 4.10 the owner is written down after the lock is taken and cleared before it is given. */
function freeWords(lock: Ref): string {
  if (!lock.has('count.counter')) return 'nobody has it';
  return lock.member('count.counter').number() === 1
    ? 'nobody has it'
    : 'owner not known: taken, and no owner is written down';
}
