// A work that keeps the log of a file system short (as xfs_log_worker() in fs/xfs/xfs_log.c): from
// time to time it commits a transaction of its own. While somebody is in a transaction that does
// not end, the worker waits with it, and its pool has one worker less.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { WQ_MEM_RECLAIM, type DelayedWork } from '../kernel/worker-pool.ts';
import { alloc_workqueue, INIT_DELAYED_WORK, queue_delayed_work } from '../kernel/workqueue.ts';
import { jbd2_journal_start, jbd2_journal_stop } from './journal.ts';

/** Microseconds to write down that there is nothing to be done again. */
const COVER_US = 20;

/** Starts the work, every so many seconds. */
export function startLogWorker(k: Kernel, seconds: number): void {
  const wq = alloc_workqueue(k, { name: 'simfs-log/vda1', flags: WQ_MEM_RECLAIM });
  const next = (): void => {
    queue_delayed_work(k, dwork, { wq, delay: Math.ceil(seconds * k.options.hz) });
  };
  const dwork: DelayedWork = INIT_DELAYED_WORK(simfs_log_worker, next);
  next();
}

function* simfs_log_worker(k: Kernel, next: () => void): Code {
  const handle = yield* call(k, jbd2_journal_start);
  k.spend(COVER_US);
  jbd2_journal_stop(k, handle);
  next();
}
