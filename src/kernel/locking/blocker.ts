// The lock that a task says itself that it waits for, where its kernel keeps that:
//
//   blocker         lock | MUTEX 0, SEM 1, RWSEM_READER 2, RWSEM_WRITER 3, since 6.16
//   blocker_mutex   struct mutex *, in the release before (both CONFIG_DETECT_HUNG_TASK_BLOCKER)
//   blocked_on      struct mutex *, for proxy execution; before that, with CONFIG_DEBUG_MUTEXES, a
//                   struct mutex_waiter *
//
// The first two are kept while the task is uninterruptible, and told apart by their types.

import { Ref } from '../../target/ref.ts';
import { vaddr, type Vaddr } from '../../util/address.ts';
import { structOf, type LockMemory } from './lock-memory.ts';
import type { LockKind, Wait } from './lock.ts';
import type { KnownTask } from './task-index.ts';

const BLOCKER_TYPE_MASK = 3n;
const BLOCKER_TYPES: readonly { kind: LockKind; wants?: Wait['wants'] }[] = [
  { kind: 'mutex' },
  { kind: 'semaphore' },
  { kind: 'rw_semaphore', wants: 'read' },
  { kind: 'rw_semaphore', wants: 'write' },
];

/** A lock by its address, or a waiter of it. */
export interface Blocker {
  readonly kind: LockKind;
  readonly wants?: Wait['wants'];
  readonly lock?: Vaddr;
  readonly waiter?: Vaddr;
}

/** undefined where the task says none, or its kernel keeps none. */
export function blockerOf(at: LockMemory, task: KnownTask): Blocker | undefined {
  const struct = structOf(at, 'task_struct');
  if (struct === undefined) return undefined;
  const ref = new Ref(at.memory, struct, vaddr(BigInt(task.address)));
  if (ref.has('blocker')) {
    const word = ref.member('blocker').pointer();
    const type = BLOCKER_TYPES[Number(word & BLOCKER_TYPE_MASK)];
    const lock = vaddr(word & ~BLOCKER_TYPE_MASK);
    if (lock !== 0n && type !== undefined) return { ...type, lock };
  }
  for (const path of ['blocker_mutex', 'blocked_on']) {
    if (!ref.has(path)) continue;
    const member = ref.member(path);
    const address = member.pointer();
    if (address === 0n || member.type.kind !== 'pointer') continue;
    const { target } = member.type;
    const isWaiter = target.kind === 'struct' && target.name === 'mutex_waiter';
    return isWaiter ? { kind: 'mutex', waiter: address } : { kind: 'mutex', lock: address };
  }
  return undefined;
}
