// Who gets which physical memory: whole pages from the bottom of RAM up, and small objects in slabs
// of such pages, as the kernel has them.

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import { assert } from '../../util/assert.ts';
import type { RamRange } from './physical-image.ts';

/** Hands out runs of pages, ascending; nothing is ever given back. */
export class PageAllocator {
  readonly #ranges: readonly RamRange[];
  readonly #allocated: { start: number; end: number }[] = [];
  #rangeIndex = 0;
  #next: number;

  constructor(ranges: readonly RamRange[]) {
    this.#ranges = ranges;
    this.#next = ranges[0]?.start ?? 0;
  }

  /**
   * The physical address of a run of pages that lie side by side.
   *
   * @param align in bytes; a power of two, the page size unless told
   * @throws AssertionError when RAM is used up
   */
  allocate(size: number, align = PAGE_SIZE): number {
    for (;;) {
      const range = this.#ranges[this.#rangeIndex];
      assert(range !== undefined, `no RAM left for ${size} bytes`);
      const start = Math.ceil(Math.max(this.#next, range.start) / align) * align;
      const end = start + Math.ceil(size / PAGE_SIZE) * PAGE_SIZE;
      if (end <= range.end) {
        this.#next = end;
        const last = this.#allocated.at(-1);
        if (last?.end === start) last.end = end;
        else this.#allocated.push({ start, end });
        return start;
      }
      this.#rangeIndex++;
    }
  }

  /** What was handed out, ascending, as runs of pages. */
  allocated(): readonly RamRange[] {
    return this.#allocated;
  }
}

/** PAGE_ALLOC_COSTLY_ORDER: SLUB takes no larger slabs of its own will (slub_max_order). */
const SLAB_ORDER_MAX = 3;

/** SLUB's first try: a slab may waste a sixteenth of itself (calculate_order() in mm/slub.c). */
const SLAB_WASTE = 16;

/** A kmem_cache: objects of one size, as many to a slab as fit. */
export class SlabCache {
  readonly objectSize: number;
  readonly slabSize: number;
  /** Its slabs, ascending. */
  readonly slabs: RamRange[] = [];
  readonly #pages: PageAllocator;
  #slab = 0;
  #used: number;

  /** @param align of an object in bytes; SLAB_HWCACHE_ALIGN (64) unless told */
  constructor(pages: PageAllocator, objectSize: number, align = 64) {
    this.#pages = pages;
    this.objectSize = Math.ceil(objectSize / align) * align;
    this.slabSize = slabSize(this.objectSize);
    this.#used = this.slabSize;
  }

  /** The physical address of a new object. */
  allocate(): number {
    if (this.#used + this.objectSize > this.slabSize) {
      this.#slab = this.#pages.allocate(this.slabSize, this.slabSize);
      this.#used = 0;
      this.slabs.push({ start: this.#slab, end: this.#slab + this.slabSize });
    }
    const at = this.#slab + this.#used;
    this.#used += this.objectSize;
    return at;
  }
}

function slabSize(objectSize: number): number {
  let size = PAGE_SIZE;
  for (let order = 0; order < SLAB_ORDER_MAX; order++, size *= 2) {
    if (objectSize <= size && (size % objectSize) * SLAB_WASTE <= size) return size;
  }
  while (size < objectSize) size *= 2;
  return size;
}
