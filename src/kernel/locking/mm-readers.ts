// Who may read an mmap_lock: the kernel only counts readers, but a page fault is handled with the
// lock of the task's own mm taken for reading, so that who is in one is likely to be one of them.
// It is not certain: since 6.4 a fault may do with the lock of its vma, and some waits inside of a
// fault are made after the lock was given back.

import { functionName } from '../function-name.ts';
import type { StackFrame } from '../stack.ts';
import type { LockOwner, KernelLock } from './lock.ts';
import { ownerOf } from './lock-memory.ts';
import type { KnownTask } from './task-index.ts';

const FAULT = 'handle_mm_fault';
/** Waits that are made without the lock. */
const WITHOUT = new Set(['handle_userfault', '__folio_lock_or_retry', '__lock_page_or_retry']);

/** Tasks in page faults, by their mm. */
export class MmReaders {
  readonly #byMm = new Map<string, KnownTask[]>();

  /** Takes a task in, if it is in a page fault. */
  look(task: KnownTask, frames: readonly StackFrame[]): void {
    const { mm } = task;
    if (mm === undefined || BigInt(mm) === 0n) return;
    for (const { name, guessed } of frames) {
      if (name === undefined || guessed === true) continue;
      const called = functionName(name);
      if (WITHOUT.has(called)) return;
      if (called !== FAULT) continue;
      this.#byMm.set(mm, [...(this.#byMm.get(mm) ?? []), task]);
      return;
    }
  }

  /** Readers with those that may be among them, where not all are known. */
  add(
    readers: NonNullable<KernelLock['readers']>,
    mm: string,
    waiting: ReadonlySet<number>,
  ): NonNullable<KernelLock['readers']> {
    const { count, tasks } = readers;
    if (tasks.length >= (count ?? Infinity)) return readers;
    const known = new Set(tasks.map(({ pid }) => pid));
    const more: LockOwner[] = (this.#byMm.get(mm) ?? [])
      .filter(({ pid }) => !known.has(pid) && !waiting.has(pid))
      .map((task) => ownerOf(task, 'page fault', false));
    return { ...readers, tasks: [...tasks, ...more] };
  }
}
