// What becomes of pages that reclaim has taken off a list (shrink_folio_list() of mm/vmscan.c):
// clean ones are freed, the others go back. Only kswapd starts I/O from here.

import { call, type Code, type ScanControl } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { simfs_writepage } from '../fs/writepages.ts';
import { wakeup_flusher_threads } from '../fs/fs-writeback.ts';
import { cond_resched } from '../kernel/sched.ts';
import type { Page } from './mmzone.ts';
import { isAnon, shrinkAnon } from './shrink-anon.ts';
import { swap_writepage } from './swap.ts';
import { folio_wait_writeback } from './filemap.ts';
import { __GFP_IO } from './gfp.ts';
import { isKswapd } from './throttle.ts';

/**
 * Microseconds of each page looked at: ten times what hardware takes. A machine that stalls scans all
 * day long, and what a page costs there is what a second of it costs us.
 */
const SCAN_US = 12;

/** Frees clean pages; the others go back to the lists. @returns how many were freed */
export function* shrink_folio_list(
  k: Kernel,
  pages: readonly Page[],
  sc: ScanControl,
): Code<number> {
  yield* cond_resched(k);
  let freed = 0;
  let unqueued = 0;
  for (const page of pages) {
    k.spend(SCAN_US);
    if (isAnon(k, page)) {
      freed += yield* shrinkAnon(k, page, sc);
      continue;
    }
    if (mustWait(k, page, sc)) yield* call(k, folio_wait_writeback, page);
    if (page.writeback) meetWriteback(page, sc);
    else if (page.dirty) {
      unqueued++;
      sc.nr.dirty++;
      // Since Linux 3.2 only kswapd writes: the stack of others may be too deep for it.
      if (isKswapd(k.current)) yield* call(k, pageout, page);
      else page.reclaim = true;
    }
    if (putBack(k, page)) continue;
    __remove_mapping(page);
    freed++;
  }
  if (unqueued === pages.length) wakeup_flusher_threads(k);
  return freed;
}

/** A cgroup of v1 has no other means to slow down its writers; see memcgWaitsOnWriteback. */
function mustWait(k: Kernel, page: Page, { memcg, gfpMask }: ScanControl): boolean {
  if (memcg === undefined || !k.options.memcgWaitsOnWriteback) return false;
  return page.writeback && page.reclaim && (gfpMask & __GFP_IO) !== 0;
}

/** It is met a second time: pages come round faster than they are written. */
function meetWriteback(page: Page, { nr }: ScanControl): void {
  nr.writeback++;
  if (page.reclaim) nr.immediate++;
  page.reclaim = true;
}

/** folio_putback_lru() @returns whether the page stays */
function putBack(k: Kernel, page: Page): boolean {
  const { active_file: active, inactive_file: inactive } = k.node.lru;
  if (page.referenced) {
    page.referenced = false;
    active.add(page);
  } else if (page.dirty || page.writeback) inactive.add(page);
  else return false;
  return true;
}

/** Takes a clean page away from its file, and frees it. */
function __remove_mapping(page: Page): void {
  page.mm?.filePages.delete(page);
  page.memcg?.uncharge(page);
  page.zone.give(page);
}

/** Starts writing a page, to its file or to swap. */
export function* pageout(k: Kernel, page: Page): Code {
  page.reclaim = true;
  if (k.swap?.cache.has(page) === true) yield* call(k, swap_writepage, page);
  else yield* call(k, simfs_writepage, page);
}
