// What readers of locks read through, and the tasks that they hold against what they read.

import { Ref, type TypedMemory } from '../../target/ref.ts';
import { byteOffsetOf, placeOf, type StructType } from '../../types/ctype.ts';
import { hex, type Vaddr } from '../../util/address.ts';
import { optional } from '../../util/optional.ts';
import type { Problems } from '../../util/problems.ts';
import type { LockKind, LockOwner, OwnerSource } from './lock.ts';
import type { KnownTask, TaskIndex } from './task-index.ts';
import type { WordReader } from './words.ts';

/** A dump and its tasks. */
export interface LockMemory {
  readonly memory: TypedMemory;
  readonly words: WordReader;
  readonly tasks: TaskIndex;
  readonly problems: Problems;
  /** What is added to the address of a per-CPU variable, for each CPU that can be. */
  readonly cpuOffsets?: () => readonly Vaddr[];
}

/** What a lock says of itself. */
export interface LockState {
  readonly owner?: LockOwner;
  readonly readers?: { readonly count?: number; readonly tasks: readonly LockOwner[] };
  readonly notes: readonly string[];
}

/** One kind of lock. */
export interface LockReader {
  readonly kind: LockKind;
  /** `mutex_waiter`: what lies on the stack of who waits, and the members of it. */
  readonly waiter: { readonly struct: string; readonly task: string; readonly list: string };
  /** The lock's struct, and its member that the waiters are linked to. */
  readonly lock: { readonly struct: string; readonly list: string };
  /** Whether what lies at an address can be such a lock, and one that somebody waits for. */
  readonly plausible: (at: LockMemory, address: Vaddr) => boolean;
  /**
   * Who has the lock.
   *
   * @param waiters those who wait for it, who do not have it
   */
  readonly read: (at: LockMemory, address: Vaddr, waiters: ReadonlySet<number>) => LockState;
  /** What a waiter wants of the lock. */
  readonly wants?: (waiter: Ref) => 'read' | 'write' | undefined;
}

/** A struct of this kernel; undefined where its types lack it. */
export function structOf({ memory }: LockMemory, name: string): StructType | undefined {
  const type = memory.types.find('struct', name);
  return type?.kind === 'struct' ? type : undefined;
}

/** A struct at an address. */
export function lockRef(at: LockMemory, struct: string, address: Vaddr): Ref | undefined {
  const type = structOf(at, struct);
  return type === undefined ? undefined : new Ref(at.memory, type, address);
}

/** Where the first of some members lies that a struct has, in bytes. */
export function offsetOf(type: StructType, paths: readonly string[]): number | undefined {
  const place = paths.map((path) => placeOf(type, path)).find((found) => found !== undefined);
  return place === undefined ? undefined : byteOffsetOf(place);
}

/** A task as an owner. */
export function ownerOf(task: KnownTask, how: OwnerSource, certain: boolean): LockOwner {
  const { pid, comm, address } = task;
  return { pid, ...optional('comm', comm), address, how, certain };
}

/** Says that a lock's owner is no task, and that nothing follows from it. */
export function noSuchOwner(at: LockMemory, what: string, address: bigint): string {
  at.problems.addMessage(what, `owner: expected a task_struct, have ${hex(address)}`);
  return `owner ${hex(address)} is no task that we know`;
}

/** Bytes of a queued spinlock: locked, pending, then the tail (asm-generic/qspinlock_types.h). */
const LOCKED_MAX = 3;

/**
 * Whether a spinlock's word can be one: locked is 0, 1 or, with paravirtualisation, 3; pending 0
 * or 1. Of other spinlocks nothing is said.
 */
export function spinlockPlausible(lock: Ref, paths: readonly string[]): boolean {
  const path = paths
    .flatMap((each) => [`${each}.raw_lock.val.counter`, `${each}.rlock.raw_lock.val.counter`])
    .find((each) => lock.has(each));
  if (path === undefined) return true;
  const value = lock.member(path).number() >>> 0;
  return (value & 0xff) <= LOCKED_MAX && ((value >>> 8) & 0xff) <= 1;
}
