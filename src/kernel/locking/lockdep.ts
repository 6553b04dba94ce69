// The locks that tasks hold by lockdep's own book (include/linux/lockdep_types.h), in kernels that
// are built with CONFIG_LOCKDEP: task_struct.held_locks, of which lockdep_depth are in use. It is
// the only place that names every reader of an rw_semaphore.
//
// A task that waits for a lock has it on its list, too: it is put there before it is taken.

import { Ref } from '../../target/ref.ts';
import { placeOf, sizeOf } from '../../types/ctype.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import { escapeText } from '../../util/escape.ts';
import {
  lockRef,
  offsetOf,
  ownerOf,
  structOf,
  type LockMemory,
  type LockState,
} from './lock-memory.ts';
import type { KnownTask } from './task-index.ts';

/** A task that has a lock on its list. */
export interface HeldLock {
  readonly task: KnownTask;
  /** It is held for reading. */
  readonly reads: boolean;
}

/** Who holds what by lockdep. */
export class LockdepBook {
  readonly #at: LockMemory;
  #held: ReadonlyMap<bigint, readonly HeldLock[]> | undefined;

  constructor(at: LockMemory) {
    this.#at = at;
  }

  /** Whether this kernel keeps the book. */
  get exists(): boolean {
    const task = structOf(this.#at, 'task_struct');
    const held = structOf(this.#at, 'held_lock');
    return task !== undefined && held !== undefined && placeOf(task, 'held_locks') !== undefined;
  }

  /** Those that hold, or wait for, a lock of a struct. */
  of(struct: string, address: Vaddr): readonly HeldLock[] {
    const type = structOf(this.#at, struct);
    const map = type === undefined ? undefined : offsetOf(type, ['dep_map']);
    if (map === undefined || !this.exists) return [];
    this.#held ??= this.#read();
    return this.#held.get(vaddrAdd(address, map)) ?? [];
  }

  #read(): ReadonlyMap<bigint, readonly HeldLock[]> {
    const byMap = new Map<bigint, HeldLock[]>();
    for (const task of this.#at.tasks.all()) {
      const subject = `held_locks of task ${task.pid}`;
      this.#at.problems.attempt(subject, () => {
        for (const { map, reads } of heldLocks(this.#at, task)) {
          const known = byMap.get(map) ?? [];
          byMap.set(map, [...known, { task, reads }]);
        }
      });
    }
    return byMap;
  }
}

function* heldLocks(at: LockMemory, task: KnownTask): Generator<{ map: Vaddr; reads: boolean }> {
  const struct = structOf(at, 'task_struct');
  if (struct === undefined) return;
  const ref = new Ref(at.memory, struct, vaddr(BigInt(task.address)));
  const held = ref.member('held_locks');
  const { type } = held;
  // MAX_LOCK_DEPTH, by the array itself.
  const most = type.kind === 'array' ? Math.floor(sizeOf(type) / sizeOf(type.element)) : 0;
  const depth = Math.min(ref.member('lockdep_depth').number(), most);
  for (let i = 0; i < depth; i++) {
    const lock = held.at(i);
    const reads = lock.has('read') && lock.member('read').integer() !== 0n;
    yield { map: lock.member('instance').pointer(), reads };
  }
}

/** What a lock says of itself, with what lockdep knows besides. */
export function withLockdep(
  state: LockState,
  held: readonly HeldLock[],
  waiting: ReadonlySet<number>,
): LockState {
  const holders = held.filter(({ task }) => !waiting.has(task.pid));
  const { owner, readers } = state;
  if (holders.length === 0 || owner?.certain === true) return state;
  const [only] = holders;
  if (only !== undefined && holders.length === 1 && !only.reads) {
    return { ...state, owner: ownerOf(only.task, 'lockdep', true) };
  }
  const tasks = holders.map(({ task }) => ownerOf(task, 'lockdep', true));
  const count = readers?.count;
  return { ...state, readers: { ...(count === undefined ? {} : { count }), tasks } };
}

/** Longer than any name of a class; a damaged one may not end. */
const NAME_MAX = 128;
const PAGE_SIZE = 4096;

/** What lockdep calls a lock, `&pipe->mutex/1`: the expression that it was initialised by. */
export function lockdepName(at: LockMemory, struct: string, address: Vaddr): string | undefined {
  const lock = lockRef(at, struct, address);
  if (lock?.has('dep_map.name') !== true) return undefined;
  const pointer = lock.member('dep_map.name').pointer();
  if (pointer === 0n) return undefined;
  // What follows the last name may not be there.
  const inPage = PAGE_SIZE - Number(pointer & BigInt(PAGE_SIZE - 1));
  const bytes = new Uint8Array(Math.min(NAME_MAX, inPage));
  at.memory.readInto(bytes, pointer, 'text');
  const end = bytes.indexOf(0);
  return end <= 0 ? undefined : escapeText(bytes.subarray(0, end));
}
