// The flusher (fs/fs-writeback.c): a worker that writes dirty pages when it is woken or after five
// seconds.

import { call, type Code } from '../core/code.ts';
import { simfs_writepages } from './file-system.ts';
import type { Kernel } from '../core/kernel.ts';
import { worker_thread } from '../kernel/kthread.ts';
import type { Page } from '../mm/mmzone.ts';
import { cond_resched } from '../kernel/sched.ts';
import { PF_NO_SETAFFINITY, PF_WQ_WORKER } from '../kernel/task-bits.ts';
import { wake_up } from '../kernel/wait.ts';

/** dirty_writeback_interval */
const INTERVAL_SECONDS = 5;
/** Pages of one round. */
const BATCH_PAGES = 64;

/** Starts the worker. */
export function startFlusher(k: Kernel): void {
  const flags = PF_NO_SETAFFINITY | PF_WQ_WORKER;
  k.kthread({ comm: 'kworker/u8:1', flags }, worker_thread, {
    wait: k.flusherWait,
    isPending: () => k.fs.dirty.size > 0,
    timeout: INTERVAL_SECONDS * k.options.hz,
    process: process_one_work,
  });
}

/** Wakes it. */
export function wakeup_flusher_threads(k: Kernel): void {
  wake_up(k, k.flusherWait);
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
