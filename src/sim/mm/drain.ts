// Emptying the per-CPU lists of all CPUs (drain_all_pages() of mm/page_alloc.c): pages that lie
// there may be what is missing in the zone. Linux 6.0 and later take them off the lists of other
// CPUs from where they are, and up to 4.10 an interrupt has each CPU do it: neither can be held up.
// In between it is a work for each CPU, and whoever needs the pages waits until all are done.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { flush_work } from '../kernel/flush-work.ts';
import { WorkStruct } from '../kernel/worker-pool.ts';
import { queue_work_on } from '../kernel/workqueue.ts';
import { Mutex, mutex_trylock, mutex_unlock } from '../locking/mutex.ts';

/** Microseconds to empty the lists of one CPU and zone. */
const DRAIN_US = 5;

/** Where works empty the lists: what they are made of, once the first was needed. */
export class PcpuDrain {
  readonly mutex = new Mutex('pcpu_drain_mutex');
  /** pcpu_drain, by CPU. */
  works: readonly WorkStruct[] = [];
}

/** Inlined, but where it has to wait: empties the lists of all CPUs and zones. */
export function* drainAllPages(k: Kernel): Code {
  if (k.options.drainsByWork) yield* call(k, drain_all_pages);
  else for (const { id } of k.sched.cpus) drain_local_pages(k, id);
}

/** The lists that one CPU has; each zone has some. */
export function drain_local_pages(k: Kernel, cpu: number): void {
  for (const { pcp } of k.node.zones) {
    const lists = pcp[cpu];
    if (lists === undefined || lists.count === 0) continue;
    k.spend(DRAIN_US);
    lists.drain();
  }
}

/** A work for each CPU that has pages. While somebody else waits for such works nobody begins. */
function* drain_all_pages(k: Kernel): Code {
  const { pcpuDrain: drain, vmstat } = k;
  const { wq } = vmstat;
  if (wq === undefined || !mutex_trylock(k, drain.mutex)) return;
  if (drain.works.length === 0) drain.works = k.sched.cpus.map(({ id }) => drainWork(id));
  const queued = drain.works.filter((_, cpu) => hasPages(k, cpu));
  for (const work of queued) queue_work_on(k, drain.works.indexOf(work), { wq, work });
  for (const work of queued) yield* flush_work(k, work);
  mutex_unlock(k, drain.mutex);
}

function drainWork(cpu: number): WorkStruct {
  return new WorkStruct('drain_local_pages_wq', (k) => drain_local_pages(k, cpu));
}

function hasPages({ node }: Kernel, cpu: number): boolean {
  return node.zones.some(({ pcp }) => (pcp[cpu]?.count ?? 0) > 0);
}
