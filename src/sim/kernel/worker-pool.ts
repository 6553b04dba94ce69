// What workqueues are made of, and the rules by which a pool decides who works (kernel/workqueue.c
// of 6.1). A pool serves all bound workqueues of one CPU and priority, or an unbound one. Its rule:
// of the workers of a bound pool one runs at a time. When that one sleeps the next is woken; one
// that never sleeps holds up every work behind it, however long it takes.

import type { Code } from '../core/code.ts';
import type { SimEvent } from '../core/event-queue.ts';
import type { Kernel } from '../core/kernel.ts';
import type { WaitTarget } from '../locking/wait-target.ts';
import type { Task } from './task.ts';

/** Bits of `workqueue_struct.flags`. */
export const WQ_UNBOUND = 1 << 1;
export const WQ_FREEZABLE = 1 << 2;
export const WQ_MEM_RECLAIM = 1 << 3;
export const WQ_HIGHPRI = 1 << 4;
export const WQ_CPU_INTENSIVE = 1 << 5;
export const WQ_SYSFS = 1 << 6;
export const WQ_POWER_EFFICIENT = 1 << 7;

/** Bits of `worker.flags`. */
export const WORKER_DIE = 1 << 1;
export const WORKER_IDLE = 1 << 2;
export const WORKER_PREP = 1 << 3;
export const WORKER_CPU_INTENSIVE = 1 << 6;
export const WORKER_UNBOUND = 1 << 7;
/** Who has one of these has no part in the pool's count of running workers. */
const WORKER_NOT_RUNNING = WORKER_PREP | WORKER_CPU_INTENSIVE | WORKER_UNBOUND;

/** MAX_IDLE_WORKERS_RATIO: one idle worker for four busy ones. */
const IDLE_RATIO = 4;

/** struct work_struct: a function to be called by a worker. */
export class WorkStruct {
  /** Symbol of the function. */
  readonly func: string;
  /** Calls it; one that never sleeps has run when this returns nothing. */
  readonly run: (k: Kernel) => Code | void;
  /** WORK_STRUCT_PENDING: queued, or its timer runs. */
  isPending = false;
  /** WORK_STRUCT_LINKED: the next work of the list goes where this one goes. */
  isLinked = false;
  /** WORK_STRUCT_INACTIVE: it does not count, or does not count yet, in `nr_active`. */
  isInactive = false;
  /** Where it is queued; undefined while it is not. */
  pwq: PoolWorkqueue | undefined;
  /** Where it was executed last. */
  lastPool: WorkerPool | undefined;

  constructor(func: string, run: (k: Kernel) => Code | void) {
    this.func = func;
    this.run = run;
  }
}

/** struct delayed_work: it is queued when a timer expires. */
export class DelayedWork {
  readonly work: WorkStruct;
  timer: SimEvent | undefined;
  /** `timer.expires`, in jiffies. */
  expires = 0;
  wq: Workqueue | undefined;
  /** Undefined for WORK_CPU_UNBOUND. */
  cpu: number | undefined;

  constructor(work: WorkStruct) {
    this.work = work;
  }
}

/** struct worker. */
export class Worker {
  readonly id: number;
  /** Of a rescuer only while it helps. */
  pool: WorkerPool | undefined;
  task: Task | undefined;
  flags = WORKER_PREP;
  /** It went to sleep while it counted as running. */
  isSleeping = false;
  currentWork: WorkStruct | undefined;
  currentPwq: PoolWorkqueue | undefined;
  /** Works that only this worker may execute. */
  readonly scheduled: WorkStruct[] = [];
  /** jiffies */
  lastActive = 0;
  /** Name of the workqueue whose work it executed last. */
  desc = '';
  /** Of a rescuer. */
  readonly rescueWq: Workqueue | undefined;

  constructor(id: number, rescueWq?: Workqueue) {
    this.id = id;
    this.rescueWq = rescueWq;
  }

  /** Whether it is one of those that the pool counts while they run. */
  get isCounted(): boolean {
    return (this.flags & WORKER_NOT_RUNNING) === 0;
  }
}

/** struct worker_pool. */
export class WorkerPool {
  readonly id: number;
  /** Undefined for an unbound pool. */
  readonly cpu: number | undefined;
  readonly nice: number;
  /** Active works that nobody has taken yet, the oldest first. */
  readonly worklist: WorkStruct[] = [];
  /** The last that went idle comes first. */
  readonly idle: Worker[] = [];
  /** Workers with a work in hand, rescuers among them. */
  readonly busy: Worker[] = [];
  readonly workers: Worker[] = [];
  /** Counted workers that do not sleep. */
  nrRunning = 0;
  /** Who creates a worker just now. */
  manager: Worker | undefined;
  /** jiffies when the list was last empty or a work was taken. */
  watchdogTs = 0;
  maydayTimer: SimEvent | undefined;
  idleTimer: SimEvent | undefined;
  #nextWorkerId = 0;

  constructor(options: { id: number; cpu?: number; nice: number }) {
    this.id = options.id;
    this.cpu = options.cpu;
    this.nice = options.nice;
  }

  takeWorkerId(): number {
    return this.#nextWorkerId++;
  }

  /** need_more_worker(): there is work, and nobody runs who would come to it. */
  get needsMoreWorker(): boolean {
    return this.worklist.length > 0 && this.nrRunning === 0;
  }

