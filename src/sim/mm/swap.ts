// Swap (mm/swap_state.c, mm/swapfile.c, mm/page_io.c, do_swap_page() of mm/memory.c). A page that
// reclaim takes from its process goes to a slot of the swap device; until it is on the disk, and
// reclaim comes by again, it stays in the swap cache, where a fault finds it.

import { bio_alloc_bioset } from '../block/bio.ts';
import { submit_bio, type BlockDevice } from '../block/block.ts';
import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import type { Mm } from '../kernel/task.ts';
import { schedule_timeout_uninterruptible } from '../kernel/timer.ts';
import {
  folio_end_writeback,
  folio_start_writeback,
  folio_unlock,
  folio_wait_locked,
  folio_wait_writeback,
} from './filemap.ts';
import { GFP_HIGHUSER_MOVABLE, GFP_KERNEL, GFP_NOIO } from './gfp.ts';
import { mem_cgroup_charge } from './memcontrol.ts';
import type { Page } from './mmzone.ts';
import { __alloc_pages, __free_pages } from './page-alloc.ts';

/** Microseconds to map a page. */
const MAP_US = 1;

/** A page in the swap cache. */
interface Cached {
  readonly slot: number;
  /** Whose it is; undefined when that process has ended. */
  mm: Mm | undefined;
}

/** struct swap_info_struct of the only swap device. */
export class SwapDevice {
  readonly device: BlockDevice;
  /** Its slots. */
  readonly pages: number;
  readonly cache = new Map<Page, Cached>();
  /** Slots that were given back, and the first that was never used. */
  readonly #free: number[] = [];
  #next = 0;

  constructor(device: BlockDevice, pages: number) {
    this.device = device;
    this.pages = pages;
  }

  get freePages(): number {
    return this.pages - this.#next + this.#free.length;
  }

  takeSlot(): number | undefined {
    const slot = this.#free.pop();
    if (slot !== undefined) return slot;
    return this.#next < this.pages ? this.#next++ : undefined;
  }

  giveSlot(slot: number): void {
    this.#free.push(slot);
  }
}

/** swapon(2) */
export function swapon(k: Kernel, device: BlockDevice, pages: number): void {
  k.swap = new SwapDevice(device, pages);
  k.node.swapFreePages = pages;
}

function freeSlot(k: Kernel, swap: SwapDevice, slot: number): void {
  swap.giveSlot(slot);
  k.node.swapFreePages = swap.freePages;
}

/**
 * add_to_swap() and try_to_unmap(): the page gets a slot, and its process has the slot instead.
 *
 * @returns false where swap is full
 */
export function add_to_swap(k: Kernel, page: Page): boolean {
  const { swap } = k;
  const { mm } = page;
  const slot = swap?.takeSlot();
  if (swap === undefined || mm === undefined || slot === undefined) return false;
  k.node.swapFreePages = swap.freePages;
  mm.anonPages.delete(page);
  mm.swapSlots.set(slot, page);
  page.mm = undefined;
  swap.cache.set(page, { slot, mm });
  return true;
}

/** Starts writing a page of the swap cache. */
export function* swap_writepage(k: Kernel, page: Page): Code {
  const device = k.swap?.device;
  if (device === undefined) return;
  folio_start_writeback(k, page, device);
  k.events.add('PSWPOUT');
  const end = (): void => folio_end_writeback(k, page);
  const plan = { device, pages: 1, isWrite: true, end };
  const bio = yield* call(k, bio_alloc_bioset, { set: k.fsBioSet, gfp: GFP_NOIO, plan });
  if (bio !== undefined) yield* call(k, submit_bio, bio);
}

/** The page is on the disk: from now on the slot alone has it. The caller frees the page. */
export function delete_from_swap_cache(k: Kernel, page: Page): void {
  const { swap } = k;
  const cached = swap?.cache.get(page);
  if (swap === undefined || cached === undefined) return;
  swap.cache.delete(page);
  if (cached.mm === undefined) freeSlot(k, swap, cached.slot);
  else cached.mm.swapSlots.set(cached.slot, undefined);
}

