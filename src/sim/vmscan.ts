// Reclaim (mm/vmscan.c): from the inactive tails of the LRU lists, with rising urgency. Without swap
// only file pages can be reclaimed. kswapd does it in the background between two watermarks.

import { call, keepOnStack, type Code, type ScanControl } from './code.ts';
import { __GFP_DIRECT_RECLAIM } from './gfp.ts';
import type { Kernel } from './kernel.ts';
import type { Page, PageList } from './mmzone.ts';
import { cond_resched, schedule } from './sched.ts';
import { GFP_KERNEL } from './gfp.ts';
import { PF_KSWAPD, PF_MEMALLOC, TASK_INTERRUPTIBLE } from './task-bits.ts';
import { finish_wait, prepare_to_wait, wake_up, WaitQueue } from './wait.ts';

const DEF_PRIORITY = 12;
const SWAP_CLUSTER_MAX = 32;
/** After so many runs without a page kswapd gives up until somebody else reclaims one. */
const MAX_RECLAIM_RETRIES = 16;

/** Microseconds of a pass over lists and shrinkers, and of each page looked at. */
const PASS_US = 300;
const SCAN_US = 0.4;

/** Direct reclaim: the pages that were freed. */
export function* try_to_free_pages(
  k: Kernel,
  { gfp, order }: { gfp: number; order: number },
): Code<number> {
  const sc: ScanControl = {
    gfpMask: gfp,
    order,
    nrToReclaim: SWAP_CLUSTER_MAX,
    priority: DEF_PRIORITY,
    nrScanned: 0,
    nrReclaimed: 0,
  };
  keepOnStack(k, { type: 'scan_control', sc });
  const reclaimed = yield* call(k, do_try_to_free_pages, sc);
  if (reclaimed > 0) k.node.kswapdFailures = 0;
  return reclaimed;
}

function* do_try_to_free_pages(k: Kernel, sc: ScanControl): Code<number> {
  for (; sc.priority >= 0; sc.priority--) {
    sc.nrScanned = 0;
    yield* call(k, shrink_node, sc);
    if (sc.nrReclaimed >= sc.nrToReclaim) break;
  }
  return sc.nrReclaimed;
}

function* shrink_node(k: Kernel, sc: ScanControl): Code {
  k.spend(PASS_US);
  yield* call(k, shrink_lruvec, sc);
}

/** Each evictable list is scanned for a part of it that grows as the priority falls. */
function* shrink_lruvec(k: Kernel, sc: ScanControl): Code {
  const { inactive_file: inactive, active_file: active } = k.node.lru;
  if (inactive.length < active.length) deactivate(active, inactive);
  let toScan = Math.floor(inactive.length / 2 ** sc.priority);
  while (toScan > 0 && sc.nrReclaimed < sc.nrToReclaim) {
    const batch = Math.min(toScan, SWAP_CLUSTER_MAX);
    toScan -= batch;
    sc.nrReclaimed += yield* call(k, shrink_inactive_list, { batch, list: inactive, sc });
  }
  yield* cond_resched(k);
}

/** shrink_active_list(): pages that were not used again go to the inactive list. */
function deactivate(active: PageList, inactive: PageList): void {
  for (let i = 0; i < SWAP_CLUSTER_MAX; i++) {
    const page = active.tail;
    if (page === undefined) return;
    active.remove(page);
    page.referenced = false;
    inactive.add(page);
  }
}

function* shrink_inactive_list(
  k: Kernel,
  { batch, list, sc }: { batch: number; list: PageList; sc: ScanControl },
): Code<number> {
  const taken: Page[] = [];
  for (let page = list.tail; page !== undefined && taken.length < batch; page = list.tail) {
    list.remove(page);
    taken.push(page);
  }
  k.node.isolated.file += taken.length;
  sc.nrScanned += taken.length;
  const reclaimed = yield* call(k, shrink_folio_list, taken);
  k.node.isolated.file -= taken.length;
  return reclaimed;
}

/** Frees clean pages; the others go back to the lists. */
function* shrink_folio_list(k: Kernel, pages: readonly Page[]): Code<number> {
  const { active_file: active, inactive_file: inactive } = k.node.lru;
  yield* cond_resched(k);
  let freed = 0;
  for (const page of pages) {
    k.spend(SCAN_US);
    if (page.referenced) {
      page.referenced = false;
      active.add(page);
    } else if (page.dirty || page.writeback) inactive.add(page);
    else {
      page.mm?.filePages.delete(page);
      page.zone.give(page);
      freed++;
    }
  }
  return freed;
}

/** Starts kswapd, as every node has one. */
export function kswapd_run(k: Kernel): void {
  k.kswapdWait = new WaitQueue('kswapd_wait');
  k.kthread({ comm: 'kswapd0', flags: PF_KSWAPD | PF_MEMALLOC }, kswapd);
}

/** Wakes kswapd unless it has given up. */
export function wake_all_kswapds(k: Kernel): void {
  if (k.kswapdWait === undefined || k.node.kswapdFailures >= MAX_RECLAIM_RETRIES) return;
  if (!isBalanced(k)) wake_up(k, k.kswapdWait);
}

function* kswapd(k: Kernel): Code {
  for (;;) {
    yield* call(k, kswapd_try_to_sleep);
    yield* call(k, balance_pgdat);
  }
}

function* kswapd_try_to_sleep(k: Kernel): Code {
  const wait = k.kswapdWait;
  if (wait === undefined) return;
  prepare_to_wait(k, wait, TASK_INTERRUPTIBLE);
  yield* call(k, schedule);
  finish_wait(k, wait);
}

function isBalanced(k: Kernel): boolean {
  return k.node.zones.some(({ freePages, watermark }) => freePages > watermark.high);
}

function* balance_pgdat(k: Kernel): Code {
  const sc: ScanControl = {
    gfpMask: GFP_KERNEL & ~__GFP_DIRECT_RECLAIM,
    order: 0,
    nrToReclaim: Infinity,
    priority: DEF_PRIORITY,
    nrScanned: 0,
    nrReclaimed: 0,
  };
  k.current.inMemstall = true;
  while (!isBalanced(k) && sc.priority >= 1) {
    const before = sc.nrReclaimed;
    yield* call(k, shrink_node, sc);
    if (sc.nrReclaimed === before) sc.priority--;
  }
  k.current.inMemstall = false;
  if (sc.nrReclaimed === 0) k.node.kswapdFailures++;
}
