// Keeping the counters of zones up to date (mm/vmstat.c of 6.1): each CPU adds what it kept for
// itself once a second, as a work of its own pool. A pool that is held up keeps its CPU's counters
// as they are, and whoever decides by them decides by what was.

import type { Kernel } from '../core/kernel.ts';
import type { Task } from '../kernel/task.ts';
import {
  DelayedWork,
  WorkStruct,
  WorkTarget,
  WQ_MEM_RECLAIM,
  type Workqueue,
} from '../kernel/worker-pool.ts';
import { alloc_workqueue, queue_delayed_work } from '../kernel/workqueue.ts';
import type { Zone } from './mmzone.ts';
import type { ZoneCounter } from './zone-counter.ts';

/** Microseconds to look at the counters of one CPU. */
const REFRESH_US = 2;
/** A zone that was scanned that often in vain is not worth another look. */
const SCANS_MAX = 6;

/** LRU_INACTIVE_FILE, LRU_ACTIVE_FILE */
const FILE_LISTS = [2, 3] as const;

/** The works of mm/vmstat.c. */
export class VmStat {
  /** mm_percpu_wq */
  wq: Workqueue | undefined;
  /** vmstat_work of each CPU. */
  works: readonly DelayedWork[] = [];
  /** The work that queues those which have stopped. */
  shepherd: DelayedWork | undefined;
}

/** init_mm_internals(): the works never sleep, so nobody ever sees them on a stack. */
export function init_mm_internals(k: Kernel): void {
  k.vmstat.wq = alloc_workqueue(k, { name: 'mm_percpu_wq', flags: WQ_MEM_RECLAIM });
  k.vmstat.works = k.sched.cpus.map(({ id }) => {
    return new DelayedWork(new WorkStruct('vmstat_update', (kernel) => vmstatUpdate(kernel, id)));
  });
  const run = (kernel: Kernel): void => vmstatShepherd(kernel, shepherd);
  const shepherd = new DelayedWork(new WorkStruct('vmstat_shepherd', run));
  k.vmstat.shepherd = shepherd;
  queueShepherd(k, shepherd);
}

/** vmstat_shepherd(): looks after CPUs whose own work has stopped because nothing changed. */
function vmstatShepherd(k: Kernel, shepherd: DelayedWork): void {
  const { wq, works } = k.vmstat;
  k.spend(REFRESH_US * works.length);
  for (const [cpu, work] of works.entries()) {
    const isNeeded = counters(k).some((counter) => counter.diff(cpu) !== 0);
    if (isNeeded && wq !== undefined) queue_delayed_work(k, work, { wq, delay: 0, cpu });
  }
  queueShepherd(k, shepherd);
}

function queueShepherd(k: Kernel, shepherd: DelayedWork): void {
  const wq = k.wq.byName('events');
  if (wq !== undefined) queue_delayed_work(k, shepherd, { wq, delay: nextSecond(k) });
}

/** vmstat_update(): as long as there was something to add, the CPU will come again. */
function vmstatUpdate(k: Kernel, cpu: number): void {
  const { wq, works } = k.vmstat;
  const work = works[cpu];
  k.spend(REFRESH_US);
  if (!refreshCpu(k, cpu) || wq === undefined || work === undefined) return;
  queue_delayed_work(k, work, { wq, delay: nextSecond(k), cpu });
}

/** refresh_cpu_vm_stats() @returns whether anything changed */
function refreshCpu(k: Kernel, cpu: number): boolean {
  return counters(k).filter((counter) => counter.fold(cpu)).length > 0;
}

function counters(k: Kernel): ZoneCounter[] {
  return k.node.zones.flatMap((zone) => zone.counters);
}

/** round_jiffies_relative(HZ): all CPUs come at once, so that they wake up once. */
function nextSecond(k: Kernel): number {
  const { hz } = k.options;
  const at = k.jiffies + hz;
  const past = at % hz;
  return hz + (past < hz / 4 ? -past : hz - past);
}

/** What requests wait for that are decided by counters which are out of date. */
export const COUNTERS = 'work vmstat_update';

/** Who is in the way of the works that would put right counters which decide about requests. */
export function whoHoldsCounters(k: Kernel): readonly Task[] {
  if (!k.node.zones.some((zone) => decidesWrongly(k, zone))) return [];
  const { works, shepherd } = k.vmstat;
  return works.flatMap(({ work }, cpu) => {
    if (counters(k).every((each) => each.diff(cpu) === 0)) return [];
    // A work that has stopped is queued by the shepherd, which may be held up itself.
    const queued = [work, shepherd?.work].find((each) => each?.pwq !== undefined);
    return queued === undefined ? [] : new WorkTarget(queued).holders();
  });
}

function decidesWrongly(k: Kernel, zone: Zone): boolean {
  const { nrFree, watermark } = zone;
  if (nrFree.value <= watermark.min && nrFree.snapshot > watermark.min) return true;
  if (!k.options.retriesWhileReclaimable) return false;
  return zone_reclaimable(zone) !== zone_reclaimable(zone, ({ snapshot }) => snapshot);
}

/**
 * zone_reclaimable() of Linux up to 4.7: more pages are on its lists than a sixth of those that
 * were looked at since the last one was freed.
 *
 * @param read how the counters are read: as the kernel did, or as they truly are
 */
export function zone_reclaimable(
  { pagesScanned, lru }: Zone,
  read: (counter: ZoneCounter) => number = ({ value }) => value,
): boolean {
  const reclaimable = FILE_LISTS.reduce((sum, index) => sum + read(lru[index]!), 0);
  return read(pagesScanned) < reclaimable * SCANS_MAX;
}
