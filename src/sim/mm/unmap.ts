// Anonymous pages given back (unmap_page_range() of mm/memory.c, and the freeing behind it): at the
// end of an address space or of a range in it, or when the OOM reaper comes.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { cond_resched } from '../kernel/sched.ts';
import type { Mm } from '../kernel/task.ts';
import type { Page } from './mmzone.ts';

/** Microseconds to give one page back. */
const FREE_US = 0.2;

/** Frees anonymous pages: all, unless so many are enough. */
export function* unmap_page_range(k: Kernel, mm: Mm, pages = Infinity): Code {
  let left = pages;
  for (const page of mm.anonPages) {
    if (left-- <= 0) return;
    // Another one may be at it too: whoever takes a page out frees it.
    mm.anonPages.delete(page);
    if (page.lru === undefined) {
      // Reclaim has it in hand, and frees what belongs to nobody.
      page.mm = undefined;
      page.referenced = false;
      continue;
    }
    page.lru.remove(page);
    page.zone.give(page);
    k.spend(FREE_US);
    yield* cond_resched(k);
  }
}

/** Frees the pages of ranges: those that were faulted in first. */
export function* unmap_vmas(k: Kernel, mm: Mm, pages: number): Code {
  yield* call(k, unmap_page_range, mm, pages);
}

/** Gives page tables back. */
export function free_pgtables(tables: readonly Page[]): void {
  for (const table of tables) table.zone.give(table);
}
