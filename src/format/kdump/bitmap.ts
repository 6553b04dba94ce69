// A page bitmap in the file: bit (pfn & 7) of byte (pfn >> 3). The rank of a pfn, which is how many
// bits are set below it, is the index of its page descriptor.
//
// A machine of 16 TiB has a bitmap of 512 MiB, so it is never held whole. It is read in chunks of
// 32 KiB through a small cache; how many bits precede a chunk is counted once, in file order, as
// far as it is asked for, and inside a chunk every 512 bits.

import type { ByteSource } from '../../util/io.ts';
import { readExactly } from '../../util/io.ts';
import { LruCache } from '../../util/lru.ts';
import type { KdumpExtent } from './header.ts';

/** Bytes of bitmap in one chunk: 1 GiB of memory at 4 KiB a page. */
const CHUNK_BYTES = 32 << 10;
const CHUNK_BITS = CHUNK_BYTES * 8;
const CHUNK_WORDS = CHUNK_BYTES / 4;

/** How many chunks are kept: 2.2 MiB with their counts. */
const CHUNKS_CACHED = 64;

/** 32-bit words between two counts inside a chunk. */
const WORDS_PER_COUNT = 16;

interface Chunk {
  /** Bit i of word w is bit 32 w + i of the chunk, whatever the byte order of this machine. */
  readonly words: Uint32Array;
  /** Bits set before each group of {@link WORDS_PER_COUNT} words. */
  readonly counts: Uint32Array;
  readonly total: number;
}

const ZEROS = Buffer.alloc(CHUNK_BYTES);

const EMPTY_CHUNK: Chunk = {
  words: new Uint32Array(CHUNK_WORDS),
  counts: new Uint32Array(CHUNK_WORDS / WORDS_PER_COUNT),
  total: 0,
};

/** Pfns `start` (inclusive) to `end` (exclusive). */
export interface PfnRange {
  readonly start: number;
  readonly end: number;
}

/** One of the two bitmaps of a kdump file. All positions are pfns, 0 <= pfn < `bitCount`. */
export class PageBitmap {
  /** Pfns that the bitmap speaks of; beyond, every bit reads as clear. */
  readonly bitCount: number;
  readonly #source: ByteSource;
  readonly #extent: KdumpExtent;
  readonly #section: string;
  readonly #chunks = new LruCache<Chunk>(CHUNKS_CACHED);
  /** Bits set before chunk i; filled as far as asked for. */
  readonly #before: number[] = [0];
  #lastIndex = -1;
  #lastChunk: Chunk | undefined;

  constructor(source: ByteSource, place: KdumpExtent & { section: string; bitCount: number }) {
    this.#source = source;
    this.#extent = place;
    this.#section = place.section;
    this.bitCount = Math.min(place.bitCount, place.size * 8);
  }

  /** Whether the bit of `pfn` is set. */
  has(pfn: number): boolean {
    if (!(pfn >= 0 && pfn < this.bitCount)) return false;
    const bit = pfn % CHUNK_BITS;
    const word = this.#chunk((pfn - bit) / CHUNK_BITS).words[bit >>> 5] as number;
    return ((word >>> (bit & 31)) & 1) === 1;
  }

  /** How many bits are set below `pfn`, which may be `bitCount`. */
  rank(pfn: number): number {
    const bit = pfn % CHUNK_BITS;
    const index = (pfn - bit) / CHUNK_BITS;
    const before = this.#countBefore(index);
    if (bit === 0) return before;
    const { words, counts } = this.#chunk(index);
    const wordEnd = bit >>> 5;
    const group = Math.floor(wordEnd / WORDS_PER_COUNT);
    let count = before + (counts[group] as number);
    for (let w = group * WORDS_PER_COUNT; w < wordEnd; w++) count += popcount(words[w] as number);
    const below = (1 << (bit & 31)) - 1;
    return count + popcount((words[wordEnd] as number) & below);
  }

  /** How many bits of `range` are set. */
  countIn(range: PfnRange): number {
    const end = Math.min(range.end, this.bitCount);
    return range.start >= end ? 0 : this.rank(end) - this.rank(range.start);
  }

