// Works that wait behind a worker: no lock is in it, and yet one task must move before they do.

import type { Vmcore } from '../target/vmcore.ts';
import { optional } from '../util/optional.ts';
import { allocatorPlace, type AllocatorPlace } from './alloc-frames.ts';
import { readJiffies } from './jiffies.ts';
import type { WorkWait } from './locking/lock.ts';
import type { Stacks } from './stack.ts';
import type { Task } from './task.ts';
import { poolStalls, type PoolStall } from './workqueue-stalls.ts';
import { readWorkqueues } from './workqueue.ts';

/**
 * Works that no worker has begun though none is about to, those of the pool that has waited longest
 * first; pools without a worker that is known to be in the way are left out.
 *
 * @throws what {@link readWorkqueues} throws
 */
export function readWorkWaits(
  vmcore: Vmcore,
  { tasks, stacks }: { tasks: readonly Task[]; stacks: Stacks },
): WorkWait[] {
  // Without a clock the works are there all the same.
  const clock = vmcore.problems.attempt('jiffies', () => readJiffies(vmcore));
  const byAddress = new Map(tasks.map((task) => [task.address, task]));
  const allocator = (address: string): AllocatorPlace | undefined => {
    const task = byAddress.get(address);
    return task === undefined ? undefined : allocatorPlace(stacks.read(task)?.frames ?? []);
  };
  const workqueues = readWorkqueues(vmcore, { tasks, jiffies: clock?.jiffies });
  const stalls = poolStalls(workqueues, { allocator, hz: clock?.hz });
  return stalls.flatMap((stall) => workWait(stall, clock?.hz) ?? []);
}

function workWait(
  { pool, reason, behind, manager }: PoolStall,
  hz: number | undefined,
): WorkWait | undefined {
  if (reason === 'worker is woken') return undefined;
  const inTheWay = reason === 'worker is made' && manager !== undefined ? [manager] : behind;
  const workers = inTheWay.flatMap(({ worker: { task } }) => task?.pid ?? []);
  if (workers.length === 0) return undefined;
  const { hungJiffies } = pool;
  const isTimed = hungJiffies !== undefined && hz !== undefined && hz > 0;
  return {
    pool: pool.address,
    ...optional('cpu', pool.cpu),
    works: pool.pending.map(({ func }) => func),
    reason,
    workers,
    ...(isTimed ? { seconds: Number(hungJiffies) / hz } : {}),
  };
}
