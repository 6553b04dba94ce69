// What is to happen when: a binary heap by time, and by the order of asking where times are equal.

/** Something that will happen; it can be called off. */
export interface SimEvent {
  readonly time: number;
  readonly action: () => void;
  cancelled: boolean;
}

interface Entry extends SimEvent {
  readonly sequence: number;
}

/** Events by time. */
export class EventQueue {
  readonly #heap: Entry[] = [];
  #sequence = 0;

  add(time: number, action: () => void): SimEvent {
    const entry: Entry = { time, action, cancelled: false, sequence: this.#sequence++ };
    this.#heap.push(entry);
    this.#siftUp(this.#heap.length - 1);
    return entry;
  }

  /** Takes the first event out, if its time is not after `limit`. */
  takeUntil(limit: number): SimEvent | undefined {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.time > limit && !first.cancelled) return undefined;
      this.#removeFirst();
      if (!first.cancelled) return first;
    }
    return undefined;
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#siftDown();
  }

  #siftUp(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #siftDown(): void {
    for (let at = 0; ;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.#heap.length && this.#isBefore(child, least)) least = child;
      }
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const left = this.#heap[a]!;
    const right = this.#heap[b]!;
    return left.time < right.time || (left.time === right.time && left.sequence < right.sequence);
  }

  #swap(a: number, b: number): void {
    const entry = this.#heap[a]!;
    this.#heap[a] = this.#heap[b]!;
    this.#heap[b] = entry;
  }
}
