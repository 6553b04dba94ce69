// Waiting for a work to be done (flush_work() in kernel/workqueue.c): a barrier work is put right
// behind it, which only says that it has been reached.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { complete, Completion, wait_for_completion } from './completion.ts';
import type { Task } from './task.ts';
import {
  workerExecuting,
  WorkStruct,
  WorkTarget,
  type PoolWorkqueue,
  type WorkerPool,
} from './worker-pool.ts';
import { insert_work } from './workqueue.ts';

/** Waits until the work has been executed as often as it was queued. @returns whether it waited */
export function* flush_work(k: Kernel, work: WorkStruct): Code<boolean> {
  return yield* call(k, __flush_work, work);
}

function* __flush_work(k: Kernel, work: WorkStruct): Code<boolean> {
  const done = start_flush_work(k, work);
  if (done === undefined) return false;
  yield* call(k, wait_for_completion, done);
  return true;
}

/** @returns undefined where the work is neither queued nor executed */
function start_flush_work(k: Kernel, work: WorkStruct): Completion | undefined {
  const place = placeBehind(work);
  if (place === undefined) return undefined;
  const { pwq, list, at, isBehindQueued } = place;
  const target: { work?: WorkTarget } = {};
  const holders = (): readonly Task[] => target.work?.holders() ?? [];
  const done = new Completion(`work ${work.func}`, holders, 'work');
  const barrier = new WorkStruct('wq_barrier_func', (kernel) => {
    complete(kernel, done);
  });
  target.work = new WorkTarget(barrier);
  barrier.isPending = true;
  // It has no part in nr_active: it must get through whatever the workqueue's limit is.
  barrier.isInactive = true;
  if (isBehindQueued) {
    barrier.isLinked = work.isLinked;
    work.isLinked = true;
  }
  k.functions.add(barrier.func);
  pwq.nrInFlight++;
  insert_work(k, pwq, { work: barrier, list, at });
  return done;
}

interface PlaceBehind {
  readonly pwq: PoolWorkqueue;
  readonly list: WorkStruct[];
  readonly at: number;
  readonly isBehindQueued: boolean;
}

function placeBehind(work: WorkStruct): PlaceBehind | undefined {
  const { pwq } = work;
  if (pwq !== undefined) {
    const lists = [pwq.pool.worklist, pwq.inactiveWorks, ...scheduledLists(pwq.pool)];
    const list = lists.find((each) => each.includes(work));
    if (list === undefined) return undefined;
    return { pwq, list, at: list.indexOf(work) + 1, isBehindQueued: true };
  }
  const worker = work.lastPool === undefined ? undefined : workerExecuting(work.lastPool, work);
  if (worker?.currentPwq === undefined) return undefined;
  return { pwq: worker.currentPwq, list: worker.scheduled, at: 0, isBehindQueued: false };
}

function scheduledLists(pool: WorkerPool): WorkStruct[][] {
  return pool.busy.map(({ scheduled }) => scheduled);
}
