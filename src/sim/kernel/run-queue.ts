// Tasks that wait for a CPU, by when their turn is: a binary heap, because a hundred thousand of
// them may become runnable at once. Tasks that are bound to one CPU wait in a heap of their own.

import type { Task } from './task.ts';

interface Entry {
  readonly task: Task;
  readonly key: number;
  /** Who came first runs first where keys are equal. */
  readonly sequence: number;
}

/** The run queue of all CPUs. */
export class RunQueue {
  readonly #shared = new Heap();
  readonly #pinned = new Map<number, Heap>();
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

  #heapOf(cpu: number): Heap {
    let heap = this.#pinned.get(cpu);
    if (heap === undefined) {
      heap = new Heap();
      this.#pinned.set(cpu, heap);
    }
    return heap;
  }
}

function earlier(a: Entry | undefined, b: Entry | undefined): Entry | undefined {
  if (a === undefined) return b;
  return b === undefined || !isBefore(b, a) ? a : b;
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.key < b.key || (a.key === b.key && a.sequence < b.sequence);
}

class Heap {
  readonly #entries: Entry[] = [];

  get first(): Entry | undefined {
    return this.#entries[0];
  }

  push(entry: Entry): void {
    const entries = this.#entries;
    let at = entries.length;
    entries.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(entry, entries[parent]!)) break;
      entries[at] = entries[parent]!;
      at = parent;
    }
    entries[at] = entry;
  }

  /** Takes the first one out. */
  pop(): void {
    const entries = this.#entries;
    const last = entries.pop();
    if (last === undefined || entries.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= entries.length) break;
      if (child + 1 < entries.length && isBefore(entries[child + 1]!, entries[child]!)) child++;
      if (!isBefore(entries[child]!, last)) break;
      entries[at] = entries[child]!;
      at = child;
    }
    entries[at] = last;
  }
}
