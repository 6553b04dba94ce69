// Per-CPU page lists (struct per_cpu_pages, mm/page_alloc.c of 6.1): pages that a CPU has freed, or
// has taken from the zone in one go, and that only it can give out again. NR_FREE_PAGES does not
// count them, so that a machine out of memory has some all the same until drain_all_pages().

import type { Zone } from './mmzone.ts';

/** PAGE_ALLOC_COSTLY_ORDER: larger blocks go to the zone at once. */
export const COSTLY_ORDER = 3;

/** The lists of one CPU and one zone. */
export class PerCpuPages {
  /** Starts of blocks, by order, the newest last. */
  readonly #lists: number[][] = Array.from({ length: COSTLY_ORDER + 1 }, () => []);
  readonly #zone: Zone;
  /** Pages on all lists. */
  count = 0;
  /** How many go to or from the zone in one go; see zone_batchsize(). */
  readonly batch: number;
  /** More than that many go back to the zone; see zone_highsize(). */
  readonly high: number;

  constructor(zone: Zone, cpuCount: number) {
    this.#zone = zone;
    this.batch = batchSize(zone.managedPages);
    this.high = Math.max(Math.floor(zone.watermark.low / cpuCount), this.batch << 2);
  }

  /** Starts of the blocks of an order, the next to be taken first. */
  blocks(order: number): readonly number[] {
    return this.#lists[order]!.toReversed();
  }

  /** rmqueue_pcplist() @returns undefined where the zone has no more either */
  take(order: number): number | undefined {
    const list = this.#lists[order]!;
    if (list.length === 0) this.#refill(list, order);
    const pfn = list.pop();
    if (pfn !== undefined) this.count -= 2 ** order;
    return pfn;
  }

  /** free_unref_page_commit() */
  give(pfn: number, order: number, isReclaimActive: boolean): void {
    this.#lists[order]!.push(pfn);
    this.count += 2 ** order;
    const high = isReclaimActive ? Math.min(this.batch << 2, this.high) : this.high;
    if (this.count >= high) this.drain(this.batch);
  }

  /** free_pcppages_bulk(): so many pages, those that lie there longest first. */
  drain(pages: number = this.count): void {
    let left = Math.min(pages, this.count);
    for (const [order, list] of this.#lists.entries()) {
      if (left <= 0) return;
      const taken = list.splice(0, Math.ceil(left / 2 ** order));
      for (const pfn of taken) this.#zone.giveBlock(pfn, order);
      left -= taken.length * 2 ** order;
      this.count -= taken.length * 2 ** order;
    }
  }

  /** rmqueue_bulk() */
  #refill(list: number[], order: number): void {
    // At least two, so that a batch of large blocks is one.
    const blocks = this.batch > 1 ? Math.max(this.batch >> order, 2) : 1;
    for (let i = 0; i < blocks; i++) {
      const pfn = this.#zone.takeBlock(order);
      if (pfn === undefined) break;
      list.push(pfn);
      this.count += 2 ** order;
    }
    // What the zone gave first goes out first.
    list.reverse();
  }
}

/** zone_batchsize(): about 0.1 % of the zone and at most 1 MiB, a quarter of it, 2^n - 1. */
function batchSize(managedPages: number): number {
  const quarter = Math.max(1, Math.min(managedPages >> 10, 256) >> 2);
  return Math.max(1, 2 ** Math.floor(Math.log2(quarter + (quarter >> 1))) - 1);
}
