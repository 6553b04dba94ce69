// Workqueues of the simulated kernel as facts for the image.

import type { Kernel } from './core/kernel.ts';
import type {
  PoolWorkqueue,
  Worker,
  WorkerPool,
  Workqueue,
  WorkStruct,
} from './kernel/worker-pool.ts';
import type {
  PoolFacts,
  PoolWorkqueueFacts,
  WorkerFacts,
  WorkFacts,
  WorkqueueEntry,
  WorkqueueFacts,
} from './image/workqueue-facts.ts';

/** All pools and workqueues at this instant. */
export function workqueueFacts(k: Kernel): WorkqueueFacts {
  const { all, pools } = k.wq;
  const rescuers = all.flatMap(({ rescuer }) => rescuer ?? []);
  const workers = [...pools.flatMap((pool) => pool.workers), ...rescuers];
  const lists = [
    ...pools.map(({ worklist }) => worklist),
    ...all.flatMap(({ pwqs }) => pwqs.map(({ inactiveWorks }) => inactiveWorks)),
    ...workers.map(({ scheduled }) => scheduled),
  ];
  const works = new Set([...lists.flat(), ...workers.flatMap((each) => each.currentWork ?? [])]);
  const book: Book = { works: [...works], workqueues: all };
  return {
    works: book.works.map((work) => workFacts(work, book)),
    pools: pools.map((pool) => poolFacts(pool, book)),
    workqueues: all.map((wq) => workqueueEntry(wq, book)),
  };
}

/** What the facts number. */
interface Book {
  readonly works: readonly WorkStruct[];
  readonly workqueues: readonly Workqueue[];
}

function workFacts(work: WorkStruct, { workqueues }: Book): WorkFacts {
  const { func, pwq, lastPool, isLinked, isInactive } = work;
  const queued =
    pwq === undefined ? undefined : { wq: workqueues.indexOf(pwq.wq), pool: pwq.pool.id };
  return { func, queued, lastPool: lastPool?.id, isLinked, isInactive };
}

function poolFacts(pool: WorkerPool, book: Book): PoolFacts {
  const { id, cpu, nice, nrRunning, watchdogTs, worklist, workers, idle, busy, manager } = pool;
  const pids = (list: readonly Worker[]): number[] => list.flatMap(({ task }) => task?.pid ?? []);
  return {
    ...{ id, cpu, nice, nrRunning, watchdogTs },
    worklist: worklist.map((work) => book.works.indexOf(work)),
    workers: workers.flatMap((worker) => workerFacts(worker, book) ?? []),
    idlePids: pids(idle),
    busyPids: pids(busy),
    managerPid: manager?.task?.pid,
  };
}

function workerFacts(worker: Worker, { works, workqueues }: Book): WorkerFacts | undefined {
  const { task, id, flags, isSleeping, desc, lastActive, pool, currentWork, currentPwq } = worker;
  if (task === undefined) return undefined;
  const current =
    currentWork === undefined || currentPwq === undefined
      ? undefined
      : { work: works.indexOf(currentWork), wq: workqueues.indexOf(currentPwq.wq) };
  const scheduled = worker.scheduled.map((work) => works.indexOf(work));
  const base = { pid: task.pid, id, flags, isSleeping, desc, lastActive };
  return { ...base, pool: pool?.id, current, scheduled };
}

function workqueueEntry(wq: Workqueue, book: Book): WorkqueueEntry {
  const { name, flags, maxActive, pwqs, rescuer, maydays } = wq;
  return {
    ...{ name, flags, maxActive },
    pwqs: pwqs.map((pwq) => pwqFacts(pwq, maydays.includes(pwq), book)),
    rescuer: rescuer === undefined ? undefined : workerFacts(rescuer, book),
  };
}

function pwqFacts(pwq: PoolWorkqueue, hasMayday: boolean, book: Book): PoolWorkqueueFacts {
  const { pool, refcnt, nrActive, nrInFlight, inactiveWorks } = pwq;
  const inactive = inactiveWorks.map((work) => book.works.indexOf(work));
  return { pool: pool.id, refcnt, nrActive, nrInFlight, inactive, hasMayday };
}

/** What the ledger says of them: who has what in hand, and what waits behind whom. */
export interface LedgerPool {
  readonly id: number;
  readonly cpu: number | undefined;
  readonly nrRunning: number;
  readonly pending: readonly { readonly func: string; readonly wq: string }[];
  readonly busy: readonly { readonly pid: number; readonly func: string; readonly wq: string }[];
  readonly idlePids: readonly number[];
  readonly managerPid: number | undefined;
}

/** A workqueue that has a rescuer. */
export interface LedgerRescuer {
  readonly wq: string;
  readonly pid: number;
  /** What it executes. */
  readonly func: string | undefined;
}

/** Pools that have something to do, or workers. */
export function ledgerPools(k: Kernel): LedgerPool[] {
  return k.wq.pools.map(({ id, cpu, nrRunning, worklist, busy, idle, manager }) => ({
    ...{ id, cpu, nrRunning },
    pending: worklist.map(({ func, pwq }) => ({ func, wq: pwq?.wq.name ?? '' })),
    busy: busy.map(({ task, currentWork, currentPwq }) => {
      return { pid: task?.pid ?? 0, func: currentWork?.func ?? '', wq: currentPwq?.wq.name ?? '' };
    }),
    idlePids: idle.flatMap(({ task }) => task?.pid ?? []),
    managerPid: manager?.task?.pid,
  }));
}

/** All rescuers. */
export function ledgerRescuers(k: Kernel): LedgerRescuer[] {
  return k.wq.all.flatMap(({ name, rescuer }) => {
    if (rescuer?.task === undefined) return [];
    return [{ wq: name, pid: rescuer.task.pid, func: rescuer.currentWork?.func }];
  });
}
