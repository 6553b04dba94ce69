// struct rw_semaphore (include/linux/rwsem.h): who writes, or how many read.
//
//   since 5.3    count.counter   writer 1 | waiters 2 | handoff 4 | readers << 8
//                owner.counter   task_struct * | READER_OWNED 1 | NONSPINNABLE 2: the writer, or
//                                the last task that began to read, which may have ended since
//   before       count           active lockers in the lower half; who waits and who writes take
//                                1 each from the upper half
//                owner           the writer; 1 where readers own it
//
// They are told apart by owner, which became an atomic_long_t together with the new count.

import { hex, vaddr, type Vaddr } from '../../util/address.ts';
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

const RWSEM_WRITER_LOCKED = 1n;
const RWSEM_FLAG_WAITERS = 2n;
const RWSEM_FLAG_HANDOFF = 4n;
const RWSEM_READER_SHIFT = 8n;
/** Of owner; bit 2 is of a few releases alone, and no task_struct is at an odd word. */
const RWSEM_OWNER_FLAGS = 7n;
const RWSEM_READER_OWNED = 1n;
/** No machine has so many tasks. */
const READERS_MAX = 1n << 23n;

/** Read-write semaphores. */
export const RW_SEMAPHORE: LockReader = {
  kind: 'rw_semaphore',
  waiter: { struct: 'rwsem_waiter', task: 'task', list: 'list' },
  lock: { struct: 'rw_semaphore', list: 'wait_list' },
  plausible: (at, address) => {
    const lock = lockRef(at, 'rw_semaphore', address);
    if (lock === undefined) return false;
    const { readers } = heldBy(lock, true);
    const areFew = readers !== undefined && readers < READERS_MAX;
    return areFew && saysWaiters(lock) && spinlockPlausible(lock, ['wait_lock']);
  },
  read: readRwsem,
  wants: wantedOf,
};

/** Before 5.3 each list of waiters made the upper half less than 0. */
function saysWaiters(lock: Ref): boolean {
  if (lock.has('owner.counter')) {
    return (lock.member('count.counter').integer() & RWSEM_FLAG_WAITERS) !== 0n;
  }
  return BigInt.asIntN(64, lock.firstMember('count.counter', 'count').integer()) < 0n;
}

/** Who has it by its count. */
interface Held {
  /** undefined where the count does not tell. */
  readonly writer?: boolean;
  readonly readers?: bigint;
  readonly handoff: boolean;
}

function heldBy(lock: Ref, hasWaiters: boolean): Held {
  if (lock.has('owner.counter')) {
    const count = lock.member('count.counter').integer();
    const writer = (count & RWSEM_WRITER_LOCKED) !== 0n;
    const readers = BigInt.asUintN(64, count) >> RWSEM_READER_SHIFT;
    // The uppermost bit only makes readers fail.
    return {
      writer,
      readers: BigInt.asUintN(55, readers),
      handoff: (count & RWSEM_FLAG_HANDOFF) !== 0n,
    };
  }
  const path = ['count.counter', 'count'].find((each) => lock.has(each));
  if (path === undefined || lock.member(path).type.kind !== 'int') return { handoff: false };
  const count = BigInt.asIntN(64, lock.member(path).integer());
  const upper = count >> 32n;
  const active = BigInt.asUintN(32, count);
  const writer = upper < (hasWaiters ? -1n : 0n);
  return { writer, readers: writer ? 0n : active, handoff: false };
}

function readRwsem(at: LockMemory, address: Vaddr, waiters: ReadonlySet<number>): LockState {
  const lock = lockRef(at, 'rw_semaphore', address);
  if (lock === undefined) return { notes: [] };
  const { writer, readers, handoff } = heldBy(lock, waiters.size > 0);
  const notes = handoff ? ['to be handed to the first waiter'] : [];
  const word = ownerWord(lock);
  if (writer === undefined) return { notes: [...notes, 'its count is not of a kind we know'] };
  if (!writer && readers === 0n) return { notes: [...notes, 'nobody has it'] };
  if (writer) {
    const state = writerOf(at, address, word);
    return { ...state, notes: [...notes, ...state.notes] };
  }
  return { ...readersOf(at, { word, count: Number(readers), waiters }), notes };
}

/** undefined where the kernel keeps no owner. */
function ownerWord(lock: Ref): bigint | undefined {
  const path = ['owner.counter', 'owner'].find((each) => lock.has(each));
  return path === undefined ? undefined : lock.member(path).pointer();
}

function writerOf(at: LockMemory, address: Vaddr, word: bigint | undefined): LockState {
  if (word === undefined) return { notes: ['a writer has it; this kernel does not keep which'] };
  const task = vaddr(word & ~RWSEM_OWNER_FLAGS);
  if (task === 0n || (word & RWSEM_READER_OWNED) !== 0n) {
    // It is written down a few instructions after the lock is taken.
    return { notes: ['a writer has it that is not written down'] };
  }
  const owner = at.tasks.at(task);
  if (owner === undefined)
    return { notes: [noSuchOwner(at, `rw_semaphore ${hex(address)}`, task)] };
  return { owner: ownerOf(owner, 'owner', true), notes: [] };
}

/** The kernel counts readers and remembers the one that came last. */
function readersOf(
  at: LockMemory,
  {
    word = 0n,
    count,
    waiters,
  }: { word: bigint | undefined; count: number; waiters: ReadonlySet<number> },
): Pick<LockState, 'readers'> {
  const isReader = (word & RWSEM_READER_OWNED) !== 0n;
  const task = isReader ? at.tasks.at(word & ~RWSEM_OWNER_FLAGS) : undefined;
  // Who waits for it took it, and gave it back, before.
  const isStale = task === undefined || waiters.has(task.pid);
  return { readers: { count, tasks: isStale ? [] : [ownerOf(task, 'last reader', false)] } };
}

/** RWSEM_WAITING_FOR_WRITE is 0 and _READ 1, since 2012; flags before. */
function wantedOf(waiter: Ref): 'read' | 'write' | undefined {
  if (!waiter.has('type')) return undefined;
  const { type } = waiter.member('type');
  const value = waiter.member('type').integer();
  if (type.kind !== 'enum') return undefined;
  const name = [...type.values].find(([, each]) => each === value)?.[0] ?? '';
  if (name.endsWith('_WRITE')) return 'write';
  return name.endsWith('_READ') ? 'read' : undefined;
}
