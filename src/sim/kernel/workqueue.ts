// Workqueues (kernel/workqueue.c of 6.1): how they are made, and how works get onto them. Workers
// are in worker.ts, the rules of their pools in worker-pool.ts.
//
//   const wq = alloc_workqueue(k, { name: 'kcryptd', flags: WQ_MEM_RECLAIM | WQ_CPU_INTENSIVE });
//   queue_work(k, wq, INIT_WORK(kcryptd_crypt, io));

import { call, type KernelFunction } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { timerExpiry } from './timer.ts';
import { startRescuer, startWorker } from './worker.ts';
import {
  DelayedWork,
  move_linked_works,
  PoolWorkqueue,
  wake_up_worker,
  WorkerPool,
  workerExecuting,
  Workqueue,
  WorkStruct,
  WQ_FREEZABLE,
  WQ_HIGHPRI,
  WQ_MEM_RECLAIM,
  WQ_POWER_EFFICIENT,
  WQ_UNBOUND,
} from './worker-pool.ts';

/** WQ_DFL_ACTIVE: what `max_active` 0 stands for. */
const ACTIVE_DEFAULT = 256;
/** WQ_NAME_LEN without the NUL. */
const NAME_MAX = 23;
/** HIGHPRI_NICE_LEVEL */
const HIGHPRI_NICE = -20;

/** What a workqueue is made with. */
export interface WorkqueuePlan {
  readonly name: string;
  /** WQ_* */
  readonly flags?: number;
  /** Works of one CPU at a time; 0 for what is usual. */
  readonly maxActive?: number;
}

/** All pools and workqueues of the machine. */
export class Workqueues {
  /** The list `workqueues`. */
  readonly all: Workqueue[] = [];
  /** By id: normal and high priority of each CPU, then the unbound ones (`worker_pool_idr`). */
  readonly pools: WorkerPool[] = [];
  /** `cpu_worker_pools`, by CPU. */
  readonly cpuPools: { readonly normal: WorkerPool; readonly highpri: WorkerPool }[] = [];

  /** A system workqueue. */
  byName(name: string): Workqueue | undefined {
    return this.all.find((wq) => wq.name === name);
  }

  /** A new pool, with the next id of `worker_pool_idr`. */
  addPool(options: { cpu?: number; nice: number }): WorkerPool {
    const pool = new WorkerPool({ id: this.pools.length, ...options });
    this.pools.push(pool);
    return pool;
  }
}

/** Names of the workqueues that every kernel has, with their flags. */
const SYSTEM_WORKQUEUES: readonly WorkqueuePlan[] = [
  { name: 'events' },
  { name: 'events_highpri', flags: WQ_HIGHPRI },
  { name: 'events_long' },
  { name: 'events_unbound', flags: WQ_UNBOUND },
  { name: 'events_freezable', flags: WQ_FREEZABLE },
  { name: 'events_power_efficient', flags: WQ_POWER_EFFICIENT },
  { name: 'events_freezable_power_efficient', flags: WQ_FREEZABLE | WQ_POWER_EFFICIENT },
];

/** workqueue_init_early(), workqueue_init(): pools of the CPUs, their first workers, system_wq. */
export function workqueue_init(k: Kernel): void {
  for (let cpu = 0; cpu < k.options.cpuCount; cpu++) {
    const normal = k.wq.addPool({ cpu, nice: 0 });
    const highpri = k.wq.addPool({ cpu, nice: HIGHPRI_NICE });
    k.wq.cpuPools.push({ normal, highpri });
    startWorkers(k, normal);
    startWorker(k, highpri);
  }
  for (const plan of SYSTEM_WORKQUEUES) alloc_workqueue(k, plan);
}

