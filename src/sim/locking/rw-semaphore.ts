// struct rw_semaphore as it lies in memory (kernel/locking/rwsem.c of 6.1, without
// CONFIG_DEBUG_RWSEMS): who has it, who waits, and the two words that say so.
//
//   count   bit 0       a writer has it
//           bit 1       somebody waits
//           bit 2       handoff: the first waiter gets it next, nobody else may take it before
//           bits 8-62   how many readers have it
//   owner   task_struct * of the writer, or of the reader that took it last
//           bit 0       that was a reader. It stays when the readers are gone, even dead ones
//
// Functions that take and release it are in rwsem.ts.

import type { Task } from '../kernel/task.ts';
import type { WaitTarget } from './wait-target.ts';

export const RWSEM_WRITER_LOCKED = 1n << 0n;
export const RWSEM_FLAG_WAITERS = 1n << 1n;
export const RWSEM_FLAG_HANDOFF = 1n << 2n;
export const RWSEM_READER_SHIFT = 8n;

/** What a waiter wants: enum rwsem_waiter_type. */
export type RwsemWaiterType = 'write' | 'read';

/** struct rwsem_waiter, on the stack of who sleeps. */
export interface RwsemWaiter {
  /** NULL as soon as a reader was given the lock, before it runs again. */
  task: Task | undefined;
  readonly type: RwsemWaiterType;
  /** jiffies after which it asks for a handoff. */
  readonly timeout: number;
  handoffSet: boolean;
}

/** struct rw_semaphore. */
export class RwSemaphore implements WaitTarget {
  readonly kind = 'rw_semaphore';
  /** What it protects, for the ledger. */
  readonly name: string;
  writer: Task | undefined;
  /** Who reads, in the order of taking; the kernel only counts them. */
  readonly readers: Task[] = [];
  handoff = false;
  /** In the order of wait_list. */
  readonly waiters: RwsemWaiter[] = [];
  /** What `owner` says, which may be out of date; undefined for 0. */
  owner: { readonly task: Task; readonly isReader: boolean } | undefined;

  /** The struct that it is a member of, where a dump can find it by that. */
  readonly within: { readonly struct: string; readonly member: string } | undefined;

  constructor(name: string, within?: { readonly struct: string; readonly member: string }) {
    this.name = name;
    this.within = within;
  }

  holders(): readonly Task[] {
    return this.writer === undefined ? this.readers : [this.writer];
  }

  /** `count.counter` */
  get count(): bigint {
    return (
      (this.writer === undefined ? 0n : RWSEM_WRITER_LOCKED) |
      (this.waiters.length === 0 ? 0n : RWSEM_FLAG_WAITERS) |
      (this.handoff ? RWSEM_FLAG_HANDOFF : 0n) |
      (BigInt(this.readers.length) << RWSEM_READER_SHIFT)
    );
  }
}
