// What is to happen when, and in the order of asking where times are equal.

import { Heap, type Due } from './heap.ts';

/** Something that will happen; it can be called off. */
export interface SimEvent {
  /** Microseconds since boot. */
  readonly key: number;
  readonly action: () => void;
  cancelled: boolean;
}

/** Events by time. */
export class EventQueue {
  readonly #heap = new Heap<SimEvent & Due>();
  #sequence = 0;

  add(time: number, action: () => void): SimEvent {
    const entry = { key: time, sequence: this.#sequence++, action, cancelled: false };
    this.#heap.push(entry);
    return entry;
  }

  /** Takes the first event out, if its time is not after `limit`. */
  takeUntil(limit: number): SimEvent | undefined {
    for (let { first } = this.#heap; first !== undefined; first = this.#heap.first) {
      if (first.key > limit && !first.cancelled) return undefined;
      this.#heap.pop();
      if (!first.cancelled) return first;
    }
    return undefined;
  }
}
