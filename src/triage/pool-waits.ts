// Works that wait for a worker, and tasks that wait for a work: who must get on before they do.

import {
  poolStalls,
  type BusyWorker,
  type PoolStall,
  type PoolStallReason,
} from '../kernel/workqueue-stalls.ts';
import type { WorkerPool, WorkqueuesResult } from '../kernel/workqueue.ts';
import type { Work, Worker } from '../kernel/worker.ts';
import { count } from '../util/count.ts';
import type { Evidence } from './evidence.ts';
import { nameOf, type Facts, type LockWait, type TaskFacts } from './facts.ts';

/**
 * Tasks that flush a work, by their pids (insert_wq_barrier(), kernel/workqueue.c). The barrier
 * follows its work: among those that a worker has taken where that one runs it, else among those
 * that wait for a worker of the pool.
 */
export function flushWaits(workqueues: WorkqueuesResult | undefined): Map<number, LockWait> {
  const waits = new Map<number, LockWait>();
  for (const { busy, pending, manager } of workqueues?.pools ?? []) {
    for (const worker of busy) {
      const holders = pidsOfWorkers([worker]);
      const lock = `the end of ${worker.current?.func ?? 'a work'}`;
      add(waits, worker.scheduled, { lock, holders, isCertain: holders.length > 0 });
    }
    // Whichever of them is done first takes it.
    const holders = pidsOfWorkers(manager === undefined ? busy : [manager]);
    add(waits, pending, { lock: 'the end of a work that nobody has begun', holders });
  }
  return waits;
}

function add(
  waits: Map<number, LockWait>,
  works: readonly Work[],
  { lock, holders, isCertain = false }: Omit<LockWait, 'isCertain'> & { isCertain?: boolean },
): void {
  for (const { flusher } of works) {
    if (flusher?.pid !== undefined) waits.set(flusher.pid, { lock, holders, isCertain });
  }
}

function pidsOfWorkers(workers: readonly Worker[]): number[] {
  return workers.flatMap(({ task }) => task?.pid ?? []);
}

/** Pools with works that nobody has begun, and which of their workers are in the allocator. */
export function waitingPools({ workqueues, tasks, memalloc }: Facts): PoolStall[] {
  if (workqueues === undefined) return [];
  const places = new Map(tasks.map(({ task, place }) => [task.address, place]));
  return poolStalls(workqueues, { allocator: (task) => places.get(task), hz: memalloc.hz });
}

/** A pool with works that wait. */
export interface HungPool {
  readonly stall: PoolStall;
  /** Since it last began a work; absent where this kernel does not keep that (before v4.5). */
  readonly seconds?: number;
}

/**
 * Pools whose works wait, the one that has waited longest first.
 *
 * @param leastSeconds since it began a work; pools of which that is not known are among them
 */
export function hungPools(facts: Facts, leastSeconds = 0): HungPool[] {
  const { hz } = facts.memalloc;
  return waitingPools(facts)
    .map((stall): HungPool => {
      const { hungJiffies } = stall.pool;
      const isTimed = hungJiffies !== undefined && hz !== undefined && hz > 0;
      return { stall, ...(isTimed ? { seconds: Number(hungJiffies) / hz } : {}) };
    })
    .filter(
      ({ stall: { reason }, seconds }) =>
        reason !== 'worker is woken' && (seconds === undefined || seconds >= leastSeconds),
    );
}

const POOLS_SHOWN = 2;
const RESCUERS_SHOWN = 2;
const SHOWS = 'triage --full';

/** What pools and rescuers add to what was found: those that have stood still, the oldest first. */
export function poolEvidence(facts: Facts, leastSeconds = 0): Evidence[] {
  const hung = hungPools(facts, leastSeconds);
  const rescuers = (facts.workqueues?.workqueues ?? []).flatMap(({ name, rescuer }) =>
    rescuer?.current === undefined ? [] : [{ name, rescuer }],
  );
  return [
    ...hung.slice(0, POOLS_SHOWN).map((pool) => ({
      fact: `${poolText(pool)}: ${whyText(facts, pool)}`,
      verb: 'locks',
    })),
    ...rescuers.slice(0, RESCUERS_SHOWN).map(({ name, rescuer }) => ({
      fact: `the rescuer of ${name}, ${workerText(facts, { worker: rescuer })}`,
      verb: SHOWS,
    })),
  ];
}

/** `CPU 1: 3 works wait, vmstat_update first, for 38.0 s`. */
function poolText({ stall: { pool, isLockup }, seconds }: HungPool): string {
  const { length } = pool.pending;
  const works = `${count(length, 'work')} ${length === 1 ? 'waits' : 'wait'}`;
  const first = `${pool.pending[0]?.func ?? '?'}${length === 1 ? '' : ' first'}`;
  const since = seconds === undefined ? '' : `, none begun for ${seconds.toFixed(1)} s`;
  return `${placeOf(pool)}: ${works} (${first})${since}${isLockup === true ? ' (lockup)' : ''}`;
}

function placeOf({ cpu, nice }: WorkerPool): string {
  const where = cpu === undefined ? 'unbound pool' : `pool of CPU ${cpu}`;
  return nice === undefined || nice === 0 ? where : `${where} (nice ${nice})`;
}

/** Why a pool begins no work, in words. */
export const WHY: Readonly<Record<PoolStallReason, string>> = {
  'worker runs': 'a worker does not sleep',
  'worker is made': 'there is no other worker, and one is being made',
  'workers sleep': 'all workers sleep',
  'worker is woken': 'a worker is about to begin',
};

function whyText(facts: Facts, { stall: { reason, behind, manager } }: HungPool): string {
  const [first] = behind;
  const runs = reason === 'worker is made' || first === undefined ? [] : [workerText(facts, first)];
  const makes = manager === undefined ? [] : [managerText(facts, manager)];
  return [WHY[reason], ...runs, ...makes].join('; ');
}

function managerText(facts: Facts, { worker }: BusyWorker): string {
  const fact = factOf(facts, worker);
  const waits = fact?.place === undefined ? '' : ', and asks for memory';
  return `${nameOfWorker(facts, worker)} makes another one${waits}`;
}

/** `kworker/1:0(27) runs disk_events_workfn and asks for memory`. */
function workerText(facts: Facts, { worker }: Pick<BusyWorker, 'worker'>): string {
  const does = worker.current === undefined ? 'has no work in hand' : `runs ${worker.current.func}`;
  const asks = factOf(facts, worker)?.place === undefined ? '' : ' and asks for memory';
  return `${nameOfWorker(facts, worker)} ${does}${asks}`;
}

function nameOfWorker(facts: Facts, worker: Worker): string {
  const fact = factOf(facts, worker);
  return fact === undefined ? `?(${worker.task?.pid ?? '?'})` : nameOf(fact);
}

function factOf({ byPid }: Facts, { task }: Worker): TaskFacts | undefined {
  return task?.pid === undefined ? undefined : byPid.get(task.pid);
}
