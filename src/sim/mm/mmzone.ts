// Zones with their free pages, pages in use, and the LRU lists of the node
// (include/linux/mmzone.h).

import { assert } from '../../util/assert.ts';
import type { Mm } from '../kernel/task.ts';
import { FreeArea, MAX_ORDER } from './buddy.ts';
import { COSTLY_ORDER, PerCpuPages } from './pcp.ts';
import { setWatermarks } from './watermarks.ts';
import { calculate_normal_threshold, ZoneCounter } from './zone-counter.ts';

/** A page in use, as struct page knows it. */
export class Page {
  /** Compaction moves what a page holds to another one: then this is the other one's. */
  pfn: number;
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
  /** enum lru_list */
  readonly index: number;
  length = 0;
  #head: Page | undefined;
  #tail: Page | undefined;

  constructor({ isFile, isActive }: { isFile: boolean; isActive: boolean }) {
    this.isFile = isFile;
    this.isActive = isActive;
    this.index = (isFile ? 2 : 0) + (isActive ? 1 : 0);
  }

  get tail(): Page | undefined {
    return this.#tail;
  }

  add(page: Page): void {
    assert(page.lru === undefined, 'a page is on a list already');
    page.lru = this;
    page.previous = undefined;
    page.next = this.#head;
    if (this.#head === undefined) this.#tail = page;
    else this.#head.previous = page;
    this.#head = page;
    this.length++;
    page.zone.countLru(this.index, 2 ** page.order);
    page.memcg?.onList(page, this, 'head');
  }

  /** folio_rotate_reclaimable(): it is the next to be reclaimed. */
  addTail(page: Page): void {
    if (this.#tail === undefined) {
      this.add(page);
      return;
    }
    assert(page.lru === undefined, 'a page is on a list already');
    page.lru = this;
    page.next = undefined;
    page.previous = this.#tail;
    this.#tail.next = page;
    this.#tail = page;
    this.length++;
    page.zone.countLru(this.index, 2 ** page.order);
    page.memcg?.onList(page, this, 'tail');
  }

  /** Takes up to `count` pages off the tail, the last of the list first. */
  takeTail(count: number): Page[] {
    const taken: Page[] = [];
    for (let page = this.tail; page !== undefined && taken.length < count; page = this.tail) {
      this.remove(page);
      taken.push(page);
    }
    return taken;
  }

  remove(page: Page): void {
    assert(page.lru === this, 'a page is not on this list');
    if (page.previous === undefined) this.#head = page.next;
    else page.previous.next = page.next;
    if (page.next === undefined) this.#tail = page.previous;
    else page.next.previous = page.previous;
    page.lru = page.previous = page.next = undefined;
    this.length--;
    page.zone.countLru(this.index, -(2 ** page.order));
    page.memcg?.offList(page, this);
  }
}

/** Which watermark a request must respect. */
export type Watermark = 'min' | 'low' | 'high';

/** Pages of one block of {@link PagesInUse}: a pageblock of x86-64. */
const BLOCK_SHIFT = 9;

/** mem_map, as far as pages are in use by somebody: not free, and on no per-CPU list. */
class PagesInUse {
  readonly #blocks: ((Page | undefined)[] | undefined)[] = [];

  at(pfn: number): Page | undefined {
    return this.#blocks[pfn >> BLOCK_SHIFT]?.[pfn & ((1 << BLOCK_SHIFT) - 1)];
  }

