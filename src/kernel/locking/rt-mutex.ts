// struct rt_mutex, since 5.15 around a struct rt_mutex_base (include/linux/rtmutex.h): locks that
// hand the waiters' priority on to the owner. With PREEMPT_RT mutexes and rw semaphores are made of
// them.
//
//   task.pi_blocked_on -> rt_mutex_waiter { task, lock, tree } -> lock { waiters: rb tree, owner }
//
// owner is a task_struct * with bit 0 set while somebody waits.

import { Ref } from '../../target/ref.ts';
import { placeOf, type StructType } from '../../types/ctype.ts';
import { hex, type Vaddr } from '../../util/address.ts';
import { InvalidError } from '../../util/errors.ts';
import { rbtreeEntries } from '../rbtree.ts';
import { noSuchOwner, ownerOf, structOf, type LockMemory, type LockState } from './lock-memory.ts';
import type { KnownTask } from './task-index.ts';

const RT_MUTEX_HAS_WAITERS = 1n;
/** Paths of the rb_node in an rt_mutex_waiter: since 6.x in an rt_waiter_node, before alone. */
const TREE_PATHS = ['tree.entry', 'tree_entry'];

/** A lock and those that wait for it, the one of the highest priority first. */
export interface RtMutexWait {
  readonly address: Vaddr;
  readonly waiters: readonly { readonly task: KnownTask; readonly address: Vaddr }[];
  readonly state: LockState;
}

/**
 * What a task waits for by its pi_blocked_on; undefined where that is NULL or this kernel has none.
 *
 * @throws InvalidError if the waiter is not the task's or is not in the tree of its lock
 */
export function rtMutexWait(at: LockMemory, task: KnownTask): RtMutexWait | undefined {
  const struct = structOf(at, 'task_struct');
  const waiterType = structOf(at, 'rt_mutex_waiter');
  if (struct === undefined || waiterType === undefined) return undefined;
  const ref = new Ref(at.memory, struct, BigInt(task.address) as Vaddr);
  if (!ref.has('pi_blocked_on')) return undefined;
  const address = ref.member('pi_blocked_on').pointer();
  if (address === 0n) return undefined;
  const waiter = new Ref(at.memory, waiterType, address);
  const named = waiter.member('task').pointer();
  if (named !== BigInt(task.address)) {
    throw new InvalidError(
      `pi_blocked_on ${hex(address)}: expected task ${task.address}, have ${hex(named)}`,
    );
  }
  const lock = waiter.member('lock').deref();
  const waiters = waitersOf(at, lock, waiterType);
  if (!waiters.some((each) => each.task === task)) {
    throw new InvalidError(`rt_mutex ${hex(lock.address)}: the waiter is not in its tree`);
  }
  return { address: lock.address, waiters, state: stateOf(at, lock) };
}

function waitersOf(at: LockMemory, lock: Ref, type: StructType): RtMutexWait['waiters'] {
  const member = TREE_PATHS.find((path) => placeOf(type, path) !== undefined);
  if (member === undefined) return [];
  const root = lock.firstMember('waiters', 'rtmutex.waiters');
  const subject = `waiters of rt_mutex ${hex(lock.address)}`;
  const options = { problems: at.problems, subject, entriesMax: at.tasks.size };
  return [...rbtreeEntries(root, { type, member }, options)].flatMap((waiter) => {
    const task = at.problems.attempt(subject, () => at.tasks.at(waiter.member('task').pointer()));
    return task === undefined ? [] : [{ task, address: waiter.address }];
  });
}

function stateOf(at: LockMemory, lock: Ref): LockState {
  const word = lock.firstMember('owner', 'rtmutex.owner').pointer();
  const task = word & ~RT_MUTEX_HAS_WAITERS;
  // Whoever comes first is to take it.
  if (task === 0n) return { notes: ['nobody has it'] };
  const owner = at.tasks.at(task);
  if (owner === undefined) {
    return { notes: [noSuchOwner(at, `rt_mutex ${hex(lock.address)}`, task)] };
  }
  return { owner: ownerOf(owner, 'owner', true), notes: [] };
}
