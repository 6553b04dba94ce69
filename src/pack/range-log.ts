// A log of the byte ranges that were read, merged now and then, so that ten million reads of the
// same few structures take no more memory than the structures' ranges.
//
// A read is one 64-bit word, which sorts as a number: 52 bits of address, 12 of length less one.

import { GrowingRanges, NO_RANGES, union, type Ranges } from '../util/ranges.ts';

/** Bytes that one word can tell of. */
const LENGTH_MAX = 1 << 12;
const TWO_20 = 2 ** 20;

/** Words of the log: it begins small, since most kinds of structures are few. */
const WORDS_MIN = 1 << 8;
const WORDS_MAX = 1 << 20;

/** Which half of a word comes first in memory. */
const LOW = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1;
const HIGH = 1 - LOW;

/** Collects ranges in any order. */
export class RangeLog {
  #halves = new Uint32Array(WORDS_MIN * 2);
  #count = 0;
  #merged: Ranges = NO_RANGES;

  /** Notes the bytes from `start` (inclusive) to `end` (exclusive). */
  add(start: number, end: number): void {
    for (let at = start; at < end; at += LENGTH_MAX) {
      if (this.#count * 2 === this.#halves.length) this.#makeRoom();
      const length = Math.min(LENGTH_MAX, end - at);
      const word = this.#count++ * 2;
      this.#halves[word + LOW] = (at % TWO_20) * LENGTH_MAX + length - 1;
      this.#halves[word + HIGH] = Math.floor(at / TWO_20);
    }
  }

  /** All that was noted. */
  ranges(): Ranges {
    this.#merge();
    return this.#merged;
  }

  #makeRoom(): void {
    this.#merge();
    const words = this.#halves.length / 2;
    // Doubled while the log is full of what is new.
    if (words < WORDS_MAX && this.#merged.starts.length > words / 2) {
      this.#halves = new Uint32Array(words * 4);
    }
  }

  #merge(): void {
    if (this.#count === 0) return;
    const halves = this.#halves.subarray(0, this.#count * 2);
    new BigUint64Array(halves.buffer, 0, this.#count).sort();
    const growing = new GrowingRanges(this.#count);
    for (let word = 0; word < halves.length; word += 2) {
      const low = halves[word + LOW] as number;
      const start = (halves[word + HIGH] as number) * TWO_20 + Math.floor(low / LENGTH_MAX);
      growing.add(start, start + (low % LENGTH_MAX) + 1);
    }
    this.#merged = union(this.#merged, growing.finish());
    this.#count = 0;
  }
}