/** A new workqueue; one with WQ_MEM_RECLAIM has a rescuer of its name. */
export function alloc_workqueue(k: Kernel, plan: WorkqueuePlan): Workqueue {
  const { name, flags = 0, maxActive = 0 } = plan;
  const wq = new Workqueue({
    name: name.slice(0, NAME_MAX),
    flags,
    maxActive: maxActive === 0 ? ACTIVE_DEFAULT : maxActive,
  });
  const isHighpri = (flags & WQ_HIGHPRI) !== 0;
  const pools =
    (flags & WQ_UNBOUND) === 0
      ? k.wq.cpuPools.map(({ normal, highpri }) => (isHighpri ? highpri : normal))
      : [get_unbound_pool(k, isHighpri ? HIGHPRI_NICE : 0)];
  wq.pwqs.push(...pools.map((pool) => new PoolWorkqueue(pool, wq)));
  if ((flags & WQ_MEM_RECLAIM) !== 0) startRescuer(k, wq);
  k.wq.all.push(wq);
  return wq;
}

/** Unbound workqueues of equal attributes share a pool. */
function get_unbound_pool(k: Kernel, nice: number): WorkerPool {
  const found = k.wq.pools.find((pool) => pool.cpu === undefined && pool.nice === nice);
  if (found !== undefined) return found;
  const pool = k.wq.addPool({ nice });
  startWorkers(k, pool);
  return pool;
}

/** The first worker, and the one that was made when it got to work during boot. */
function startWorkers(k: Kernel, pool: WorkerPool): void {
  startWorker(k, pool);
  startWorker(k, pool);
}

/** INIT_WORK(): a work that calls `func`. */
export function INIT_WORK<A extends unknown[]>(
  func: KernelFunction<A, void>,
  ...args: A
): WorkStruct {
  return new WorkStruct(func.name, (k) => call(k, func, ...args));
}

/** INIT_DELAYED_WORK() */
export function INIT_DELAYED_WORK<A extends unknown[]>(
  func: KernelFunction<A, void>,
  ...args: A
): DelayedWork {
  return new DelayedWork(INIT_WORK(func, ...args));
}

/** Queues on the CPU that this runs on. @returns false where the work was queued already */
export function queue_work(k: Kernel, wq: Workqueue, work: WorkStruct): boolean {
  return queue_work_on(k, undefined, { wq, work });
}

/** schedule_work(): onto `events`. */
export function schedule_work(k: Kernel, work: WorkStruct): boolean {
  const [wq] = k.wq.all;
  return wq !== undefined && queue_work(k, wq, work);
}

/** Queues on one CPU; undefined is WORK_CPU_UNBOUND. */
export function queue_work_on(
  k: Kernel,
  cpu: number | undefined,
  { wq, work }: { wq: Workqueue; work: WorkStruct },
): boolean {
  if (work.isPending) return false;
  work.isPending = true;
  queueNow(k, cpu, { wq, work });
  return true;
}

/** __queue_work() */
function queueNow(
  k: Kernel,
  cpu: number | undefined,
  { wq, work }: { wq: Workqueue; work: WorkStruct },
): void {
  const pwq = choosePwq(k, cpu, { wq, work });
  const isActive = pwq.nrActive < pwq.wq.maxActive;
  k.functions.add(work.func);
  pwq.nrInFlight++;
  work.isInactive = !isActive;
  if (isActive) {
    pwq.nrActive++;
    if (pwq.pool.worklist.length === 0) pwq.pool.watchdogTs = k.jiffies;
  }
  const list = isActive ? pwq.pool.worklist : pwq.inactiveWorks;
  insert_work(k, pwq, { work, list, at: list.length });
}

function choosePwq(
  k: Kernel,
  cpu: number | undefined,
  { wq, work }: { wq: Workqueue; work: WorkStruct },
): PoolWorkqueue {
  const isUnbound = (wq.flags & WQ_UNBOUND) !== 0;
  const pwq = wq.pwqs[isUnbound ? 0 : (cpu ?? k.sched.processorId)]!;
  // A work that still runs elsewhere is queued there, so that it never runs twice at a time.
  const { lastPool } = work;
  if (lastPool === undefined || lastPool === pwq.pool) return pwq;
  const elsewhere = workerExecuting(lastPool, work)?.currentPwq;
  return elsewhere?.wq === wq ? elsewhere : pwq;
}

