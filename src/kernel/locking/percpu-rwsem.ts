// struct percpu_rw_semaphore (include/linux/percpu-rwsem.h): readers count themselves on their own
// CPU, a writer sets `block` and waits until they are out.
//
//   waiters   readers that find `block` set and further writers, since 5.7 (7f26482a872c)
//   writer    struct rcuwait: the writer while it waits for readers; NULL once it has the lock, so
//             that nobody knows then which task it is
//
// Before, readers that had to wait did so for the rw_semaphore inside.

import { hex, vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import { Ref } from '../../target/ref.ts';
import {
  lockRef,
  offsetOf,
  ownerOf,
  structOf,
  type LockMemory,
  type LockReader,
  type LockState,
} from './lock-memory.ts';
import type { KnownTask } from './task-index.ts';

const STRUCT = 'percpu_rw_semaphore';
/** WQ_FLAG_CUSTOM (include/linux/wait.h): a reader's entry. */
const WQ_FLAG_CUSTOM = 4;

/** Per-CPU read-write semaphores. */
export const PERCPU_RWSEM: LockReader = {
  kind: STRUCT,
  waiter: { struct: 'wait_queue_entry', task: 'private', list: 'entry' },
  lock: { struct: STRUCT, list: 'waiters.head' },
  plausible: (at, address) => {
    const block = lockRef(at, STRUCT, address)?.member('block.counter').number();
    return block === 0 || block === 1;
  },
  read: readPercpuRwsem,
  wants: (waiter) => {
    return (waiter.member('flags').number() & WQ_FLAG_CUSTOM) !== 0 ? 'read' : 'write';
  },
};

function readPercpuRwsem(at: LockMemory, address: Vaddr, waiters: ReadonlySet<number>): LockState {
  const lock = lockRef(at, STRUCT, address);
  if (lock === undefined) return { notes: [] };
  const readers = readerCount(at, lock);
  const held =
    readers === undefined || readers === 0 ? {} : { readers: { count: readers, tasks: [] } };
  const writer = at.tasks.at(lock.member('writer.task').pointer());
  if (writer !== undefined) {
    const notes = [`${writer.comm ?? hex(address)}(${writer.pid}) waits until its readers are out`];
    return {
      ...held,
      ...(waiters.size > 1 ? { owner: ownerOf(writer, 'writer', true) } : {}),
      notes,
    };
  }
  const isTaken = lock.member('block.counter').number() !== 0;
  return { ...held, notes: isTaken ? ['a writer has it; the kernel does not keep which'] : [] };
}

/** The sum over all CPUs: a reader may end on another one than it began on. */
function readerCount(at: LockMemory, lock: Ref): number | undefined {
  const offsets = at.cpuOffsets?.() ?? [];
  if (offsets.length === 0) return undefined;
  const count = lock.member('read_count');
  const base = count.pointer();
  const { type } = count.deref();
  const each = offsets.map((offset) => new Ref(at.memory, type, vaddr(base + offset)).number());
  return each.reduce((sum, value) => sum + value, 0) | 0;
}

/**
 * The semaphore whose writer a task is, by a pointer to it among the words of its stack; undefined
 * where none of them is to one that names the task.
 */
export function writtenBy(
  at: LockMemory,
  task: KnownTask,
  words: BigUint64Array,
): Vaddr | undefined {
  const type = structOf(at, STRUCT);
  const offset = type === undefined ? undefined : offsetOf(type, ['writer.task']);
  if (offset === undefined) return undefined;
  const own = BigInt(task.address);
  for (const word of words) {
    const address = vaddr(word);
    if (at.words.at(vaddrAdd(address, offset)) !== own) continue;
    if (PERCPU_RWSEM.plausible(at, address)) return address;
  }
  return undefined;
}
