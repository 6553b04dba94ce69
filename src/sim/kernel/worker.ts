// Workers (kernel/workqueue.c of 6.1): kernel threads that execute the works of a pool, create more
// of themselves where all sleep, and leave when nobody needs them. Creating one takes memory. While
// that hangs the pool calls the rescuers of those workqueues that have one (WQ_MEM_RECLAIM).

import { optional } from '../../util/optional.ts';
import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { do_exit } from './exit.ts';
import { kthread_create_on_node } from './kthread.ts';
import { cond_resched, schedule } from './sched.ts';
import { PF_NO_SETAFFINITY, PF_WQ_WORKER, TASK_IDLE, TASK_RUNNING } from './task-bits.ts';
import type { Task } from './task.ts';
import { schedule_timeout_interruptible, timerExpiry } from './timer.ts';
import {
  move_linked_works,
  wake_up_worker,
  Worker,
  worker_clr_flags,
  worker_set_flags,
  WORKER_CPU_INTENSIVE,
  WORKER_DIE,
  WORKER_IDLE,
  WORKER_PREP,
  WORKER_UNBOUND,
  workerExecuting,
  WQ_CPU_INTENSIVE,
  type PoolWorkqueue,
  type WorkerPool,
  type Workqueue,
  type WorkStruct,
} from './worker-pool.ts';
import { finishWork } from './workqueue.ts';

/** Seconds: IDLE_WORKER_TIMEOUT, CREATE_COOLDOWN; MAYDAY_INITIAL_TIMEOUT, MAYDAY_INTERVAL. */
const IDLE_SECONDS = 300;
const COOLDOWN_SECONDS = 1;
const MAYDAY_INITIAL_SECONDS = 1 / 100;
const MAYDAY_INTERVAL_SECONDS = 1 / 10;
/** RESCUER_NICE_LEVEL */
const RESCUER_NICE = -20;
/** Microseconds to take a work and to be done with it. */
const WORK_US = 1;

/** A worker of a pool at boot, when memory is there for the asking. */
export function startWorker(k: Kernel, pool: WorkerPool): void {
  attachWorker(k, pool, new Worker(pool.takeWorkerId()));
}

/** init_rescuer() */
export function startRescuer(k: Kernel, wq: Workqueue): void {
  const rescuer = new Worker(0, wq);
  // A task's name is 15 characters long.
  const plan = { comm: wq.name.slice(0, 15), nice: RESCUER_NICE, flags: PF_NO_SETAFFINITY };
  rescuer.task = k.kthread(plan, rescuer_thread, rescuer);
  rescuer.task.worker = rescuer;
  wq.rescuer = rescuer;
}

/** worker_attach_to_pool(): it is idle until its thread has looked for works. */
function attachWorker(k: Kernel, pool: WorkerPool, worker: Worker): Task {
  const { cpu, nice } = pool;
  worker.pool = pool;
  if (cpu === undefined) worker.flags |= WORKER_UNBOUND;
  pool.workers.push(worker);
  const highpri = cpu !== undefined && nice < 0 ? 'H' : '';
  const comm = `kworker/${cpu ?? `u${pool.id}`}:${worker.id}${highpri}`;
  const plan = { comm, nice, flags: PF_NO_SETAFFINITY, ...optional('pinnedCpu', cpu) };
  const task = k.kthread(plan, worker_thread, worker);
  task.worker = worker;
  worker.task = task;
  enterIdle(k, pool, worker);
  return task;
}

function* worker_thread(k: Kernel, worker: Worker): Code {
  const { pool } = worker;
  if (pool === undefined) return;
  k.current.flags |= PF_WQ_WORKER;
  for (;;) {
    if ((worker.flags & WORKER_DIE) !== 0) {
      yield* call(k, worker_die, worker);
      return;
    }
    leaveIdle(pool, worker);
    while (pool.needsMoreWorker) {
      if (!pool.mayStartWorking && (yield* call(k, manage_workers, worker, pool))) continue;
      worker_clr_flags(worker, WORKER_PREP);
      do yield* workOff(k, worker, pool);
      while (pool.keepsWorking);
      worker_set_flags(worker, WORKER_PREP);
      break;
    }
    enterIdle(k, pool, worker);
    k.current.state = TASK_IDLE;
    yield* call(k, schedule);
  }
}

