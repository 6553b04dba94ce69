// Counters of pages that belong together in a tree (mm/page_counter.c): what is charged to one is
// charged to all above it, and the first that is full refuses it for all.

/** PAGE_COUNTER_MAX: no limit, LONG_MAX / PAGE_SIZE. It is no exact number, and need not be one. */
export const PAGE_COUNTER_MAX = 2 ** 51 - 1;

/** struct page_counter. */
export class PageCounter {
  readonly parent: PageCounter | undefined;
  usage = 0;
  /** What user space may be slowed down at. */
  high = PAGE_COUNTER_MAX;
  max = PAGE_COUNTER_MAX;
  /** The most that it ever was. */
  watermark = 0;
  /** How often it refused. */
  failcnt = 0;

  constructor(parent?: PageCounter) {
    this.parent = parent;
  }

  /** page_counter_try_charge() @returns the counter that is full, and then nothing is charged */
  tryCharge(pages: number): PageCounter | undefined {
    const full = this.#firstFull(pages);
    if (full === undefined) this.charge(pages);
    else full.failcnt++;
    return full;
  }

  /** page_counter_charge(): whatever the limits say. */
  charge(pages: number): void {
    this.usage += pages;
    this.watermark = Math.max(this.watermark, this.usage);
    this.parent?.charge(pages);
  }

  /** page_counter_uncharge() */
  uncharge(pages: number): void {
    this.usage -= pages;
    this.parent?.uncharge(pages);
  }

  #firstFull(pages: number): PageCounter | undefined {
    if (this.usage + pages > this.max) return this;
    return this.parent === undefined ? undefined : this.parent.#firstFull(pages);
  }
}
