// Reclaim (mm/vmscan.c): from the inactive tails of the LRU lists, with rising urgency. Without
// swap only file pages can be reclaimed. What it waits for stands in throttle.ts, what becomes of a
// page in shrink-list.ts, and what happens in the background in kswapd.ts.

import { call, keepOnStack, type Code, type ScanControl, type ScanCounts } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { simfs_free_cached_objects } from '../fs/writepages.ts';
import { cond_resched } from '../kernel/sched.ts';
import { PF_MEMALLOC } from '../kernel/task-bits.ts';
import { __GFP_FS } from './gfp.ts';
import type { MemCgroup } from './memcontrol.ts';
import type { PageList } from './mmzone.ts';
import { current_gfp_context } from './page-alloc.ts';
import { throttle_vm_writeout } from './page-writeback.ts';
import { shrink_folio_list } from './shrink-list.ts';
import { countAllocStall, countReclaim } from './vm-events.ts';
import { vmpressure_prio } from './vmpressure.ts';
import { zone_reclaimable } from './vmstat.ts';
import { watermark_higher, watermark_lower } from '../remedies/phased-watermarks.ts';
import { hasReclaimThreads, wakeShrinker } from '../remedies/reclaim-threads.ts';
import {
  considerThrottle,
  isKswapd,
  reclaim_throttle,
  throttle_direct_reclaim,
  waitForIsolated,
} from './throttle.ts';

/** The priority that every attempt starts with; 0 is the last. */
export const DEF_PRIORITY = 12;
const SWAP_CLUSTER_MAX = 32;

/** Microseconds of a pass over lists and shrinkers. */
const PASS_US = 300;
/** Microseconds for each page of an active list that is looked at. */
const AGE_US = 4;

type Wanted = Pick<ScanControl, 'gfpMask' | 'order' | 'nrToReclaim'> & { memcg?: MemCgroup };

/** struct scan_control before the first pass. */
export function newScanControl(wanted: Wanted): ScanControl {
  return { ...wanted, priority: DEF_PRIORITY, nrScanned: 0, nrReclaimed: 0, nr: noCounts() };
}

function noCounts(): ScanCounts {
  const dirt = { dirty: 0, unqueuedDirty: 0, congested: 0, writeback: 0, immediate: 0 };
  return { taken: 0, fileTaken: 0, ...dirt };
}

/** Direct reclaim: the pages that were freed; 1 where the task is to die and should not look. */
export function* try_to_free_pages(
  k: Kernel,
  { gfp, order }: { gfp: number; order: number },
): Code<number> {
  const sc = newScanControl({ gfpMask: gfp, order, nrToReclaim: SWAP_CLUSTER_MAX });
  if (yield* call(k, throttle_direct_reclaim, gfp)) return 1;
  keepOnStack(k, { type: 'scan_control', sc });
  k.harm.allocStalls++;
  countAllocStall(k);
  watermark_lower(k);
  const reclaimed = yield* call(k, do_try_to_free_pages, sc);
  watermark_higher(k);
  return reclaimed;
}

/** Reclaim for the limit of a memory cgroup: only its pages, and those below it. */
export function* try_to_free_mem_cgroup_pages(
  k: Kernel,
  memcg: MemCgroup,
  { gfp, pages }: { gfp: number; pages: number },
): Code<number> {
  const gfpMask = current_gfp_context(k.current, gfp);
  const nrToReclaim = Math.max(pages, SWAP_CLUSTER_MAX);
  const sc = newScanControl({ gfpMask, order: 0, nrToReclaim, memcg });
  keepOnStack(k, { type: 'scan_control', sc });
  // memalloc_noreclaim_save(); the caller may have come from reclaim itself.
  const noreclaim = k.current.flags & PF_MEMALLOC;
  k.current.flags |= PF_MEMALLOC;
  const reclaimed = yield* call(k, do_try_to_free_pages, sc);
  k.current.flags &= ~PF_MEMALLOC | noreclaim;
  return reclaimed;
}

/** Passes over everything, with rising urgency. @returns the pages that were freed */
export function* do_try_to_free_pages(k: Kernel, sc: ScanControl): Code<number> {
  for (; sc.priority >= 0; sc.priority--) {
    if (sc.memcg === undefined) vmpressure_prio(k, sc.gfpMask, sc.priority);
    sc.nrScanned = 0;
    yield* call(k, shrink_node, sc);
    yield* considerThrottle(k, sc);
    if (sc.nrReclaimed >= sc.nrToReclaim) break;
  }
  const { retriesWhileReclaimable } = k.options;
  if (sc.nrReclaimed > 0 || sc.memcg !== undefined || !retriesWhileReclaimable) {
    return sc.nrReclaimed;
  }
  // As good as progress: there seems to be something left to reclaim.
  return k.node.zones.some((zone) => zone_reclaimable(zone)) ? 1 : 0;
}

/** One pass over all lists and shrinkers. */
export function* shrink_node(k: Kernel, sc: ScanControl): Code {
  k.spend(PASS_US);
  Object.assign(sc.nr, noCounts());
  const before = sc.nrReclaimed;
  for (const lru of listsOf(k, sc)) {
    const { inactive_file: inactive, active_file: active } = lru;
    if (inactive.length + active.length === 0 && k.swap === undefined) continue;
    yield* call(k, shrink_lruvec, sc, lru);
  }
  yield* shrinkSlab(k, sc);
  yield* judgePass(k, sc);
  // A direct reclaimer's success revives kswapd, whatever became of it.
  if (sc.nrReclaimed > before) k.node.kswapdFailures = 0;
  yield* cond_resched(k);
}