/** Where a work goes. */
interface Place {
  readonly work: WorkStruct;
  readonly list: WorkStruct[];
  readonly at: number;
}

/** Puts a work into a list of its pool, and wakes a worker if nobody runs. */
export function insert_work(k: Kernel, pwq: PoolWorkqueue, { work, list, at }: Place): void {
  work.pwq = pwq;
  list.splice(at, 0, work);
  pwq.refcnt++;
  if (pwq.pool.nrRunning === 0) wake_up_worker(k, pwq.pool);
}

/** When a delayed work is to be queued, and where. */
export interface DelayedPlan {
  readonly wq: Workqueue;
  /** jiffies */
  readonly delay: number;
  /** Undefined is WORK_CPU_UNBOUND: wherever the timer expires. */
  readonly cpu?: number;
}

/** queue_delayed_work_on() @returns false where it was pending already */
export function queue_delayed_work(k: Kernel, dwork: DelayedWork, plan: DelayedPlan): boolean {
  if (dwork.work.isPending) return false;
  dwork.work.isPending = true;
  startTimer(k, dwork, plan);
  return true;
}

/** mod_delayed_work_on() @returns whether it was pending */
export function mod_delayed_work(k: Kernel, dwork: DelayedWork, plan: DelayedPlan): boolean {
  const wasPending = cancel_delayed_work(dwork);
  dwork.work.isPending = true;
  startTimer(k, dwork, plan);
  return wasPending;
}

/** try_to_grab_pending(): it is not pending any more, but may be running. */
export function cancel_delayed_work(dwork: DelayedWork): boolean {
  const { work, timer } = dwork;
  if (!work.isPending) return false;
  if (timer !== undefined) timer.cancelled = true;
  dwork.timer = undefined;
  unqueue(work);
  work.isPending = false;
  return true;
}

function unqueue(work: WorkStruct): void {
  const { pwq } = work;
  if (pwq === undefined) return;
  // One that is executed is queued behind itself, on what its worker has taken.
  const taken = pwq.pool.busy.map(({ scheduled }) => scheduled);
  for (const list of [pwq.inactiveWorks, pwq.pool.worklist, ...taken]) {
    const at = list.indexOf(work);
    if (at >= 0) list.splice(at, 1);
  }
  work.pwq = undefined;
  finishWork(pwq, { isInactive: work.isInactive });
}

/** pwq_dec_nr_in_flight(): the next inactive work may take the place of one that is done. */
export function finishWork(pwq: PoolWorkqueue, { isInactive }: { isInactive: boolean }): void {
  if (!isInactive) {
    pwq.nrActive--;
    const [next] = pwq.inactiveWorks;
    if (next !== undefined && pwq.nrActive < pwq.wq.maxActive) {
      next.isInactive = false;
      pwq.nrActive++;
      move_linked_works(pwq.inactiveWorks, 0, pwq.pool.worklist);
    }
  }
  pwq.nrInFlight--;
  pwq.refcnt--;
}

/** __queue_delayed_work() */
function startTimer(k: Kernel, dwork: DelayedWork, { wq, delay, cpu }: DelayedPlan): void {
  dwork.wq = wq;
  dwork.cpu = cpu;
  if (delay === 0) {
    queueNow(k, cpu, { wq, work: dwork.work });
    return;
  }
  k.functions.add(dwork.work.func);
  dwork.expires = k.jiffies + delay;
  const expire = (): void => {
    dwork.timer = undefined;
    queueNow(k, dwork.cpu, { wq, work: dwork.work });
  };
  dwork.timer = k.atJiffy(timerExpiry(k, dwork.expires), expire);
}
