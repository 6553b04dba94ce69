// What a task can sleep for until another task does something: a lock, a pool, a page. The truth
// about a run is read off these: who waits for what, and whose it is to give.

import type { Task } from '../kernel/task.ts';
import type { Mutex } from './mutex.ts';
import type { RwSemaphore } from './rw-semaphore.ts';
import type { Semaphore } from './semaphore.ts';

/** Something that is waited for. */
export interface WaitTarget {
  /** As the ledger names it. */
  readonly name: string;
  /** What kind of thing it is: the name of the kernel's structure, or of the wait. */
  readonly kind: string;
  /** When it began, in microseconds since boot; where short waits mean nothing. */
  readonly since?: number;
  /** Who could end the wait, as things are now. */
  holders(): readonly Task[];
}

/**
 * The kind of a wait for whoever has memory to give, which nobody in particular holds: between two
 * requests that fail, where no request of the allocator says so.
 */
export const WAITS_FOR_MEMORY = 'memory';

/** A sleeping lock of the kernel. */
export type Lock = Mutex | RwSemaphore | Semaphore;
