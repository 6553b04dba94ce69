// Mutexes in memory: the owner with the bit that says somebody waits, and the list of the waiters,
// which lie on the stacks of those who sleep.

import type { TypeSource } from '../../types/ctype.ts';
import { findMember } from '../../types/ctype.ts';
import { vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { Areas } from './areas.ts';
import type { KernelImage } from './kernel-image.ts';
import type { LockFacts } from './machine-facts.ts';
import type { PlacedWaiter } from './stacks.ts';
import type { PlacedTasks } from './tasks.ts';

/** MUTEX_FLAG_WAITERS (kernel/locking/mutex.c) */
const MUTEX_FLAG_WAITERS = 1n;

/** Gives the locks that are global variables their symbols. */
export function defineLocks(
  image: KernelImage,
  types: TypeSource,
  locks: readonly LockFacts[] = [],
): void {
  const mutex = types.find('struct', 'mutex');
  for (const { symbol } of locks) {
    if (symbol === undefined) continue;
    assert(mutex?.kind === 'struct', `${types.origin} has no struct mutex`);
    image.define(symbol, { section: 'data', size: mutex.size, align: 32 });
  }
}

/** What {@link writeLocks} links together. */
export interface LockPlan {
  readonly locks: readonly LockFacts[];
  readonly tasks: PlacedTasks;
  readonly waiters: readonly PlacedWaiter[];
}

/** Writes every lock. @returns where they lie, in the order of `locks` */
export function writeLocks(image: KernelImage, areas: Areas, plan: LockPlan): Vaddr[] {
  const threads = plan.tasks.processes.flatMap((process) => process.threads);
  const byPid = new Map(threads.map(({ facts, task }) => [facts.pid, task]));
  const { memory } = areas;
  const list = findMember(memory.struct('mutex'), 'wait_list');
  assert(list !== undefined, 'struct mutex has no member wait_list');
  return plan.locks.map(({ symbol, name, ownerPid, waiterPids }, index) => {
    const address = symbol === undefined ? areas.allocate('mutex') : image.symbol(symbol);
    const owner = ownerPid === undefined ? 0n : byPid.get(ownerPid);
    assert(owner !== undefined, `${name}: no task has pid ${ownerPid}`);
    const flags = waiterPids.length > 0 ? MUTEX_FLAG_WAITERS : 0n;
    memory.store('mutex', address, { 'owner.counter': owner | flags });
    // mutex_waiter starts with its list_head.
    const nodes = [
      vaddrAdd(address, list.bitOffset / 8),
      ...waiterPids.map((pid) => waiterOf(plan.waiters, pid, index)),
    ];
    nodes.forEach((node, i) => {
      const next = nodes[(i + 1) % nodes.length]!;
      const prev = nodes[(i + nodes.length - 1) % nodes.length]!;
      memory.store('list_head', node, { next, prev });
    });
    return address;
  });
}

function waiterOf(waiters: readonly PlacedWaiter[], pid: number, lock: number): Vaddr {
  const found = waiters.find((waiter) => waiter.pid === pid && waiter.lock === lock);
  assert(found !== undefined, `pid ${pid} has no waiter on its stack`);
  return found.address;
}
