// Physical memory as a dump holds it: the one interface that every container ends in, and the
// page cache that bounds what we keep of it.

import { FaultError, VmcoreError } from '../util/errors.ts';
import { LruCache } from '../util/lru.ts';
import type { PageState } from '../util/page-state.ts';

/** Bytes `start` (inclusive) to `end` (exclusive) of physical memory. */
export interface PhysicalRange {
  readonly start: number;
  readonly end: number;
}

/** Told of every byte range that was read, before it is read; `pack` records them. */
export type ReadObserver = (range: PhysicalRange) => void;

/** The physical memory of a dumped machine. All addresses are byte addresses below 2^53. */
export interface PhysicalMemory {
  /** Page size of the dump in bytes: kdump's block_size, else 4096. */
  readonly pageSize: number;
  /** One past the highest physical address that the dump speaks of. */
  readonly end: number;
  /** Set to be told of each range that is read. */
  onRead: ReadObserver | undefined;
  /** The same memory, for whoever reads page tables; absent where nobody tells those apart. */
  readonly forTables?: PhysicalMemory;
  /** What the dump can say of the byte at `paddr`. */
  stateOf(paddr: number): PageState;
  /**
   * Fills `into` with the bytes from `paddr` on.
   *
   * @throws FaultError naming the first byte that is not present, and why
   */
  readInto(into: Uint8Array, paddr: number): void;
  /** The present ranges in ascending order, merged, for scans over all memory. */
  presentRanges(): Iterable<PhysicalRange>;
}

/** Reads if all of the bytes are there; a page may be in a dump in part only, or damaged. */
export function tryRead(memory: PhysicalMemory, into: Uint8Array, paddr: number): boolean {
  try {
    memory.readInto(into, paddr);
    return true;
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    return false;
  }
}

/** Another memory, of which a subclass changes what it must. */
export abstract class MemoryWrapper implements PhysicalMemory {
  readonly pageSize: number;
  protected readonly inner: PhysicalMemory;

  constructor(inner: PhysicalMemory) {
    this.pageSize = inner.pageSize;
    this.inner = inner;
  }

  get end(): number {
    return this.inner.end;
  }

  get onRead(): ReadObserver | undefined {
    return this.inner.onRead;
  }

  set onRead(observer: ReadObserver | undefined) {
    this.inner.onRead = observer;
  }

  abstract stateOf(paddr: number): PageState;
  abstract readInto(into: Uint8Array, paddr: number): void;
  abstract presentRanges(): Iterable<PhysicalRange>;
}

/** How much page data a cache keeps: 4096 pages of 4 KiB are 16 MiB. */
const CACHED_BYTES = 16 << 20;

/**
 * The shared part of every container: small reads go through a page cache, reads that cover whole
 * pages go straight to the container.
 */
export abstract class CachedMemory implements PhysicalMemory {
  readonly pageSize: number;
  abstract readonly end: number;
  onRead: ReadObserver | undefined = undefined;
  readonly #cache: LruCache<Uint8Array>;
  #lastIndex = -1;
  #lastPage: Uint8Array | undefined;

  constructor(pageSize: number) {
    this.pageSize = pageSize;
    this.#cache = new LruCache(Math.max(16, Math.floor(CACHED_BYTES / pageSize)));
  }

  abstract stateOf(paddr: number): PageState;
  abstract presentRanges(): Iterable<PhysicalRange>;

  /**
   * The bytes of page `index` (paddr / pageSize), or undefined unless all of it is present.
   * A page that is damaged in the file throws a FormatError.
   */
  protected abstract loadPage(index: number): Uint8Array | undefined;

  /**
   * Reads past the cache. The default goes page by page; containers that store pages next to each
   * other override it.
   *
   * @returns the number of bytes that are present from `paddr` on, at most `into.length`
   */
  protected readRun(into: Uint8Array, paddr: number): number {
    let done = 0;
    while (done < into.length) {
      const at = paddr + done;
      const inPage = at % this.pageSize;
      const length = Math.min(into.length - done, this.pageSize - inPage);
      const page = this.page((at - inPage) / this.pageSize);
      if (page === undefined)
        return done + this.readPartial(into.subarray(done, done + length), at);
      into.set(page.subarray(inPage, inPage + length), done);
      done += length;
    }
    return done;
  }

  /** Reads inside one page that is not whole; 0 where a container has no such pages. */
  protected readPartial(_into: Uint8Array, _paddr: number): number {
    return 0;
  }

  readInto(into: Uint8Array, paddr: number): void {
    this.onRead?.({ start: paddr, end: paddr + into.length });
    const inPage = paddr % this.pageSize;
    if (inPage + into.length <= this.pageSize) {
      const page = this.page((paddr - inPage) / this.pageSize);
      if (page !== undefined) {
        into.set(page.subarray(inPage, inPage + into.length));
        return;
      }
    }
    const got = this.readRun(into, paddr);
    if (got < into.length) throw this.#fault(paddr + got);
  }

  /** Page `index` through the cache; undefined unless all of it is present. */
  protected page(index: number): Uint8Array | undefined {
    if (index === this.#lastIndex) return this.#lastPage;
    let page = this.#cache.get(index);
    if (page === undefined) {
      page = this.loadPage(index);
      if (page === undefined) return undefined;
      this.#cache.set(index, page);
    }
    this.#lastIndex = index;
    this.#lastPage = page;
    return page;
  }

  #fault(paddr: number): FaultError {
    const state = this.stateOf(paddr);
    const reason = state === 'present' ? 'truncated' : state;
    return new FaultError({ space: 'physical', address: paddr, reason });
  }
}
