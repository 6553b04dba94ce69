// Pages of a machine that is made up, more of them than fit into memory. Those that nobody wrote to
// lately are packed: most are the task_structs and stacks of idle tasks, and nearly all zero.

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import { PackedPages, type PackedPage } from './packed-pages.ts';
import { PfnMap } from './pfn-map.ts';

/** Stands for every page that was touched and not written; never written itself. */
const ZERO_PAGE = new Uint8Array(PAGE_SIZE);
/** Pages that are kept as they are, 32 MiB, and as many again of the generation before. */
const YOUNG_MAX = 8192;

/** In place of a packed page: it is all zero, or was written since it was packed. */
const ZERO = -1;
const WRITTEN = -2;

const NO_PAGE: { readonly pfn: number; readonly page: Uint8Array } = {
  pfn: -1,
  page: ZERO_PAGE,
};

/** Pages by pfn: in two generations as they are, and the rest packed. */
export class PageStore {
  /** Every pfn that there is, with its packed page, {@link ZERO} or {@link WRITTEN}. */
  readonly #places = new PfnMap();
  readonly #packed = new PackedPages();
  #young = new Map<number, Uint8Array>();
  #old = new Map<number, Uint8Array>();
  /** Bytes of pages that were packed: new arrays would keep the garbage collector busy. */
  readonly #spare: Uint8Array[] = [];
  /** The page that was written last, until pages are packed: most writes come in a row. */
  #last = NO_PAGE;

  get size(): number {
    return this.#places.size;
  }

  has(pfn: number): boolean {
    return this.#places.has(pfn);
  }

  /** Adds a page of zeros, which shares its bytes with all others until it is written. */
  addZero(pfn: number): void {
    this.#places.set(pfn, ZERO);
  }

  /**
   * The page, not to be written, and read before others are asked for; undefined where there is
   * none.
   */
  peek(pfn: number): Uint8Array | undefined {
    const page = this.#young.get(pfn) ?? this.#old.get(pfn);
    if (page !== undefined) return page;
    const place = this.#places.get(pfn);
    if (place === undefined) return undefined;
    return place === ZERO ? ZERO_PAGE : this.#keep(pfn, this.#unpacked(place));
  }

  /** The page, to be written before another one is asked for; new ones are zero. */
  forWrite(pfn: number): Uint8Array {
    if (pfn !== this.#last.pfn) this.#last = { pfn, page: this.#writable(pfn) };
    return this.#last.page;
  }

  #writable(pfn: number): Uint8Array {
    const place = this.#places.get(pfn) ?? ZERO;
    let page = this.#young.get(pfn) ?? this.#old.get(pfn);
    page ??= this.#keep(pfn, this.#unpacked(place));
    if (place >= 0) this.#packed.free(place);
    if (place !== WRITTEN) this.#places.set(pfn, WRITTEN);
    return page;
  }

  #unpacked(place: PackedPage): Uint8Array {
    const page = this.#spare.pop()?.fill(0) ?? new Uint8Array(PAGE_SIZE);
    if (place >= 0) this.#packed.unpackInto(page, place);
    return page;
  }

  /** All pfns, ascending. */
  pfns(): Float64Array {
    return this.#places.pfns();
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
      if (this.#places.get(pfn) === WRITTEN) this.#places.set(pfn, this.#packed.pack(page));
      this.#spare.push(page);
    }
    this.#old = this.#young;
    this.#young = new Map();
  }
}
