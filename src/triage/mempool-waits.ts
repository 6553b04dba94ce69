// Who waits for an element of a mempool (mm/mempool.c), and who does the I/O of others with one.

import { isBlocked, type TaskFacts } from './facts.ts';

const POOL_WAIT = 'mempool_alloc';

/** It sleeps in mempool_alloc() itself, and not in the allocator, which that asks first. */
export function waitsForElement(fact: TaskFacts): boolean {
  return isBlocked(fact) && fact.calls.includes(POOL_WAIT) && !isInAllocatorOfPool(fact.calls);
}

/** mempool_alloc() calls the allocator with a mask that gives up soon; that is no wait for it. */
function isInAllocatorOfPool(calls: readonly string[]): boolean {
  const pool = calls.indexOf(POOL_WAIT);
  return calls.slice(0, pool).some((name) => name.startsWith('__alloc_pages'));
}

/** Who writes pages back on its own: a file system, the flusher, reclaim. */
const WRITES_BACK = /writepages?$|^wb_|^balance_pgdat$|^shrink_/;

/**
 * A worker that needs an element to get on with what others have submitted: elements that they
 * wait for come back when it is done.
 */
export function carriesIo({ task, calls }: TaskFacts): boolean {
  const outside = calls.slice(calls.indexOf(POOL_WAIT) + 1);
  return (
    task.kthread === true &&
    calls.includes(POOL_WAIT) &&
    outside.includes('process_one_work') &&
    !outside.some((name) => WRITES_BACK.test(name))
  );
}
