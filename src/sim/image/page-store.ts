// Pages of a machine that is made up, more of them than fit into memory. Those that nobody wrote to
// lately are packed: most are the task_structs and stacks of idle tasks, and nearly all zero.

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import { compressPage } from '../../format/compress/encode.ts';
import { decompressPage } from '../../format/compress/pages.ts';

/** Stands for every page that was touched and not written; never written itself. */
const ZERO_PAGE = new Uint8Array(PAGE_SIZE);
/** Pages that are kept as they are, 64 MiB, and as many again of the generation before. */
const YOUNG_MAX = 16_384;

/** Pages by pfn, in two generations as they are and the rest packed. */
export class PageStore {
  /** Every pfn that there is, with its packed page, or undefined while it is not packed. */
  readonly #packed = new Map<number, Uint8Array | undefined>();
  #young = new Map<number, Uint8Array>();
  #old = new Map<number, Uint8Array>();

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
    const plain = this.#young.get(pfn) ?? this.#old.get(pfn);
    return plain ?? unpack(this.#packed.get(pfn));
  }

  /** The page, to be written before another one is asked for; new ones are zero. */
  forWrite(pfn: number): Uint8Array {
    const young = this.#young.get(pfn);
    if (young !== undefined) return young;
    const page = this.#old.get(pfn) ?? this.#copy(pfn);
    this.#old.delete(pfn);
    this.#packed.set(pfn, undefined);
    if (this.#young.size >= YOUNG_MAX) this.#packOld();
    this.#young.set(pfn, page);
    return page;
  }

  /** All pfns, ascending. */
  pfns(): Float64Array {
    return Float64Array.from(this.#packed.keys()).sort();
  }

  #copy(pfn: number): Uint8Array {
    const packed = this.#packed.get(pfn);
    if (packed === undefined || packed === ZERO_PAGE) return new Uint8Array(PAGE_SIZE);
    const page = unpack(packed);
    // A page that did not get smaller is stored as it is, and its bytes are nobody else's.
    return page ?? new Uint8Array(PAGE_SIZE);
  }

  #packOld(): void {
    for (const [pfn, page] of this.#old) this.#packed.set(pfn, compressPage('lzo', page) ?? page);
    this.#old = this.#young;
    this.#young = new Map();
  }
}

function unpack(packed: Uint8Array | undefined): Uint8Array | undefined {
  if (packed === undefined || packed.length === PAGE_SIZE) return packed;
  return decompressPage('lzo', packed, PAGE_SIZE);
}
