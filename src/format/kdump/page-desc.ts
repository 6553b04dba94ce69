// The table of page descriptors: one per page that the file stores, in pfn order.
//
//   +0  u64 offset      where the page's data is; 0 in a descriptor that was never written
//   +8  u32 size        bytes of data; block_size if the page is not compressed
//   +12 u32 flags       DUMP_DH_COMPRESSED_*, or 0
//   +16 u64 page_flags  page->flags of the kernel; no writer fills it in

import type { ByteSource } from '../../util/io.ts';
import { LruCache } from '../../util/lru.ts';
import { PAGE_DESC_SIZE } from './constants.ts';

/** Descriptors read at once: 12 KiB of the file, which describe 2 MiB of memory. */
const DESCS_PER_BATCH = 512;

/** Batches kept: 768 KiB. */
const BATCHES_CACHED = 64;

/** Where the data of one page is and how it is compressed. */
export interface PageDesc {
  /** 0 where an incomplete dump did not get to write the page. */
  readonly offset: number;
  readonly size: number;
  readonly flags: number;
}

/** Reads page descriptors by index, a batch at a time. */
export class PageDescTable {
  /** File offset of descriptor 0. */
  readonly offset: number;
  readonly #source: ByteSource;
  readonly #littleEndian: boolean;
  readonly #batches = new LruCache<DataView>(BATCHES_CACHED);
  #lastIndex = -1;
  #lastBatch: DataView | undefined;

  constructor(source: ByteSource, options: { offset: number; littleEndian: boolean }) {
    this.#source = source;
    this.offset = options.offset;
    this.#littleEndian = options.littleEndian;
  }

  /** How many descriptors the file has room for; more than it has, but a bound of every walk. */
  get countMax(): number {
    return Math.max(0, Math.floor((this.#source.size - this.offset) / PAGE_DESC_SIZE));
  }

  /** File offset of descriptor `index`. */
  offsetOf(index: number): number {
    return this.offset + index * PAGE_DESC_SIZE;
  }

  /** Descriptor `index`; undefined if the file ends before its end. */
  read(index: number): PageDesc | undefined {
    const inBatch = index % DESCS_PER_BATCH;
    const batch = this.#batch((index - inBatch) / DESCS_PER_BATCH);
    const at = inBatch * PAGE_DESC_SIZE;
    if (at + PAGE_DESC_SIZE > batch.byteLength) return undefined;
    const le = this.#littleEndian;
    const high = batch.getUint32(at + (le ? 4 : 0), le);
    const low = batch.getUint32(at + (le ? 0 : 4), le);
    return {
      // Above 2^53 this rounds, which is past the end of any file either way.
      offset: high * 2 ** 32 + low,
      size: batch.getUint32(at + 8, le),
      flags: batch.getUint32(at + 12, le),
    };
  }

  #batch(index: number): DataView {
    if (index === this.#lastIndex && this.#lastBatch !== undefined) return this.#lastBatch;
    let batch = this.#batches.get(index);
    if (batch === undefined) {
      const bytes = new Uint8Array(DESCS_PER_BATCH * PAGE_DESC_SIZE);
      const got = this.#source.readInto(bytes, this.offsetOf(index * DESCS_PER_BATCH));
      batch = new DataView(bytes.buffer, 0, got);
      this.#batches.set(index, batch);
    }
    this.#lastIndex = index;
    this.#lastBatch = batch;
    return batch;
  }
}