/** The slots of an address space that ends. What is being written must stay until that is over. */
export function free_swap_slots(k: Kernel, mm: Mm): void {
  const { swap } = k;
  if (swap === undefined) return;
  for (const [slot, page] of mm.swapSlots) {
    const cached = page === undefined ? undefined : swap.cache.get(page);
    if (cached === undefined) freeSlot(k, swap, slot);
    else cached.mm = undefined;
  }
  mm.swapSlots.clear();
}

/**
 * A fault on the page that was swapped out first: who walks through its memory comes to that one.
 *
 * @returns whether a page is mapped now
 */
export function* do_swap_page(k: Kernel, mm: Mm): Code<boolean> {
  const [first] = mm.swapSlots;
  if (first === undefined) return true;
  const [slot, page] = first;
  if (page === undefined) return yield* call(k, swapin_readahead, mm, slot);
  yield* call(k, folio_wait_writeback, page);
  yield* call(k, folio_wait_locked, page);
  // Reclaim may have it in hand, and is about to free it or to put it back.
  if (page.lru === undefined) yield* call(k, schedule_timeout_uninterruptible, 1);
  else if (mm.swapSlots.get(slot) === page) mapFromCache(k, mm, { slot, page });
  return true;
}

function mapFromCache(k: Kernel, mm: Mm, { slot, page }: { slot: number; page: Page }): void {
  k.swap?.cache.delete(page);
  page.lru?.remove(page);
  mapPage(k, mm, { slot, page });
}

function mapPage(k: Kernel, mm: Mm, { slot, page }: { slot: number; page: Page }): void {
  mm.swapSlots.delete(slot);
  if (k.swap !== undefined) freeSlot(k, k.swap, slot);
  page.mm = mm;
  page.referenced = true;
  mm.anonPages.add(page);
  k.node.lru.active_anon.add(page);
  k.spend(MAP_US);
}

/** Reads one page back; readahead of its neighbours is off (vm.page-cluster=0). */
function* swapin_readahead(k: Kernel, mm: Mm, slot: number): Code<boolean> {
  const page = yield* call(k, __alloc_pages, { gfp: GFP_HIGHUSER_MOVABLE, order: 0 });
  if (page === undefined) return false;
  if (!(yield* mem_cgroup_charge(k, k.current.process, { page, gfp: GFP_KERNEL }))) {
    __free_pages(page);
    return false;
  }
  const { swap } = k;
  // Another thread was faster, or the memory was taken away.
  if (swap === undefined || !mm.swapSlots.has(slot) || mm.swapSlots.get(slot) !== undefined) {
    __free_pages(page);
    return true;
  }
  // In the swap cache others find it, so that the slot is not read twice.
  mm.swapSlots.set(slot, page);
  swap.cache.set(page, { slot, mm });
  yield* call(k, swap_readpage, page);
  yield* call(k, folio_wait_locked, page);
  finishRead(k, swap, page);
  return true;
}

/** The page is mapped, unless another thread has done that or nobody wants it any more. */
function finishRead(k: Kernel, swap: SwapDevice, page: Page): void {
  const cached = swap.cache.get(page);
  if (cached === undefined) return;
  if (cached.mm !== undefined) {
    mapFromCache(k, cached.mm, { slot: cached.slot, page });
    return;
  }
  delete_from_swap_cache(k, page);
  __free_pages(page);
}

function* swap_readpage(k: Kernel, page: Page): Code {
  const device = k.swap?.device;
  if (device === undefined) return;
  k.pageWaits.locked.set(page, k.current);
  k.events.add('PSWPIN');
  const end = (): void => folio_unlock(k, page);
  const plan = { device, pages: 1, isWrite: false, end };
  const bio = yield* call(k, bio_alloc_bioset, { set: k.fsBioSet, gfp: GFP_KERNEL, plan });
  if (bio === undefined) return;
  k.pageWaits.locked.set(page, device);
  yield* call(k, submit_bio, bio);
}
