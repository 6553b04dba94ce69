// Changes of an address space (mm/mmap.c, mm/mremap.c of 6.1): made under mmap_lock for writing,
// and they take memory for what they describe it with. While one of them waits for that memory
// nobody can fault a page in, leave the address space, or reap it.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { cond_resched } from '../kernel/sched.ts';
import type { Mm } from '../kernel/task.ts';
import { mmap_write_lock_killable } from '../locking/mmap-lock.ts';
import { downgrade_write, up_read, up_write } from '../locking/rwsem.ts';
import { __GFP_ZERO, GFP_KERNEL } from './gfp.ts';
import type { Page } from './mmzone.ts';
import { __alloc_pages } from './page-alloc.ts';
import { free_pgtables, unmap_vmas } from './unmap.ts';
import { kmem_cache_alloc, kmem_cache_free } from './slab.ts';

/** GFP_PGTABLE_USER without accounting: GFP_KERNEL | __GFP_ZERO. */
const GFP_PGTABLE = GFP_KERNEL | __GFP_ZERO;
/** PTRS_PER_PTE: pages that one page table maps. */
const PAGES_PER_TABLE = 512;
/** Microseconds to look a range up and to link it, and to move a page table's entries. */
const VMA_US = 2;
const MOVE_US = 20;

/** A range of anonymous memory. */
export interface Mapping {
  readonly pages: number;
}

/** mmap(2) */
export function* __x64_sys_mmap(k: Kernel, mapping: Mapping): Code {
  yield* call(k, ksys_mmap_pgoff, mapping);
}

function* ksys_mmap_pgoff(k: Kernel, mapping: Mapping): Code {
  yield* call(k, vm_mmap_pgoff, mapping);
}

function* vm_mmap_pgoff(k: Kernel, mapping: Mapping): Code {
  const { mm } = k.current;
  if (mm === undefined || !(yield* mmap_write_lock_killable(k, mm))) return;
  yield* call(k, do_mmap, mm, mapping);
  up_write(k, mm.mmapLock);
}

function* do_mmap(k: Kernel, mm: Mm, mapping: Mapping): Code {
  yield* call(k, mmap_region, mm, mapping);
}

function* mmap_region(k: Kernel, mm: Mm, mapping: Mapping): Code {
  k.spend(VMA_US);
  const request = { cache: k.vmAreaCache, gfp: GFP_KERNEL };
  if (!(yield* call(k, kmem_cache_alloc, request))) return;
  mm.vmas++;
  mm.totalPages += mapping.pages;
}

/** munmap(2): the range is taken out while writing, its pages are freed while only reading. */
export function* __x64_sys_munmap(k: Kernel, { pages }: Mapping): Code {
  const { mm } = k.current;
  if (mm === undefined || !(yield* mmap_write_lock_killable(k, mm))) return;
  k.spend(VMA_US);
  mm.totalPages -= Math.min(pages, mm.totalPages);
  if (mm.vmas > 0) {
    mm.vmas--;
    kmem_cache_free(k.vmAreaCache);
  }
  downgrade_write(k, mm.mmapLock);
  yield* call(k, unmap_vmas, mm, pages);
  up_read(k, mm.mmapLock);
}

/** mremap(2) that moves a range: new page tables are filled from the old ones. */
export function* __x64_sys_mremap(k: Kernel, { pages }: Mapping): Code {
  const { mm } = k.current;
  if (mm === undefined || !(yield* mmap_write_lock_killable(k, mm))) return;
  yield* call(k, move_vma, mm, pages);
  up_write(k, mm.mmapLock);
}

function* move_vma(k: Kernel, mm: Mm, pages: number): Code {
  const tables = yield* call(k, move_page_tables, pages);
  // The old tables are free; where memory failed those that were moved go back into them.
  const old = mm.pageTables.splice(0, tables.length);
  mm.pageTables.push(...tables);
  free_pgtables(old);
}

function* move_page_tables(k: Kernel, pages: number): Code<Page[]> {
  const tables: Page[] = [];
  for (let done = 0; done < pages; done += PAGES_PER_TABLE) {
    yield* cond_resched(k);
    const table = yield* call(k, __pte_alloc);
    if (table === undefined) break;
    tables.push(table);
    k.spend(MOVE_US);
  }
  return tables;
}

function* __pte_alloc(k: Kernel): Code<Page | undefined> {
  return yield* call(k, pte_alloc_one);
}

function* pte_alloc_one(k: Kernel): Code<Page | undefined> {
  return yield* call(k, __alloc_pages, { gfp: GFP_PGTABLE, order: 0 });
}

/** brk(2): the heap grows. */
export function* __x64_sys_brk(k: Kernel, { pages }: Mapping): Code {
  const { mm } = k.current;
  if (mm === undefined || !(yield* mmap_write_lock_killable(k, mm))) return;
  yield* call(k, do_brk_flags, mm, pages);
  up_write(k, mm.mmapLock);
}

/** The heap is one range, so that all but its first growth only moves an end. */
function* do_brk_flags(k: Kernel, mm: Mm, pages: number): Code {
  k.spend(VMA_US);
  mm.totalPages += pages;
  yield* cond_resched(k);
}