  set(pfn: number, page: Page | undefined): void {
    const block = (this.#blocks[pfn >> BLOCK_SHIFT] ??= []);
    block[pfn & ((1 << BLOCK_SHIFT) - 1)] = page;
  }

  /** All of them, ascending. */
  *pages(): Generator<Page, void, undefined> {
    for (const block of this.#blocks) {
      for (const page of block ?? []) if (page !== undefined) yield page;
    }
  }
}

/** struct zone. */
export class Zone {
  readonly name: string;
  readonly startPfn: number;
  readonly spannedPages: number;
  readonly managedPages: number;
  readonly watermark: Record<Watermark, number> = { min: 0, low: 0, high: 0 };
  /** The part of each watermark that is a reserve; see remedies/oom-reserve.ts. */
  oomReserve = 0;
  /** lowmem_reserve[]: kept from requests whose highest zone is that one in {@link Node.zones}. */
  protection: readonly number[] = [];
  /** NR_FREE_PAGES: what per-CPU lists hold is not in it. */
  readonly nrFree: ZoneCounter;
  /** By {@link PageList.index}. */
  readonly lru: readonly ZoneCounter[] = LRU_NAMES.map(() => new ZoneCounter());
  /** Its part of {@link Node.isolated}: up to Linux 4.7 the zones counted that. */
  readonly isolated = { anon: 0, file: 0 };
  /** NR_PAGES_SCANNED (a zone's up to Linux 4.7): pages looked at since the last was freed. */
  readonly pagesScanned = new ZoneCounter();
  /** Below that many free pages kswapd has to look closer; 0 where drift cannot do harm. */
  driftMark = 0;
  /** NR_ZONE_LRU_BASE…: pages on the lists of {@link LRU_NAMES}. */
  readonly lruPages = new Int32Array(LRU_COUNT);
  readonly free = new FreeArea();
  readonly inUse = new PagesInUse();
  /** By CPU. */
  pcp: readonly PerCpuPages[] = [];
  /** Since boot: PGALLOC of the zone, and its part of PGFREE. */
  allocatedPages = 0;
  freedPages = 0;
  /** Since boot: NR_DIRTIED and NR_WRITTEN, the node's since Linux 4.8. */
  dirtiedPages = 0;
  writtenPages = 0;
  /** ZONE_RECLAIM_ACTIVE: per-CPU lists are to be short. */
  isReclaimActive = false;
  /** How often compaction is put off after it failed; see compaction_deferred(). */
  readonly defer = { considered: 0, shift: 0, orderFailed: MAX_ORDER };
  #currentCpu: () => number = () => 0;

  constructor(range: { name: string; startPfn: number; endPfn: number; reservedPages: number }) {
    this.name = range.name;
    this.startPfn = range.startPfn;
    this.spannedPages = range.endPfn - range.startPfn;
    this.managedPages = this.spannedPages - range.reservedPages;
    // From above, so that the lowest block is the newest: memory is given out from below.
    for (let end = range.endPfn; end > range.startPfn + range.reservedPages;) {
      const order = lastOrder(range.startPfn + range.reservedPages, end);
      end -= 2 ** order;
      this.free.give(end, order);
    }
    this.nrFree = new ZoneCounter(this.managedPages);
  }

  /** zone_page_state(NR_FREE_PAGES): out of date by what CPUs keep for themselves. */
  get freePages(): number {
    return this.nrFree.value;
  }

  /** As zone_watermark_ok_safe() reads it: exactly where it may matter. */
  get freePagesSafe(): number {
    const { value, snapshot } = this.nrFree;
    return value < this.driftMark ? snapshot : value;
  }

  /** All that vmstat_update() looks at. */
  get counters(): readonly ZoneCounter[] {
    return [this.nrFree, ...this.lru, this.pagesScanned];
  }

