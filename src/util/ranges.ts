// Byte ranges in ascending order that neither touch nor overlap, in typed arrays: three million of
// them take 48 MB, as objects they would take ten times that.

import { lowerBound } from './interval-map.ts';

/** Ranges `starts[i]` (inclusive) to `ends[i]` (exclusive). */
export interface Ranges {
  readonly starts: Float64Array;
  readonly ends: Float64Array;
}

/** No range at all. */
export const NO_RANGES: Ranges = { starts: new Float64Array(0), ends: new Float64Array(0) };

/** How many bytes they have in all. */
export function bytesIn({ starts, ends }: Ranges): number {
  let sum = 0;
  for (let i = 0; i < starts.length; i++) sum += (ends[i] as number) - (starts[i] as number);
  return sum;
}

/** The index of the range that has the byte at `position`, or -1. */
export function rangeAt({ starts, ends }: Ranges, position: number): number {
  const index = lowerBound(starts, position + 1) - 1;
  return index >= 0 && position < (ends[index] as number) ? index : -1;
}

/** The same ranges from a list in ascending order; those that touch or overlap become one. */
export function rangesOf(
  sorted: Iterable<{ readonly start: number; readonly end: number }>,
): Ranges {
  const growing = new GrowingRanges();
  for (const { start, end } of sorted) growing.add(start, end);
  return growing.finish();
}

/** Every byte that is in one of the two. */
export function union(a: Ranges, b: Ranges): Ranges {
  if (a.starts.length === 0) return b;
  if (b.starts.length === 0) return a;
  const growing = new GrowingRanges(a.starts.length + b.starts.length);
  let i = 0;
  let j = 0;
  while (i < a.starts.length || j < b.starts.length) {
    const fromA =
      j >= b.starts.length ||
      (i < a.starts.length && (a.starts[i] as number) <= (b.starts[j] as number));
    if (fromA) growing.add(a.starts[i] as number, a.ends[i++] as number);
    else growing.add(b.starts[j] as number, b.ends[j++] as number);
  }
  return growing.finish();
}

/** Every byte of `a` that is not in `b`. */
export function without(a: Ranges, b: Ranges): Ranges {
  if (a.starts.length === 0 || b.starts.length === 0) return a;
  const growing = new GrowingRanges(a.starts.length);
  let j = 0;
  for (let i = 0; i < a.starts.length; i++) {
    let start = a.starts[i] as number;
    const end = a.ends[i] as number;
    while (j < b.starts.length && (b.ends[j] as number) <= start) j++;
    for (let k = j; k < b.starts.length && (b.starts[k] as number) < end; k++) {
      if ((b.starts[k] as number) > start) growing.add(start, b.starts[k] as number);
      start = Math.max(start, b.ends[k] as number);
    }
    if (start < end) growing.add(start, end);
  }
  return growing.finish();
}

const FULL = 7 / 8;

/** Takes ranges in ascending order of their starts. */
export class GrowingRanges {
  #starts: Float64Array;
  #ends: Float64Array;
  #count = 0;

  constructor(capacity = 64) {
    this.#starts = new Float64Array(Math.max(1, capacity));
    this.#ends = new Float64Array(Math.max(1, capacity));
  }

  add(start: number, end: number): void {
    if (end <= start) return;
    const last = this.#count - 1;
    if (last >= 0 && start <= (this.#ends[last] as number)) {
      if (end > (this.#ends[last] as number)) this.#ends[last] = end;
      return;
    }
    if (this.#count === this.#starts.length) {
      this.#starts = grown(this.#starts);
      this.#ends = grown(this.#ends);
    }
    this.#starts[this.#count] = start;
    this.#ends[this.#count++] = end;
  }

  /** All of them; copied where more than an eighth of the room would stay unused. */
  finish(): Ranges {
    const count = this.#count;
    const isFull = count >= this.#starts.length * FULL;
    const cut = (array: Float64Array): Float64Array =>
      isFull ? array.subarray(0, count) : array.slice(0, count);
    return { starts: cut(this.#starts), ends: cut(this.#ends) };
  }
}

function grown(array: Float64Array): Float64Array {
  const larger = new Float64Array(array.length * 2);
  larger.set(array);
  return larger;
}
