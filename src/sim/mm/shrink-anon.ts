// What reclaim does with an anonymous page (the other half of shrink_folio_list()): it gets a slot
// of the swap device, is written there, and is freed when reclaim comes to it again.

import { call, type Code, type ScanControl } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { __GFP_IO } from './gfp.ts';
import type { Page } from './mmzone.ts';
import { pageout } from './shrink-list.ts';
import { add_to_swap, delete_from_swap_cache } from './swap.ts';

/** folio_test_anon() of a page that is on no list just now. */
export function isAnon(k: Kernel, page: Page): boolean {
  return page.mm?.anonPages.has(page) === true || k.swap?.cache.has(page) === true;
}

/** @returns 1 where the page was freed, else 0 */
export function* shrinkAnon(k: Kernel, page: Page, sc: ScanControl): Code<number> {
  const { active_anon: active, inactive_anon: inactive } = k.node.lru;
  if (page.referenced && page.mm !== undefined) {
    page.referenced = false;
    active.add(page);
    return 0;
  }
  if (page.writeback) {
    sc.nr.writeback++;
    if (page.reclaim) sc.nr.immediate++;
    page.reclaim = true;
    inactive.add(page);
    return 0;
  }
  if (page.mm !== undefined) {
    const mayWrite = (sc.gfpMask & __GFP_IO) !== 0;
    if (!mayWrite || !add_to_swap(k, page)) {
      active.add(page);
      return 0;
    }
    yield* call(k, pageout, page);
    if (page.writeback) {
      inactive.add(page);
      return 0;
    }
  }
  delete_from_swap_cache(k, page);
  page.zone.give(page);
  return 1;
}
