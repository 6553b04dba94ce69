// Writes one page bitmap from ascending pfns. A chunk is kept at a time; chunks without a bit stay
// holes, so the bitmap of a sparse machine of terabytes costs what its RAM costs.

import type { ByteSink } from '../../util/io.ts';
import type { PfnRange } from './bitmap.ts';

const CHUNK_BYTES = 32 << 10;
const CHUNK_BITS = CHUNK_BYTES * 8;

/** Sets bits of a bitmap at `offset` of the sink. */
export class BitmapWriter {
  readonly #sink: ByteSink;
  readonly #offset: number;
  readonly #chunk = new Uint8Array(CHUNK_BYTES);
  #chunkIndex = 0;
  /** Bytes of the chunk that hold bits; 0 if it is empty. */
  #usedBytes = 0;
  #end = 0;

  constructor(sink: ByteSink, offset: number) {
    this.#sink = sink;
    this.#offset = offset;
  }

  /** Sets the bits of a range that starts at or after the end of the last one. */
  set({ start, end }: PfnRange): void {
    for (let pfn = start; pfn < end;) {
      const bit = pfn % CHUNK_BITS;
      const index = (pfn - bit) / CHUNK_BITS;
      if (index !== this.#chunkIndex) this.#moveTo(index);
      const stop = Math.min(CHUNK_BITS, bit + end - pfn);
      setBits(this.#chunk, bit, stop);
      this.#usedBytes = Math.ceil(stop / 8);
      pfn += stop - bit;
    }
  }

  finish(): void {
    this.#moveTo(this.#chunkIndex + 1);
  }

  /** Whether something was written up to `end` of the sink. */
  wroteLastByte(end: number): boolean {
    return this.#end === end;
  }

  #moveTo(index: number): void {
    if (this.#usedBytes > 0) {
      const at = this.#offset + this.#chunkIndex * CHUNK_BYTES;
      // The sink may keep what it is given.
      this.#sink.write(this.#chunk.slice(0, this.#usedBytes), at);
      this.#end = at + this.#usedBytes;
      this.#chunk.fill(0);
      this.#usedBytes = 0;
    }
    this.#chunkIndex = index;
  }
}

function setBits(bytes: Uint8Array, start: number, end: number): void {
  let bit = start;
  while (bit < end && bit % 8 !== 0) setBit(bytes, bit++);
  const wholeEnd = end - (end % 8);
  if (wholeEnd > bit) {
    bytes.fill(0xff, bit / 8, wholeEnd / 8);
    bit = wholeEnd;
  }
  while (bit < end) setBit(bytes, bit++);
}

function setBit(bytes: Uint8Array, bit: number): void {
  bytes[bit >>> 3] = (bytes[bit >>> 3] as number) | (1 << (bit & 7));
}
