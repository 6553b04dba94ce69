// Which pools have works that nobody begins, and what their workers do instead.

import type { AllocatorPlace } from './alloc-frames.ts';
import type { Worker } from './worker.ts';
import type { WorkerPool, WorkqueuesResult } from './workqueue.ts';

/**
 * Why nobody begins a work that waits.
 *
 * - `worker runs`: the pool of a CPU wakes no other worker while one of its own is runnable, also
 *   where that one loops in the page allocator and never ends.
 * - `worker is made`: the manager of the pool makes another one, and that takes memory.
 * - `workers sleep`: every worker has a work in hand and sleeps, and nobody makes another one.
 * - `worker is woken`: there is an idle one that is about to begin. Nothing is wrong.
 */
export type PoolStallReason =
  'worker runs' | 'worker is made' | 'workers sleep' | 'worker is woken';

/** A pool with works that wait. */
export interface PoolStall {
  readonly pool: WorkerPool;
  readonly reason: PoolStallReason;
  /** Its workers with a work in hand, those in the allocator first. */
  readonly behind: readonly BusyWorker[];
  /** Who makes another worker. */
  readonly manager?: BusyWorker;
  /** Longer than wq_watchdog_thresh: the kernel prints `BUG: workqueue lockup`. */
  readonly isLockup?: boolean;
}

/** A worker with a work in hand. */
export interface BusyWorker {
  readonly worker: Worker;
  readonly allocator?: AllocatorPlace;
}

/** What is known besides the pools. */
export interface PoolStallContext {
  /** Where in the allocator a task is, by the address of its task_struct. */
  readonly allocator: (task: string) => AllocatorPlace | undefined;
  readonly hz?: number | undefined;
}

/** Pools with pending works, the one that has waited longest first. */
export function poolStalls(
  { pools, watchdogThreshSeconds }: WorkqueuesResult,
  { allocator, hz }: PoolStallContext,
): PoolStall[] {
  const waiting = pools.filter(({ pending }) => pending.length > 0);
  const stalls = waiting.map((pool): PoolStall => {
    const placed = (worker: Worker): BusyWorker => {
      const place = worker.task === undefined ? undefined : allocator(worker.task.address);
      return { worker, ...(place && { allocator: place }) };
    };
    const behind = pool.busy.map(placed);
    behind.sort((a, b) => Number(a.allocator === undefined) - Number(b.allocator === undefined));
    const { hungJiffies, manager } = pool;
    const isTimed = hungJiffies !== undefined && hz !== undefined && watchdogThreshSeconds;
    return {
      pool,
      reason: reasonOf(pool),
      behind,
      ...(manager && { manager: placed(manager) }),
      ...(isTimed ? { isLockup: Number(hungJiffies) > watchdogThreshSeconds * hz } : {}),
    };
  });
  return stalls.sort((a, b) => Number(b.pool.hungJiffies ?? -1) - Number(a.pool.hungJiffies ?? -1));
}

/**
 * By nr_running, which need_more_worker() of the kernel goes by. That of an unbound pool is always
 * 0: it wakes a worker for each work.
 */
function reasonOf({ nrRunning, idle, manager, busy }: WorkerPool): PoolStallReason {
  if ((nrRunning ?? 0) > 0) return 'worker runs';
  if (manager !== undefined) return 'worker is made';
  const sleep = busy.every(({ task }) => task?.state !== 'R');
  return idle.length === 0 && sleep ? 'workers sleep' : 'worker is woken';
}
