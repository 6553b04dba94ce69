// Zones with their free pages in buddy order, and the LRU lists of the node
// (include/linux/mmzone.h, the buddy half of mm/page_alloc.c).

import { assert } from '../../util/assert.ts';
import type { Mm } from '../kernel/task.ts';

/** Orders 0 to 10. */
export const MAX_ORDER = 11;

/** A page in use, as struct page knows it. */
export class Page {
  readonly pfn: number;
  readonly order: number;
  readonly zone: Zone;
  /** Whose page table maps it. */
  mm: Mm | undefined;
  /** The list that it is on. */
  lru: PageList | undefined;
  previous: Page | undefined;
  next: Page | undefined;
  dirty = false;
  writeback = false;
  referenced = false;
  /** PG_reclaim: reclaim has met it under writeback, and wants it as soon as that is over. */
  reclaim = false;
  /** Who is charged for it; undefined for the root cgroup, which nothing is charged to. */
  memcg: PageOwner | undefined;

  constructor(zone: Zone, pfn: number, order: number) {
    this.zone = zone;
    this.pfn = pfn;
    this.order = order;
  }
}

/** A memory cgroup, as its pages see it: it keeps lists of its own beside those of the node. */
export interface PageOwner {
  /** The page was put on a list of the node, at the end where reclaim comes last or first. */
  onList(page: Page, list: PageList, end: 'head' | 'tail'): void;
  offList(page: Page, list: PageList): void;
  /** mem_cgroup_uncharge(): it is on its way to the free lists. */
  uncharge(page: Page): void;
}

/** A list of pages: new ones at the head, reclaim takes from the tail. */
export class PageList {
  readonly isFile: boolean;
  readonly isActive: boolean;
  length = 0;
  #head: Page | undefined;
  #tail: Page | undefined;

  constructor({ isFile, isActive }: { isFile: boolean; isActive: boolean }) {
    this.isFile = isFile;
    this.isActive = isActive;
  }

  get tail(): Page | undefined {
    return this.#tail;
  }

  add(page: Page): void {
    assert(page.lru === undefined, `pfn ${page.pfn} is on a list already`);
    page.lru = this;
    page.previous = undefined;
    page.next = this.#head;
    if (this.#head === undefined) this.#tail = page;
    else this.#head.previous = page;
    this.#head = page;
    this.length++;
    page.memcg?.onList(page, this, 'head');
  }

  /** folio_rotate_reclaimable(): it is the next to be reclaimed. */
  addTail(page: Page): void {
    if (this.#tail === undefined) {
      this.add(page);
      return;
    }
    assert(page.lru === undefined, `pfn ${page.pfn} is on a list already`);
    page.lru = this;
    page.next = undefined;
    page.previous = this.#tail;
    this.#tail.next = page;
    this.#tail = page;
    this.length++;
    page.memcg?.onList(page, this, 'tail');
  }

  remove(page: Page): void {
    assert(page.lru === this, `pfn ${page.pfn} is not on this list`);
    if (page.previous === undefined) this.#head = page.next;
    else page.previous.next = page.next;
    if (page.next === undefined) this.#tail = page.previous;
    else page.next.previous = page.previous;
    page.lru = page.previous = page.next = undefined;
    this.length--;
    page.memcg?.offList(page, this);
  }
}

/** Free memory of one zone in blocks of 2^order pages, each aligned to its size. */
export class FreeArea {
  /** Starts of free blocks, the newest last. */
  readonly #blocks: Set<number>[] = Array.from({ length: MAX_ORDER }, () => new Set());

  /** How many free blocks of an order there are. */
  count(order: number): number {
    return this.#blocks[order]!.size;
  }