  /** Counts pages that were put on a list of {@link LRU_NAMES}, or taken off. */
  countLru(index: number, pages: number): void {
    this.lruPages[index]! += pages;
    this.lru[index]!.add(this.#currentCpu(), pages);
  }

  /** Counts pages that reclaim has looked at. */
  countScanned(pages: number): void {
    this.pagesScanned.add(this.#currentCpu(), pages);
  }

  #countFree(pages: number): void {
    const cpu = this.#currentCpu();
    this.nrFree.add(cpu, pages);
    const { value } = this.pagesScanned;
    if (pages > 0 && value > 0) this.pagesScanned.add(cpu, -value);
  }

  /** Pages kept from requests that any higher zone could serve. */
  get lowmemReserve(): number {
    return this.protection[0] ?? 0;
  }

  /** Sets up the lists of the CPUs; until then pages go to the zone itself and come from it. */
  onlineCpus(cpuCount: number, currentCpu: () => number): void {
    this.pcp = Array.from({ length: cpuCount }, () => new PerCpuPages(this, cpuCount));
    this.#currentCpu = currentCpu;
    const threshold = calculate_normal_threshold(cpuCount, this.managedPages);
    for (const counter of this.counters) counter.onlineCpus(cpuCount, threshold);
    const { min, low, high } = this.watermark;
    const drift = cpuCount * threshold;
    this.driftMark = drift > low - min ? high + drift : 0;
  }

  /** The lists of the CPU that runs, where they have blocks of that order. */
  #lists(order: number): PerCpuPages | undefined {
    return order <= COSTLY_ORDER ? this.pcp[this.#currentCpu()] : undefined;
  }

  /** A block of the zone itself. @returns its pfn; undefined where no block is large enough */
  takeBlock(order: number): number | undefined {
    const pfn = this.free.take(order);
    if (pfn !== undefined) this.#countFree(-(2 ** order));
    return pfn;
  }

  /** __isolate_free_page(): the free block that starts at a pfn. @returns its order */
  takeBlockAt(pfn: number): number | undefined {
    const order = this.free.takeAt(pfn);
    if (order !== undefined) this.#countFree(-(2 ** order));
    return order;
  }

  /** folio_migrate_mapping(): what a page holds goes to another one; its own is free to give. */
  move(page: Page, pfn: number): void {
    this.inUse.set(page.pfn, undefined);
    page.pfn = pfn;
    this.inUse.set(pfn, page);
  }

  /** free_one_page() */
  giveBlock(pfn: number, order: number): void {
    this.free.give(pfn, order);
    this.#countFree(2 ** order);
  }

  /** rmqueue() @returns undefined where no block is large enough */
  take(order: number): Page | undefined {
    const pfn = this.#lists(order)?.take(order) ?? this.takeBlock(order);
    if (pfn === undefined) return undefined;
    const page = new Page(this, pfn, order);
    this.inUse.set(pfn, page);
    this.allocatedPages += 2 ** order;
    return page;
  }

  /** free_unref_page() */
  give(page: Page): void {
    const { pfn, order } = page;
    assert(page.lru === undefined, 'a page is freed from a list');
    this.freedPages += 2 ** order;
    page.memcg?.uncharge(page);
    this.inUse.set(pfn, undefined);
    const lists = this.#lists(order);
    if (lists === undefined) this.giveBlock(pfn, order);
    else lists.give(pfn, order, this.isReclaimActive);
  }
}

/** The largest block that ends at `end` and does not begin before `start`. */
function lastOrder(start: number, end: number): number {
  let order = 0;
  while (order < MAX_ORDER - 1 && end % 2 ** (order + 1) === 0 && end - 2 ** (order + 1) >= start) {
    order++;
  }
  return order;
}

/** LRU lists, in the order of enum lru_list. */
export const LRU_NAMES = ['inactive_anon', 'active_anon', 'inactive_file', 'active_file'] as const;
/** One of them. */
export type LruName = (typeof LRU_NAMES)[number];
const LRU_COUNT = LRU_NAMES.length;

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
  /** PGDAT_DIRTY: kswapd met none but dirty pages that nobody writes, and may write them itself. */
  isTailDirty = false;
  /** PGDAT_WRITEBACK: it met none but pages under writeback. */
  isTailWriteback = false;
  /** LRUVEC_CONGESTED: all that is dirty has been met under writeback before. */
  isCongested = false;
  /** Room for anonymous pages: get_nr_swap_pages(). */
  swapFreePages = 0;

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

  /** Counts pages that were taken off a list for a while; `sign` is -1 when that is over. */
  countIsolated(pages: readonly Page[], { isFile }: PageList, sign: 1 | -1): void {
    const kind = isFile ? 'file' : 'anon';
    this.isolated[kind] += sign * pages.length;
    for (const { zone } of pages) zone.isolated[kind] += sign;
  }
}