  /** The runs of set bits inside `range`, ascending; whole words of zeros and ones at a time. */
  *runs(range: PfnRange): Generator<PfnRange> {
    const end = Math.min(range.end, this.bitCount);
    let runStart = -1;
    let pfn = range.start;
    while (pfn < end) {
      const bit = pfn % CHUNK_BITS;
      const chunk = this.#chunk((pfn - bit) / CHUNK_BITS);
      const next = Math.min(end, pfn - bit + CHUNK_BITS);
      if (chunk.total === 0) {
        if (runStart >= 0) yield { start: runStart, end: pfn };
        runStart = -1;
        pfn = next;
        continue;
      }
      while (pfn < next) {
        const at = pfn % CHUNK_BITS;
        const length = Math.min(runLength(chunk.words, at), next - pfn);
        const isSet = (((chunk.words[at >>> 5] as number) >>> (at & 31)) & 1) === 1;
        if (isSet && runStart < 0) runStart = pfn;
        if (!isSet && runStart >= 0) {
          yield { start: runStart, end: pfn };
          runStart = -1;
        }
        pfn += length;
      }
    }
    if (runStart >= 0) yield { start: runStart, end };
  }

  #countBefore(index: number): number {
    // Chunk by chunk, so that looking at low memory does not read the bitmap of high memory.
    for (let known = this.#before.length; known <= index; known++) {
      this.#before.push((this.#before[known - 1] as number) + this.#chunk(known - 1).total);
    }
    return this.#before[index] as number;
  }

  #chunk(index: number): Chunk {
    if (index === this.#lastIndex && this.#lastChunk !== undefined) return this.#lastChunk;
    let chunk = this.#chunks.get(index);
    if (chunk === undefined) {
      chunk = this.#load(index);
      this.#chunks.set(index, chunk);
    }
    this.#lastIndex = index;
    this.#lastChunk = chunk;
    return chunk;
  }

  #load(index: number): Chunk {
    const start = index * CHUNK_BYTES;
    const bytes = readExactly(this.#source, {
      section: this.#section,
      offset: this.#extent.offset + start,
      length: Math.min(CHUNK_BYTES, this.#extent.size - start),
    });
    // The bitmap of a machine with large holes is mostly this, and memcmp sees it ten times faster.
    if (ZEROS.subarray(0, bytes.length).equals(bytes)) return EMPTY_CHUNK;
    const words = littleEndianWords(bytes);
    const counts = new Uint32Array(CHUNK_WORDS / WORDS_PER_COUNT);
    let total = 0;
    for (let w = 0; w < CHUNK_WORDS; w++) {
      if (w % WORDS_PER_COUNT === 0) counts[w / WORDS_PER_COUNT] = total;
      const word = words[w] as number;
      if (word !== 0) total += popcount(word);
    }
    return { words, counts, total };
  }
}

const IS_LITTLE_ENDIAN_HOST = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

function littleEndianWords(bytes: Uint8Array): Uint32Array {
  const words = new Uint32Array(CHUNK_WORDS);
  new Uint8Array(words.buffer).set(bytes);
  if (IS_LITTLE_ENDIAN_HOST) return words;
  const view = new DataView(words.buffer);
  return words.map((_, index) => view.getUint32(index * 4, true));
}

/** How many bits from `bit` on are equal to it, up to the end of the chunk. */
function runLength(words: Uint32Array, bit: number): number {
  let index = bit >>> 5;
  const first = words[index] as number;
  const same = (first >>> (bit & 31)) & 1 ? 0xffffffff : 0;
  // Bits that differ from the first one, with those before it cleared.
  const different = ((first ^ same) & (-1 << (bit & 31))) >>> 0;
  if (different !== 0) return index * 32 + trailingZeros(different) - bit;
  for (index++; index < words.length; index++) {
    const word = ((words[index] as number) ^ same) >>> 0;
    if (word !== 0) return index * 32 + trailingZeros(word) - bit;
  }
  return words.length * 32 - bit;
}

function trailingZeros(word: number): number {
  return 31 - Math.clz32(word & -word);
}

/** Bits set in a 32-bit word: adds neighbours in pairs, then in fours, then the bytes. */
function popcount(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