  /** may_start_working(): somebody else is left to manage the pool. */
  get mayStartWorking(): boolean {
    return this.idle.length > 0;
  }

  /** keep_working() */
  get keepsWorking(): boolean {
    return this.worklist.length > 0 && this.nrRunning <= 1;
  }

  /** need_to_create_worker() */
  get needsToCreateWorker(): boolean {
    return this.needsMoreWorker && !this.mayStartWorking;
  }

  /** too_many_workers() */
  get hasTooManyWorkers(): boolean {
    const idle = this.idle.length + (this.manager === undefined ? 0 : 1);
    return idle > 2 && (idle - 2) * IDLE_RATIO >= this.workers.length - idle;
  }
}

/** struct pool_workqueue: one workqueue's share of one pool. */
export class PoolWorkqueue {
  readonly pool: WorkerPool;
  readonly wq: Workqueue;
  /** The workqueue's own, one for each work, one for the rescuer. */
  refcnt = 1;
  nrActive = 0;
  nrInFlight = 0;
  readonly inactiveWorks: WorkStruct[] = [];

  constructor(pool: WorkerPool, wq: Workqueue) {
    this.pool = pool;
    this.wq = wq;
  }
}

/** struct workqueue_struct. */
export class Workqueue {
  /** At most 23 bytes (WQ_NAME_LEN). */
  readonly name: string;
  /** WQ_* */
  readonly flags: number;
  /** Works of one CPU that may be in the hands of workers at a time. */
  readonly maxActive: number;
  /** One a CPU in their order, or one for all. */
  readonly pwqs: PoolWorkqueue[] = [];
  rescuer: Worker | undefined;
  /** Who asked the rescuer for help. */
  readonly maydays: PoolWorkqueue[] = [];

  constructor(options: { name: string; flags: number; maxActive: number }) {
    this.name = options.name;
    this.flags = options.flags;
    this.maxActive = options.maxActive;
  }
}

/** wake_up_worker() */
export function wake_up_worker(k: Kernel, pool: WorkerPool): void {
  const task = pool.idle[0]?.task;
  if (task !== undefined) k.sched.wake(task);
}

/** worker_set_flags() */
export function worker_set_flags(worker: Worker, flags: number): void {
  const wasCounted = worker.isCounted;
  worker.flags |= flags;
  if (wasCounted && !worker.isCounted && worker.pool !== undefined) worker.pool.nrRunning--;
}

/** worker_clr_flags() */
export function worker_clr_flags(worker: Worker, flags: number): void {
  const wasCounted = worker.isCounted;
  worker.flags &= ~flags;
  if (!wasCounted && worker.isCounted && worker.pool !== undefined) worker.pool.nrRunning++;
}

/** A task that is a worker leaves its CPU to sleep: another one may have to go on. */
export function wq_worker_sleeping(k: Kernel, worker: Worker): void {
  const { pool } = worker;
  if (!worker.isCounted || pool === undefined || worker.isSleeping) return;
  worker.isSleeping = true;
  pool.nrRunning--;
  if (pool.needsMoreWorker) wake_up_worker(k, pool);
}

/** It is back from schedule(). */
export function wq_worker_running(worker: Worker): void {
  if (!worker.isSleeping) return;
  if (worker.isCounted && worker.pool !== undefined) worker.pool.nrRunning++;
  worker.isSleeping = false;
}

/** find_worker_executing_work() */
export function workerExecuting(pool: WorkerPool, work: WorkStruct): Worker | undefined {
  return pool.busy.find(({ currentWork }) => currentWork === work);
}

/** move_linked_works(): the work and all that are linked to it. */
export function move_linked_works(from: WorkStruct[], at: number, to: WorkStruct[]): void {
  let count = 1;
  while (from[at + count - 1]?.isLinked === true && at + count < from.length) count++;
  to.push(...from.splice(at, count));
}

/** What somebody waits for who waits for a work: whoever executes it, or is in its way. */
export class WorkTarget implements WaitTarget {
  readonly kind = 'work';
  readonly name: string;
  readonly #work: WorkStruct;

  constructor(work: WorkStruct) {
    this.name = `work ${work.func}`;
    this.#work = work;
  }

  holders(): readonly Task[] {
    const pool = this.#work.pwq?.pool ?? this.#work.lastPool;
    if (pool === undefined) return [];
    const executing = workerExecuting(pool, this.#work);
    const workers = executing === undefined ? this.#inTheWay(pool) : [executing];
    return workers.flatMap(({ task }) => task ?? []);
  }

  /** Of a queued work: who has the floor, or else who is to make another worker, or to rescue. */
  #inTheWay(pool: WorkerPool): readonly Worker[] {
    const scheduled = [...pool.busy].find((worker) => worker.scheduled.includes(this.#work));
    if (scheduled !== undefined) return [scheduled];
    if (this.#work.pwq?.inactiveWorks.includes(this.#work) === true) {
      const { pwq } = this.#work;
      return pool.busy.filter(({ currentPwq }) => currentPwq === pwq);
    }
    if (pool.nrRunning > 0) {
      return pool.busy.filter((worker) => worker.isCounted && !worker.isSleeping);
    }
    const [idle] = pool.idle;
    if (idle !== undefined) return [idle];
    const { manager } = pool;
    const rescuer = this.#work.pwq?.wq.rescuer;
    return [manager, rescuer].flatMap((worker) => worker ?? []);
  }
}