/** Inlined: what the pages that were met say about the node, and who is to wait for that. */
function* judgePass(k: Kernel, { nr, memcg }: ScanControl): Code {
  const { node } = k;
  if (!isKswapd(k.current)) {
    const mustWait = node.isCongested && memcg === undefined && k.options.activatesDirty;
    if (mustWait) yield* call(k, reclaim_throttle, 'congested');
    return;
  }
  if (nr.writeback > 0 && nr.writeback === nr.taken) node.isTailWriteback = true;
  if (nr.unqueuedDirty === nr.fileTaken) node.isTailDirty = true;
  // Pages come round faster than they are written: no use for kswapd to go on at once.
  if (nr.immediate > 0) yield* call(k, reclaim_throttle, 'writeback');
  if (nr.dirty > 0 && nr.dirty === nr.congested) node.isCongested = true;
}

type Lists = Kernel['node']['lru'];

/** shrink_node_memcgs(): the lists of each cgroup below the target, else those of all pages. */
function listsOf(k: Kernel, { memcg }: ScanControl): readonly Lists[] {
  return memcg === undefined ? [k.node.lru] : [...memcg.subtree()].map(({ lru }) => lru);
}

/** Of all shrinkers this is the one that takes a lock; where it is free nobody sees it taken. */
function* shrinkSlab(k: Kernel, { gfpMask }: ScanControl): Code {
  if (!k.options.blockingShrinker || (gfpMask & __GFP_FS) === 0) return;
  if (k.fs.journal.owner === undefined) return;
  if (hasReclaimThreads(k)) wakeShrinker(k);
  else yield* call(k, shrink_slab);
}

function* shrink_slab(k: Kernel): Code {
  yield* call(k, super_cache_scan);
}

function* super_cache_scan(k: Kernel): Code {
  yield* call(k, simfs_free_cached_objects);
}

/** Each evictable list is scanned for a part of it that grows as the priority falls. */
function* shrink_lruvec(k: Kernel, sc: ScanControl, lru: Lists): Code {
  yield* shrinkLists(k, sc, [lru.inactive_file, lru.active_file]);
  // With swappiness 100: as hard as the page cache.
  if (k.swap !== undefined) yield* shrinkLists(k, sc, [lru.inactive_anon, lru.active_anon]);
  if (k.options.throttleVmWriteout) yield* call(k, throttle_vm_writeout, sc.gfpMask);
}

/** Inlined: the loop of shrink_lruvec() for one kind of pages. */
function* shrinkLists(
  k: Kernel,
  sc: ScanControl,
  [inactive, active]: readonly [inactive: PageList, active: PageList],
): Code {
  // inactive_is_low() of a node with less than 1 GiB on these lists.
  const isLow = inactive.length < active.length;
  const isAged = isLow && active.isFile && k.options.activatesDirty;
  // Where active pages are no reason to go on, it comes to a batch of them.
  if (isLow && !isAged) yield* shrink_active_list(k, [inactive, active], SWAP_CLUSTER_MAX);
  let toAge = isAged ? Math.floor(active.length / 2 ** sc.priority) : 0;
  let toScan = Math.floor(inactive.length / 2 ** sc.priority);
  while (toScan + toAge > 0 && sc.nrReclaimed < sc.nrToReclaim) {
    const batch = Math.min(toScan, SWAP_CLUSTER_MAX);
    toScan -= batch;
    if (batch > 0) {
      sc.nrReclaimed += yield* call(k, shrink_inactive_list, { batch, list: inactive, sc });
    }
    const aged = Math.min(toAge, SWAP_CLUSTER_MAX);
    toAge -= aged;
    if (aged > 0) yield* shrink_active_list(k, [inactive, active], aged);
  }
}

/** Inlined: pages that were not used again go to the inactive list. */
function* shrink_active_list(
  k: Kernel,
  [inactive, active]: readonly [inactive: PageList, active: PageList],
  batch: number,
): Code {
  for (const page of active.takeTail(batch)) {
    page.referenced = false;
    inactive.add(page);
  }
  k.spend(AGE_US * batch);
  yield* cond_resched(k);
}

interface Batch {
  readonly batch: number;
  readonly list: PageList;
  readonly sc: ScanControl;
}

function* shrink_inactive_list(k: Kernel, { batch, list, sc }: Batch): Code<number> {
  const verdict = yield* waitForIsolated(k, sc, list);
  if (verdict !== 'go') return verdict === 'killed' ? SWAP_CLUSTER_MAX : 0;
  const taken = list.takeTail(batch);
  k.node.countIsolated(taken, list, 1);
  k.current.isolated += taken.length;
  sc.nrScanned += taken.length;
  sc.nr.taken += taken.length;
  if (list.isFile) sc.nr.fileTaken += taken.length;
  const zone = taken[0]?.zone;
  if (sc.memcg === undefined) {
    zone?.countScanned(taken.length);
    countReclaim(k, 'PGSCAN', { zone, pages: taken.length });
  }
  const reclaimed = yield* call(k, shrink_folio_list, taken, sc);
  if (sc.memcg === undefined) countReclaim(k, 'PGSTEAL', { zone, pages: reclaimed });
  k.node.countIsolated(taken, list, -1);
  k.current.isolated -= taken.length;
  return reclaimed;
}
