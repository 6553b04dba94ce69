// Page faults (mm/memory.c, mm/filemap.c).

import { call, type Code } from '../core/code.ts';
import { __GFP_FS, __GFP_ZERO, GFP_HIGHUSER_MOVABLE, GFP_KERNEL } from './gfp.ts';
import type { Kernel } from '../core/kernel.ts';
import { do_huge_pmd_anonymous_page } from './huge-memory.ts';
import { mem_cgroup_charge } from './memcontrol.ts';
import type { Page } from './mmzone.ts';
import { __alloc_pages, __free_pages } from './page-alloc.ts';
import { do_sync_mmap_readahead, type ReadAround } from './readahead.ts';
import { do_swap_page } from './swap.ts';
import { simfs_get_block } from '../remedies/fail-small-allocs.ts';
import type { Mm } from '../kernel/task.ts';
import { start_memalloc_timer, stop_memalloc_timer } from '../watchdog/memalloc-timer.ts';

/** Microseconds to clear a page and map it. */
const CLEAR_US = 1;

/** What a fault is about. */
export interface Fault {
  readonly mm: Mm;
  /**
   * `locked` is of a file too, in a range that mlock(2) keeps from reclaim; `huge` is anonymous
   * memory that madvise(2) wants in huge pages.
   */
  readonly kind: 'anon' | 'huge' | 'file' | 'locked' | 'swap';
}

/** @returns whether the page is mapped now; VM_FAULT_SIGBUS where it could not be filled */
export function* handle_mm_fault(k: Kernel, fault: Fault): Code<boolean | 'sigbus'> {
  const task = k.current;
  task.inUserFault = true;
  const isAnon = fault.kind === 'anon' || fault.kind === 'huge';
  const mask = isAnon ? GFP_KERNEL : GFP_HIGHUSER_MOVABLE;
  start_memalloc_timer(k, { gfp: mask, order: 0 }, 'fault');
  const isMapped = yield* call(k, __handle_mm_fault, fault);
  stop_memalloc_timer(k, mask, 'fault');
  task.inUserFault = false;
  if (isMapped === true) {
    task.memcgOom = undefined;
    countFault(k, fault);
  }
  return isMapped;
}

/** mm_account_fault(): faults that failed are not counted. */
function countFault({ current, events }: Kernel, { kind }: Fault): void {
  const isMajor = kind === 'file' || kind === 'locked' || kind === 'swap';
  if (isMajor) events.add('PGMAJFAULT');
  current.faults[isMajor ? 'major' : 'minor']++;
}

function* __handle_mm_fault(k: Kernel, { mm, kind }: Fault): Code<boolean | 'sigbus'> {
  if (kind === 'huge') {
    const fault = { mm, isAdvised: true };
    const isMapped = yield* call(k, do_huge_pmd_anonymous_page, fault);
    if (isMapped !== 'fallback') return isMapped;
  }
  if (kind === 'anon' || kind === 'huge') return yield* call(k, do_anonymous_page, mm);
  if (kind === 'swap') return yield* call(k, do_swap_page, mm);
  return yield* call(k, do_fault, { mm, kind });
}

function* do_anonymous_page(k: Kernel, mm: Mm): Code<boolean> {
  const gfp = GFP_HIGHUSER_MOVABLE | __GFP_ZERO;
  const page = yield* call(k, __alloc_pages, { gfp, order: 0 });
  if (page === undefined) return false;
  if (!(yield* mem_cgroup_charge(k, k.current.process, { page, gfp: GFP_KERNEL }))) {
    __free_pages(page);
    return false;
  }
  k.spend(CLEAR_US);
  k.node.lru.active_anon.add(page);
  page.mm = mm;
  mm.anonPages.add(page);
  return true;
}

function* do_fault(k: Kernel, { mm, kind }: Fault): Code<boolean | 'sigbus'> {
  const page = yield* call(k, filemap_fault, mm);
  if (page === 'sigbus') return page;
  if (page === undefined) return false;
  if (kind === 'locked') mm.lockedPages.add(page);
  else k.node.lru.inactive_file.add(page);
  page.mm = mm;
  mm.filePages.add(page);
  return true;
}

/** A page of a file that is not in the page cache any more. */
function* filemap_fault(k: Kernel, mm: Mm): Code<Page | undefined | 'sigbus'> {
  const around = k.fs.readAheadPages === 0 ? undefined : yield* call(k, do_sync_mmap_readahead);
  const page = around?.pages.pop() ?? (yield* newFilePage(k));
  if (page === undefined) return undefined;
  let isUptodate = around?.isUptodate ?? (yield* call(k, simfs_get_block));
  if (around !== undefined) mapAround(k, around, mm);
  // Whoever read it first ignores errors: the page is read once more, and then the error counts.
  isUptodate ||= yield* call(k, simfs_get_block);
  if (!isUptodate) {
    // The page is not up to date, and -EIO where -ENOMEM would have been the reason.
    __free_pages(page);
    return 'sigbus';
  }
  k.spend(CLEAR_US);
  return page;
}

/** Inlined: page_cache_read(). @returns undefined for VM_FAULT_OOM */
function* newFilePage(k: Kernel): Code<Page | undefined> {
  const gfp = GFP_HIGHUSER_MOVABLE & (k.options.faultsAvoidFs ? ~__GFP_FS : -1);
  const page = yield* call(k, __alloc_pages, { gfp, order: 0 });
  if (page === undefined) return undefined;
  if (yield* mem_cgroup_charge(k, k.current.process, { page, gfp: GFP_KERNEL })) return page;
  __free_pages(page);
  return undefined;
}

/** Fault-around: what is up to date beside the page is mapped with it; all of it is clean. */
function mapAround(k: Kernel, { pages, isUptodate }: ReadAround, mm: Mm): void {
  for (const page of pages) {
    k.node.lru.inactive_file.add(page);
    if (!isUptodate) continue;
    page.mm = mm;
    mm.filePages.add(page);
  }
}
