// Anonymous memory in huge pages (mm/huge_memory.c): a fault asks for a block of order 9, and takes
// a single page where there is none. With the `defrag` setting that is the default since Linux 4.6
// only who has asked for huge pages (madvise(2)) waits for one to be made.
//
// Whoever reclaims a huge page splits it first. Here it is split as soon as it is mapped, so that
// the lists and the image have single pages only.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import type { Mm } from '../kernel/task.ts';
import { __GFP_DIRECT_RECLAIM, __GFP_ZERO, GFP_KERNEL, GFP_TRANSHUGE_LIGHT } from './gfp.ts';
import { mem_cgroup_charge } from './memcontrol.ts';
import { Page } from './mmzone.ts';
import { __alloc_pages, __free_pages } from './page-alloc.ts';

/** HPAGE_PMD_ORDER and HPAGE_PMD_NR: 2 MiB. */
const HUGE_ORDER = 9;
const HUGE_PAGES = 2 ** HUGE_ORDER;
/** Microseconds to clear it. */
const CLEAR_US = 150;

/** Where a huge page is wanted. */
export interface HugeFault {
  readonly mm: Mm;
  /** VM_HUGEPAGE */
  readonly isAdvised: boolean;
}

/**
 * @returns whether the memory is mapped now; VM_FAULT_FALLBACK where a single page will have to do
 */
export function* do_huge_pmd_anonymous_page(
  k: Kernel,
  fault: HugeFault,
): Code<boolean | 'fallback'> {
  const gfp = vma_thp_gfp_mask(fault);
  const page = yield* call(k, __alloc_pages, { gfp, order: HUGE_ORDER });
  if (page === undefined) return 'fallback';
  return yield* mapHuge(k, { page, gfp, mm: fault.mm });
}

/** __do_huge_pmd_anonymous_page(), inlined. */
function* mapHuge(
  k: Kernel,
  { page, gfp, mm }: { page: Page; gfp: number; mm: Mm },
): Code<boolean | 'fallback'> {
  const pages = split_huge_page(page);
  for (const each of pages) {
    if (yield* mem_cgroup_charge(k, k.current.process, { page: each, gfp })) continue;
    pages.forEach(__free_pages);
    return 'fallback';
  }
  // It is kept for when the huge page is mapped by single entries.
  const table = yield* call(k, __alloc_pages, { gfp: GFP_KERNEL | __GFP_ZERO, order: 0 });
  if (table === undefined) {
    pages.forEach(__free_pages);
    return false;
  }
  mm.pageTables.push(table);
  k.spend(CLEAR_US);
  for (const each of pages) {
    k.node.lru.active_anon.add(each);
    each.mm = mm;
    mm.anonPages.add(each);
  }
  return true;
}

function vma_thp_gfp_mask({ isAdvised }: HugeFault): number {
  return GFP_TRANSHUGE_LIGHT | (isAdvised ? __GFP_DIRECT_RECLAIM : 0);
}

/** The block becomes pages of their own. */
function split_huge_page({ zone, pfn }: Page): readonly Page[] {
  return Array.from({ length: HUGE_PAGES }, (_, i) => {
    const page = new Page(zone, pfn + i, 0);
    zone.inUse.set(page.pfn, page);
    return page;
  });
}
