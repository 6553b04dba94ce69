// The physical memory of a machine that is made up: pages come into being when they are written.
// A machine of 1 TiB whose kernel uses 2 GiB has those 2 GiB here, packed, and a limit says when to
// stop.

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import { assert } from '../../util/assert.ts';
import { PageStore } from './page-store.ts';

/** Physical addresses in bytes, `end` exclusive; both on page boundaries. */
export interface RamRange {
  readonly start: number;
  readonly end: number;
}

/** How a {@link PhysicalImage} is made. */
export interface PhysicalImageOptions {
  /** Where RAM is, ascending, without overlap. */
  readonly ram: readonly RamRange[];
  /** The most pages that may be written; 16 GiB of them unless told. */
  readonly pageCountMax?: number;
}

const PAGE_COUNT_MAX_DEFAULT = 2 ** 34 / PAGE_SIZE;

/** RAM of which only the pages that were written or touched exist; the others read as zero. */
export class PhysicalImage {
  readonly ram: readonly RamRange[];
  readonly #pageCountMax: number;
  readonly #pages = new PageStore();

  constructor({ ram, pageCountMax = PAGE_COUNT_MAX_DEFAULT }: PhysicalImageOptions) {
    let last = 0;
    for (const { start, end } of ram) {
      assert(start >= last && end > start, `RAM range at 0x${start.toString(16)}`);
      assert(start % PAGE_SIZE === 0 && end % PAGE_SIZE === 0, 'RAM range is not made of pages');
      last = end;
    }
    this.ram = ram;
    this.#pageCountMax = pageCountMax;
  }

  /** One past the highest physical address of RAM. */
  get end(): number {
    return this.ram.at(-1)?.end ?? 0;
  }

  /** How many pages exist. */
  get pageCount(): number {
    return this.#pages.size;
  }

  /** Whether a byte is RAM. */
  isRam(paddr: number): boolean {
    return this.ram.some(({ start, end }) => paddr >= start && paddr < end);
  }

  /** @throws AssertionError outside of RAM, or when there would be more pages than allowed */
  write(paddr: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const inPage = (paddr + done) % PAGE_SIZE;
      const length = Math.min(bytes.length - done, PAGE_SIZE - inPage);
      this.#pageForWrite(paddr + done).set(bytes.subarray(done, done + length), inPage);
      done += length;
    }
  }

  /**
   * Makes pages that hold zeros, where there are none: memory that was allocated and cleared. They
   * share their bytes until they are written, so that 100,000 empty stacks cost little.
   */
  touch(paddr: number, size: number): void {
    const end = Math.ceil((paddr + size) / PAGE_SIZE);
    for (let pfn = Math.floor(paddr / PAGE_SIZE); pfn < end; pfn++) {
      if (this.#pages.has(pfn)) continue;
      this.#checkNew(pfn);
      this.#pages.addZero(pfn);
    }
  }

  /** A copy of `length` bytes; what was never written is zero. */
  read(paddr: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const inPage = (paddr + done) % PAGE_SIZE;
      const part = Math.min(length - done, PAGE_SIZE - inPage);
      const page = this.#pages.peek(Math.floor((paddr + done) / PAGE_SIZE));
      if (page !== undefined) bytes.set(page.subarray(inPage, inPage + part), done);
      done += part;
    }
    return bytes;
  }

  /** Every page that exists, in the order of their pfns; the bytes are not to be written. */
  *pages(): Generator<{ pfn: number; bytes: Uint8Array }, void, undefined> {
    for (const pfn of this.pfns()) yield { pfn, bytes: this.#pages.peek(pfn)! };
  }

  /** Page frame numbers of all pages that exist, ascending. */
  pfns(): Float64Array {
    return this.#pages.pfns();
  }

  /** Runs of pages that exist, as addresses. */
  *ranges(): Generator<RamRange, void, undefined> {
    let run: { start: number; end: number } | undefined;
    for (const pfn of this.pfns()) {
      const start = pfn * PAGE_SIZE;
      if (run?.end === start) run.end += PAGE_SIZE;
      else {
        if (run !== undefined) yield run;
        run = { start, end: start + PAGE_SIZE };
      }
    }
    if (run !== undefined) yield run;
  }

  #pageForWrite(paddr: number): Uint8Array {
    const pfn = Math.floor(paddr / PAGE_SIZE);
    if (!this.#pages.has(pfn)) this.#checkNew(pfn);
    return this.#pages.forWrite(pfn);
  }

  #checkNew(pfn: number): void {
    assert(this.isRam(pfn * PAGE_SIZE), `pfn 0x${pfn.toString(16)} is no RAM`);
    assert(this.#pages.size < this.#pageCountMax, `more than ${this.#pageCountMax} pages`);
  }
}
