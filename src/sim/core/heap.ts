// A binary heap: what is due first, where there may be a hundred thousand of it.

/** Something with a turn. */
export interface Due {
  readonly key: number;
  /** Who came first is first where keys are equal. */
  readonly sequence: number;
}

/** Entries by their turn. */
export class Heap<T extends Due> {
  readonly #entries: T[] = [];

  get first(): T | undefined {
    return this.#entries[0];
  }

  push(entry: T): void {
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

/** Whether the turn of `a` is before that of `b`. */
export function isBefore(a: Due, b: Due): boolean {
  return a.key < b.key || (a.key === b.key && a.sequence < b.sequence);
}
