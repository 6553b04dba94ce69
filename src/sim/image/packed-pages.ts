// Pages packed by leaving out what is zero: most pages of a simulated machine are task_structs,
// stacks and tables with a few words in each, and each is packed and unpacked several times.
//
//   64 bytes   a bit for each of the 512 words of a page: it is not zero
//   8 × n      those words
//
// They lie side by side in large blocks, for a typed array of its own would cost more than its
// bytes.

import { PAGE_SIZE } from '../../arch/x86-64.ts';

const WORD_COUNT = PAGE_SIZE / 8;
const BITMAP_SIZE = WORD_COUNT / 8;
/** Packed pages take multiples of this. */
const UNIT = 64;
const BLOCK_SIZE = 1 << 20;
/** Bits of a handle that say how many units; the rest is the place in units. */
const UNITS_RADIX = 128;
/** A page with few zeros is kept as it is: packed, it would take as many units. */
const WORDS_MAX = (PAGE_SIZE - UNIT - BITMAP_SIZE) / 8;

/** Where a packed page lies; only its {@link PackedPages} can read it. */
export type PackedPage = number;

/** Packed pages. */
export class PackedPages {
  readonly #blocks: Uint8Array[] = [];
  /** Places that were given back, by their units. */
  readonly #free = new Map<number, number[]>();
  #used = BLOCK_SIZE;
  readonly #packed = new Uint8Array(PAGE_SIZE);

  pack(page: Uint8Array): PackedPage {
    const size = this.#compress(page);
    const bytes = size === PAGE_SIZE ? page : this.#packed;
    const units = Math.ceil(size / UNIT);
    const place = this.#allocate(units);
    this.#at(place, units * UNIT).set(bytes.subarray(0, size));
    return place * UNITS_RADIX + units;
  }

  /** Writes the page into one that is all zero. */
  unpackInto(page: Uint8Array, packed: PackedPage): void {
    const units = packed % UNITS_RADIX;
    const bytes = this.#at(Math.floor(packed / UNITS_RADIX), units * UNIT);
    if (units * UNIT === PAGE_SIZE) {
      page.set(bytes);
      return;
    }
    let from = BITMAP_SIZE;
    for (let i = 0; i < BITMAP_SIZE; i++) {
      for (let bits = bytes[i]!, at = i * UNIT; bits !== 0; bits >>= 1, at += 8) {
        if ((bits & 1) === 0) continue;
        for (let j = 0; j < 8; j++) page[at + j] = bytes[from + j]!;
        from += 8;
      }
    }
  }

  /** Nobody will read it again. */
  free(packed: PackedPage): void {
    const units = packed % UNITS_RADIX;
    const places = this.#free.get(units);
    const place = Math.floor(packed / UNITS_RADIX);
    if (places === undefined) this.#free.set(units, [place]);
    else places.push(place);
  }

  /** Packs into #packed. @returns how many bytes; PAGE_SIZE where that is no gain */
  #compress(page: Uint8Array): number {
    const words = new Uint32Array(page.buffer, page.byteOffset, 2 * WORD_COUNT);
    const packed = this.#packed.fill(0, 0, BITMAP_SIZE);
    const into = new Uint32Array(packed.buffer);
    let count = 0;
    for (let i = 0; i < WORD_COUNT; i++) {
      const low = words[2 * i]!;
      const high = words[2 * i + 1]!;
      if ((low | high) === 0) continue;
      if (++count > WORDS_MAX) return PAGE_SIZE;
      packed[i >> 3]! |= 1 << (i & 7);
      const at = BITMAP_SIZE / 4 + 2 * (count - 1);
      into[at] = low;
      into[at + 1] = high;
    }
    return BITMAP_SIZE + 8 * count;
  }

  #allocate(units: number): number {
    const freed = this.#free.get(units)?.pop();
    if (freed !== undefined) return freed;
    if (this.#used + units * UNIT > BLOCK_SIZE) {
      this.#blocks.push(new Uint8Array(BLOCK_SIZE));
      this.#used = 0;
    }
    const place = ((this.#blocks.length - 1) * BLOCK_SIZE + this.#used) / UNIT;
    this.#used += units * UNIT;
    return place;
  }

  #at(place: number, size: number): Uint8Array {
    const start = place * UNIT;
    const block = this.#blocks[Math.floor(start / BLOCK_SIZE)]!;
    return block.subarray(start % BLOCK_SIZE, (start % BLOCK_SIZE) + size);
  }
}