function* worker_die(k: Kernel, worker: Worker): Code {
  k.current.flags &= ~PF_WQ_WORKER;
  k.current.worker = undefined;
  worker.task = undefined;
  yield* call(k, do_exit);
}

/** Takes the first work of the pool, with all that is linked to it. */
function* workOff(k: Kernel, worker: Worker, pool: WorkerPool): Code {
  const [work] = pool.worklist;
  if (work === undefined) return;
  pool.watchdogTs = k.jiffies;
  if (!work.isLinked && worker.scheduled.length === 0) {
    yield* call(k, process_one_work, { worker, pool, list: pool.worklist, work });
  } else {
    move_linked_works(pool.worklist, 0, worker.scheduled);
  }
  yield* process_scheduled_works(k, worker, pool);
}

/** Inlined. */
function* process_scheduled_works(k: Kernel, worker: Worker, pool: WorkerPool): Code {
  for (let [work] = worker.scheduled; work !== undefined; [work] = worker.scheduled) {
    yield* call(k, process_one_work, { worker, pool, list: worker.scheduled, work });
  }
}

/** Which work a worker takes from which list. */
interface Turn {
  readonly worker: Worker;
  readonly pool: WorkerPool;
  readonly list: WorkStruct[];
  readonly work: WorkStruct;
}

function* process_one_work(k: Kernel, { worker, pool, list, work }: Turn): Code {
  const collision = workerExecuting(pool, work);
  if (collision !== undefined) {
    move_linked_works(list, list.indexOf(work), collision.scheduled);
    return;
  }
  const { pwq } = work;
  list.splice(list.indexOf(work), 1);
  if (pwq === undefined) return;
  const isIntensive = (pwq.wq.flags & WQ_CPU_INTENSIVE) !== 0;
  const { isInactive } = work;
  pool.busy.push(worker);
  worker.currentWork = work;
  worker.currentPwq = pwq;
  worker.desc = pwq.wq.name;
  if (isIntensive) worker_set_flags(worker, WORKER_CPU_INTENSIVE);
  // Never so for a bound worker, which runs; it is how unbound ones get each other going.
  if (pool.needsMoreWorker) wake_up_worker(k, pool);
  work.pwq = undefined;
  work.lastPool = pool;
  work.isPending = work.isLinked = false;
  k.spend(WORK_US);
  const code = work.run(k);
  if (code !== undefined) yield* code;
  yield* cond_resched(k);
  if (isIntensive) worker_clr_flags(worker, WORKER_CPU_INTENSIVE);
  pool.busy.splice(pool.busy.indexOf(worker), 1);
  worker.currentWork = worker.currentPwq = undefined;
  finishWork(pwq, { isInactive });
}

/** @returns whether the pool was managed, so that all has to be looked at again */
function* manage_workers(k: Kernel, worker: Worker, pool: WorkerPool): Code<boolean> {
  if (pool.manager !== undefined) return false;
  pool.manager = worker;
  yield* maybe_create_worker(k, pool);
  pool.manager = undefined;
  return true;
}

/** Inlined: there is an idle worker afterwards, or no need for one. */
function* maybe_create_worker(k: Kernel, pool: WorkerPool): Code {
  do {
    // Memory may be what this waits for: then those help who need none.
    armMayday(k, pool, Math.max(2, Math.floor(k.options.hz * MAYDAY_INITIAL_SECONDS)));
    while (!(yield* call(k, create_worker, pool)) && pool.needsToCreateWorker) {
      yield* call(k, schedule_timeout_interruptible, k.options.hz * COOLDOWN_SECONDS);
      if (!pool.needsToCreateWorker) break;
    }
    if (pool.maydayTimer !== undefined) pool.maydayTimer.cancelled = true;
    pool.maydayTimer = undefined;
  } while (pool.needsToCreateWorker);
}

/** @returns whether the pool has a new worker */
function* create_worker(k: Kernel, pool: WorkerPool): Code<boolean> {
  const worker = new Worker(pool.takeWorkerId());
  const task = yield* call(k, kthread_create_on_node, () => attachWorker(k, pool, worker));
  return task !== undefined;
}