  /** Their pfns. */
  blocks(order: number): readonly number[] {
    return [...this.#blocks[order]!];
  }

  /** __rmqueue_smallest(): splits a larger block where there is none of the order. */
  take(order: number): number | undefined {
    for (let from = order; from < MAX_ORDER; from++) {
      const blocks = this.#blocks[from]!;
      const [pfn] = blocks;
      if (pfn === undefined) continue;
      blocks.delete(pfn);
      // expand(): the upper halves stay free.
      for (let half = from - 1; half >= order; half--) this.#blocks[half]!.add(pfn + 2 ** half);
      return pfn;
    }
    return undefined;
  }

  /** __free_one_page(): a block and its free buddy become one. */
  give(pfn: number, order: number): void {
    let start = pfn;
    let size = order;
    while (size < MAX_ORDER - 1) {
      const buddy = start ^ (1 << size);
      if (!this.#blocks[size]!.delete(buddy)) break;
      start = Math.min(start, buddy);
      size++;
    }
    this.#blocks[size]!.add(start);
  }
}

/** Which watermark a request must respect. */
export type Watermark = 'min' | 'low' | 'high';

/** struct zone. */
export class Zone {
  readonly name: string;
  readonly startPfn: number;
  readonly spannedPages: number;
  readonly managedPages: number;
  readonly watermark: Record<Watermark, number> = { min: 0, low: 0, high: 0 };
  /** Pages kept from requests that a higher zone could serve. */
  lowmemReserve = 0;
  /** NR_FREE_PAGES */
  freePages = 0;
  readonly free = new FreeArea();

  constructor(range: { name: string; startPfn: number; endPfn: number; reservedPages: number }) {
    this.name = range.name;
    this.startPfn = range.startPfn;
    this.spannedPages = range.endPfn - range.startPfn;
    this.managedPages = this.spannedPages - range.reservedPages;
    for (let pfn = range.startPfn + range.reservedPages; pfn < range.endPfn;) {
      let order = MAX_ORDER - 1;
      while (pfn % 2 ** order !== 0 || pfn + 2 ** order > range.endPfn) order--;
      this.free.give(pfn, order);
      pfn += 2 ** order;
    }
    this.freePages = this.managedPages;
  }

  /** @returns undefined where no block is large enough */
  take(order: number): Page | undefined {
    const pfn = this.free.take(order);
    if (pfn === undefined) return undefined;
    this.freePages -= 2 ** order;
    return new Page(this, pfn, order);
  }

  give(page: Page): void {
    assert(page.lru === undefined, `pfn ${page.pfn} is freed from a list`);
    this.free.give(page.pfn, page.order);
    this.freePages += 2 ** page.order;
  }
}

/** LRU lists, in the order of enum lru_list. */
export const LRU_NAMES = ['inactive_anon', 'active_anon', 'inactive_file', 'active_file'] as const;
/** One of them. */
export type LruName = (typeof LRU_NAMES)[number];

/** struct pglist_data of the only node. */
export class Node {
  /** The zone that requests try first comes first. */
  readonly zones: readonly Zone[];
  readonly lru: Readonly<Record<LruName, PageList>> = {
    inactive_anon: new PageList({ isFile: false, isActive: false }),
    active_anon: new PageList({ isFile: false, isActive: true }),
    inactive_file: new PageList({ isFile: true, isActive: false }),
    active_file: new PageList({ isFile: true, isActive: true }),
  };
  /** Pages that reclaim has taken off the lists for a while. */
  readonly isolated = { anon: 0, file: 0 };
  nrDirty = 0;
  nrWriteback = 0;
  kswapdFailures = 0;

  constructor(zones: readonly Zone[]) {
    this.zones = zones;
    setWatermarks(zones);
  }

  get managedPages(): number {
    return this.zones.reduce((sum, { managedPages }) => sum + managedPages, 0);
  }

  get freePages(): number {
    return this.zones.reduce((sum, { freePages }) => sum + freePages, 0);
  }
}

const PAGE_KB = 4;
/** MIN_FREE_KBYTES: 4 √(kB of memory), between 128 kB and 256 MiB (init_per_zone_wmark_min()). */
const MIN_FREE_FACTOR = 4;
const MIN_FREE_KB = { least: 128, most: 262_144 };
/** sysctl_lowmem_reserve_ratio of ZONE_DMA. */
const LOWMEM_RESERVE_RATIO = 256;

function setWatermarks(zones: readonly Zone[]): void {
  const managed = zones.reduce((sum, zone) => sum + zone.managedPages, 0);
  const wanted = Math.floor(MIN_FREE_FACTOR * Math.sqrt(managed * PAGE_KB));
  const kb = Math.min(Math.max(wanted, MIN_FREE_KB.least), MIN_FREE_KB.most);
  let above = 0;
  for (const zone of zones) {
    const min = Math.floor(((kb / PAGE_KB) * zone.managedPages) / managed);
    zone.watermark.min = min;
    zone.watermark.low = min + (min >> 2);
    zone.watermark.high = min + (min >> 1);
    zone.lowmemReserve = Math.floor(above / LOWMEM_RESERVE_RATIO);
    above += zone.managedPages;
  }
}
