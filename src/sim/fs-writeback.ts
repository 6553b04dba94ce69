// The flusher (fs/fs-writeback.c): a worker that writes dirty pages when it is woken or after five
// seconds.

import { call, type Code } from './code.ts';
import { simfs_writepages } from './file-system.ts';
import type { Kernel } from './kernel.ts';
import type { Page } from './mmzone.ts';
import { cond_resched } from './sched.ts';
import { PF_NO_SETAFFINITY, PF_WQ_WORKER, TASK_IDLE } from './task-bits.ts';
import { schedule_timeout } from './timer.ts';
import { finish_wait, prepare_to_wait, wake_up } from './wait.ts';

/** dirty_writeback_interval */
const INTERVAL_SECONDS = 5;
/** Pages of one round. */
const BATCH_PAGES = 64;

/** Starts the worker. */
export function startFlusher(k: Kernel): void {
  const flags = PF_NO_SETAFFINITY | PF_WQ_WORKER;
  k.kthread({ comm: 'kworker/u8:1', flags }, worker_thread);
}

/** Wakes it. */
export function wakeup_flusher_threads(k: Kernel): void {
  wake_up(k, k.flusherWait);
}

function* worker_thread(k: Kernel): Code {
  for (;;) {
    if (k.fs.dirty.size === 0) {
      prepare_to_wait(k, k.flusherWait, TASK_IDLE);
      yield* call(k, schedule_timeout, INTERVAL_SECONDS * k.options.hz);
      finish_wait(k, k.flusherWait);
    }
    yield* call(k, process_one_work);
  }
}

function* process_one_work(k: Kernel): Code {
  yield* call(k, wb_workfn);
}

function* wb_workfn(k: Kernel): Code {
  while (k.fs.dirty.size > 0) {
    yield* call(k, do_writepages);
    yield* cond_resched(k);
  }
}

function* do_writepages(k: Kernel): Code {
  const pages: Page[] = [];
  for (const page of k.fs.dirty) {
    if (pages.push(page) === BATCH_PAGES) break;
  }
  yield* call(k, simfs_writepages, pages);
}