/** pool_mayday_timeout() after so many jiffies, and again and again. */
function armMayday(k: Kernel, pool: WorkerPool, delay: number): void {
  if (pool.maydayTimer !== undefined) pool.maydayTimer.cancelled = true;
  pool.maydayTimer = k.atJiffy(timerExpiry(k, k.jiffies + delay), () => {
    if (pool.needsToCreateWorker) for (const { pwq } of pool.worklist) sendMayday(k, pwq);
    armMayday(k, pool, Math.floor(k.options.hz * MAYDAY_INTERVAL_SECONDS));
  });
}

/** send_mayday() */
function sendMayday(k: Kernel, pwq: PoolWorkqueue | undefined): void {
  const rescuer = pwq?.wq.rescuer;
  if (pwq === undefined || rescuer?.task === undefined || pwq.wq.maydays.includes(pwq)) return;
  pwq.refcnt++;
  pwq.wq.maydays.push(pwq);
  k.sched.wake(rescuer.task);
}

function* rescuer_thread(k: Kernel, rescuer: Worker): Code {
  const wq = rescuer.rescueWq;
  if (wq === undefined) return;
  // A rescuer stays in WORKER_PREP: no pool counts it.
  k.current.flags |= PF_WQ_WORKER;
  for (;;) {
    k.current.state = TASK_IDLE;
    for (let pwq = wq.maydays.shift(); pwq !== undefined; pwq = wq.maydays.shift()) {
      k.current.state = TASK_RUNNING;
      yield* rescue(k, rescuer, pwq);
      k.current.state = TASK_IDLE;
    }
    yield* call(k, schedule);
  }
}

/** Executes all works that the workqueue has in that pool. */
function* rescue(k: Kernel, rescuer: Worker, pwq: PoolWorkqueue): Code {
  const { pool, wq } = pwq;
  rescuer.pool = pool;
  k.current.pinnedCpu = pool.cpu;
  for (let at = 0; at < pool.worklist.length;) {
    const work = pool.worklist[at];
    if (work?.pwq !== pwq) at++;
    else move_linked_works(pool.worklist, at, rescuer.scheduled);
  }
  if (rescuer.scheduled.length > 0) {
    yield* process_scheduled_works(k, rescuer, pool);
    // They may have queued more of their kind.
    if (pwq.nrActive > 0 && pool.needsToCreateWorker && !wq.maydays.includes(pwq)) {
      pwq.refcnt++;
      wq.maydays.push(pwq);
    }
  }
  pwq.refcnt--;
  if (pool.needsMoreWorker) wake_up_worker(k, pool);
  k.current.pinnedCpu = undefined;
  rescuer.pool = undefined;
}

/** worker_enter_idle() */
function enterIdle(k: Kernel, pool: WorkerPool, worker: Worker): void {
  if ((worker.flags & WORKER_IDLE) !== 0) return;
  worker.flags |= WORKER_IDLE;
  worker.lastActive = k.jiffies;
  pool.idle.unshift(worker);
  if (pool.hasTooManyWorkers && pool.idleTimer === undefined) armIdleTimer(k, pool);
}

/** worker_leave_idle() */
function leaveIdle(pool: WorkerPool, worker: Worker): void {
  if ((worker.flags & WORKER_IDLE) === 0) return;
  worker_clr_flags(worker, WORKER_IDLE);
  pool.idle.splice(pool.idle.indexOf(worker), 1);
}

/** idle_worker_timeout(): who has been idle longest goes first. */
function armIdleTimer(k: Kernel, pool: WorkerPool): void {
  const timeout = IDLE_SECONDS * k.options.hz;
  const expires = (pool.idle.at(-1)?.lastActive ?? k.jiffies) + timeout;
  pool.idleTimer = k.atJiffy(timerExpiry(k, expires), () => {
    pool.idleTimer = undefined;
    for (let last = pool.idle.at(-1); pool.hasTooManyWorkers; last = pool.idle.at(-1)) {
      if (last === undefined) return;
      if (k.jiffies < last.lastActive + timeout) {
        armIdleTimer(k, pool);
        return;
      }
      destroyWorker(k, pool, last);
    }
  });
}

/** destroy_worker() */
function destroyWorker(k: Kernel, pool: WorkerPool, worker: Worker): void {
  pool.workers.splice(pool.workers.indexOf(worker), 1);
  pool.idle.splice(pool.idle.indexOf(worker), 1);
  worker.flags |= WORKER_DIE;
  if (worker.task !== undefined) k.sched.wake(worker.task);
}
