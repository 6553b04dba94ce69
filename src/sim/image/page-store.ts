// Pages of a machine that is made up, more of them than fit into memory. Those that nobody wrote to
// lately are packed: most are the task_structs and stacks of idle tasks, and nearly all zero.

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import { compressPage } from '../../format/compress/encode.ts';
import { decompressPage } from '../../format/compress/pages.ts';

/** Stands for every page that was touched and not written; never written itself. */
const ZERO_PAGE = new Uint8Array(PAGE_SIZE);
/** Pages that are kept as they are, 128 MiB, and as many again of the generation before. */
const YOUNG_MAX = 32_768;

const NO_PAGE: { readonly pfn: number; readonly page: Uint8Array } = {
  pfn: -1,
  page: ZERO_PAGE,
};

/** Pages by pfn: in two generations as they are, and the rest packed. */
export class PageStore {
  /** Every pfn that there is, with its packed page; undefined where it was written since. */
  readonly #packed = new Map<number, Uint8Array | undefined>();
  #young = new Map<number, Uint8Array>();
  #old = new Map<number, Uint8Array>();
  /** The page that was written last, until pages are packed: most writes come in a row. */
  #last = NO_PAGE;

  get size(): number {
    return this.#packed.size;
  }

  has(pfn: number): boolean {
    return this.#packed.has(pfn);
  }

  /** Adds a page of zeros, which shares its bytes with all others until it is written. */
  addZero(pfn: number): void {
    this.#packed.set(pfn, ZERO_PAGE);
  }

  /** The page, not to be written; undefined where there is none. */
  peek(pfn: number): Uint8Array | undefined {
    const page = this.#young.get(pfn) ?? this.#old.get(pfn);
    if (page !== undefined) return page;
    const packed = this.#packed.get(pfn);
    if (packed === undefined || packed === ZERO_PAGE) return packed;
    return this.#keep(pfn, unpack(packed));
  }

  /** The page, to be written before another one is asked for; new ones are zero. */
  forWrite(pfn: number): Uint8Array {
    if (pfn !== this.#last.pfn) this.#last = { pfn, page: this.#writable(pfn) };
    return this.#last.page;
  }

  #writable(pfn: number): Uint8Array {
    const plain = this.#young.get(pfn) ?? this.#old.get(pfn);
    const packed = this.#packed.get(pfn);
    if (plain === undefined || packed !== undefined) this.#packed.set(pfn, undefined);
    if (plain !== undefined) return plain;
    const isNew = packed === undefined || packed === ZERO_PAGE;
    return this.#keep(pfn, isNew ? new Uint8Array(PAGE_SIZE) : unpack(packed));
  }

  /** All pfns, ascending. */
  pfns(): Float64Array {
    return Float64Array.from(this.#packed.keys()).sort();
  }

  #keep(pfn: number, page: Uint8Array): Uint8Array {
    if (this.#young.size >= YOUNG_MAX) this.#packOld();
    this.#young.set(pfn, page);
    return page;
  }

  #packOld(): void {
    this.#last = NO_PAGE;
    for (const [pfn, page] of this.#old) {
      // What was read alone is packed still.
      if (this.#packed.get(pfn) !== undefined) continue;
      this.#packed.set(pfn, compressPage('lzo', page) ?? page);
    }
    this.#old = this.#young;
    this.#young = new Map();
  }
}

/** A page that did not get smaller is stored as it is. */
function unpack(packed: Uint8Array): Uint8Array {
  return packed.length === PAGE_SIZE ? packed : decompressPage('lzo', packed, PAGE_SIZE);
}
