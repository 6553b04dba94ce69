// What becomes of pages that reclaim has taken off a list (shrink_folio_list() of mm/vmscan.c):
// clean ones are freed, the others go back. Only kswapd starts I/O from here.

import { call, type Code, type ScanControl } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { simfs_writepage } from '../fs/writepages.ts';
import { wakeup_flusher_threads } from '../fs/fs-writeback.ts';
import { cond_resched } from '../kernel/sched.ts';
import { watermark_higher, watermark_lower } from '../remedies/phased-watermarks.ts';
import { handToPageout, hasReclaimThreads } from '../remedies/reclaim-threads.ts';
import type { Page } from './mmzone.ts';
import { isAnon, shrinkAnon } from './shrink-anon.ts';
import { swap_writepage } from './swap.ts';
import { folio_wait_writeback } from './filemap.ts';
import { __GFP_IO } from './gfp.ts';
import { isKswapd } from './throttle.ts';

/**
 * Microseconds of each page looked at: ten times what hardware takes. A machine that stalls scans
 * all day long, and what a page costs there is what a second of it costs us.
 */
const SCAN_US = 12;

/** Frees clean pages; the others go back to the lists. @returns how many were freed */
export function* shrink_folio_list(
  k: Kernel,
  pages: readonly Page[],
  sc: ScanControl,
): Code<number> {
  yield* cond_resched(k);
  const { active_file: active, inactive_file: inactive } = k.node.lru;
  const unqueuedBefore = sc.nr.unqueuedDirty;
  let freed = 0;
  for (const page of pages) {
    k.spend(SCAN_US);
    if (isAnon(k, page)) {
      freed += yield* shrinkAnon(k, page, sc);
      continue;
    }
    countDirt(page, sc);
    if (mustWait(k, page, sc)) yield* call(k, folio_wait_writeback, page);
    const verdict = judge(k, page, sc);
    if (verdict === 'activate') active.add(page);
    else if (verdict === 'keep') inactive.add(page);
    else {
      if (page.dirty && hasReclaimThreads(k)) handToPageout(k, page);
      else if (page.dirty) yield* call(k, pageout, page);
      if (page.dirty || page.writeback) inactive.add(page);
      else {
        __remove_mapping(page);
        freed++;
      }
    }
  }
  const unqueued = sc.nr.unqueuedDirty - unqueuedBefore;
  if (unqueued > 0 && unqueued === pages.length) wakeup_flusher_threads(k);
  return freed;
}

/** The part of the counters that says whether reclaim goes faster than writeback. */
function countDirt({ dirty, writeback, reclaim }: Page, { nr }: ScanControl): void {
  if (dirty || writeback) nr.dirty++;
  if (dirty && !writeback) nr.unqueuedDirty++;
  if (writeback && reclaim) nr.congested++;
}

/** A cgroup of v1 has no other means to slow down its writers; see memcgWaitsOnWriteback. */
function mustWait(k: Kernel, page: Page, { memcg, gfpMask }: ScanControl): boolean {
  if (memcg === undefined || !k.options.memcgWaitsOnWriteback) return false;
  return page.writeback && page.reclaim && (gfpMask & __GFP_IO) !== 0;
}

/**
 * Whether a page goes on to be written or freed. What is dirty or under writeback is marked to come
 * to the tail of the inactive list as soon as it is clean; until then it had better be elsewhere.
 */
function judge(k: Kernel, page: Page, { nr }: ScanControl): 'activate' | 'keep' | 'reclaim' {
  const { activatesDirty } = k.options;
  const outOfTheWay = activatesDirty ? 'activate' : 'keep';
  const isAgain = page.reclaim;
  if (page.writeback) {
    const isTooFast = k.node.isTailWriteback || !activatesDirty;
    if (isKswapd(k.current) && isAgain && isTooFast) nr.immediate++;
    else nr.writeback++;
    page.reclaim = true;
    return outOfTheWay;
  }
  if (page.referenced) {
    page.referenced = false;
    return 'activate';
  }
  if (!page.dirty) return 'reclaim';
  // Since Linux 3.2 only kswapd writes: the stack of others may be too deep for it.
  const isSeenTwice = isAgain && k.node.isTailDirty;
  if (isKswapd(k.current) && (isSeenTwice || !activatesDirty)) return 'reclaim';
  page.reclaim = true;
  return outOfTheWay;
}

/** Takes a clean page away from its file, and frees it. */
function __remove_mapping(page: Page): void {
  page.mm?.filePages.delete(page);
  page.zone.give(page);
}

/** Starts writing a page, to its file or to swap. */
export function* pageout(k: Kernel, page: Page): Code {
  page.reclaim = true;
  watermark_lower(k);
  if (k.swap?.cache.has(page) === true) yield* call(k, swap_writepage, page);
  else yield* call(k, simfs_writepage, page);
  watermark_higher(k);
}
