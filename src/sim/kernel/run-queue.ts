// Tasks that wait for a CPU, by when their turn is: a hundred thousand of them may become
// runnable at once. Tasks that are bound to one CPU wait in a heap of their own.

import { Heap, isBefore, type Due } from '../core/heap.ts';
import type { Task } from './task.ts';

interface Entry extends Due {
  readonly task: Task;
}

/** The run queue of all CPUs. */
export class RunQueue {
  readonly #shared = new Heap<Entry>();
  readonly #pinned = new Map<number, Heap<Entry>>();
  #sequence = 0;

  /** The key of a task must not change while it is queued. */
  add(task: Task, key: number): void {
    const entry = { task, key, sequence: this.#sequence++ };
    if (task.pinnedCpu === undefined) this.#shared.push(entry);
    else this.#heapOf(task.pinnedCpu).push(entry);
  }

  /** Who would run next on a CPU. */
  first(cpu: number): Task | undefined {
    return this.#firstEntry(cpu)?.task;
  }

  /** The least key of all that wait. */
  get leastKey(): number | undefined {
    let least = this.#shared.first;
    for (const { first } of this.#pinned.values()) least = earlier(least, first);
    return least?.key;
  }

  /** Takes out who runs next on one of these CPUs. */
  takeFirst(cpus: readonly number[]): Task | undefined {
    let first: Entry | undefined;
    for (const cpu of cpus) first = earlier(first, this.#firstEntry(cpu));
    if (first === undefined) return undefined;
    const { task } = first;
    (task.pinnedCpu === undefined ? this.#shared : this.#heapOf(task.pinnedCpu)).pop();
    return task;
  }

  #firstEntry(cpu: number): Entry | undefined {
    return earlier(this.#shared.first, this.#pinned.get(cpu)?.first);
  }

  #heapOf(cpu: number): Heap<Entry> {
    let heap = this.#pinned.get(cpu);
    if (heap === undefined) {
      heap = new Heap<Entry>();
      this.#pinned.set(cpu, heap);
    }
    return heap;
  }
}

function earlier(a: Entry | undefined, b: Entry | undefined): Entry | undefined {
  if (a === undefined) return b;
  return b === undefined || !isBefore(b, a) ? a : b;
}
