// The flusher (fs/fs-writeback.c): a delayed work on the workqueue `writeback`, which has a rescuer
// for times without memory. It writes dirty pages when reclaim asks for it, and five seconds after
// a page became dirty.

import { call, type Code } from '../core/code.ts';
import { simfs_writepages } from './writepages.ts';
import type { Kernel } from '../core/kernel.ts';
import type { Page } from '../mm/mmzone.ts';
import { cond_resched } from '../kernel/sched.ts';
import { adoptStage, leaveStage } from '../remedies/phased-watermarks.ts';
import {
  WQ_MEM_RECLAIM,
  WQ_SYSFS,
  WQ_UNBOUND,
  type DelayedWork,
  type Workqueue,
} from '../kernel/worker-pool.ts';
import {
  alloc_workqueue,
  INIT_DELAYED_WORK,
  mod_delayed_work,
  queue_delayed_work,
} from '../kernel/workqueue.ts';

/** dirty_writeback_interval */
const INTERVAL_SECONDS = 5;
/** Pages of one round. */
const BATCH_PAGES = 64;

/** struct bdi_writeback of the only disk, and the workqueue that all disks share. */
export class BdiWriteback {
  /** bdi_wq */
  wq: Workqueue | undefined;
  readonly dwork: DelayedWork = INIT_DELAYED_WORK(wb_workfn);
  /** The stage of reclaim that it was woken for; see remedies/phased-watermarks.ts. */
  stage = 0;
}

/** default_bdi_init() */
export function bdi_init(k: Kernel): void {
  const flags = WQ_MEM_RECLAIM | WQ_UNBOUND | WQ_SYSFS;
  k.wb.wq = alloc_workqueue(k, { name: 'writeback', flags });
}

/** Reclaim meets only dirty pages: they are to be written now. */
export function wakeup_flusher_threads(k: Kernel): void {
  const { wq, dwork } = k.wb;
  k.wb.stage = Math.max(k.wb.stage, k.current.reclaimStage);
  if (wq !== undefined && k.fs.dirty.size > 0) mod_delayed_work(k, dwork, { wq, delay: 0 });
}

/** wb_wakeup_delayed(): there is something to write, in a while. */
export function wb_wakeup_delayed(k: Kernel): void {
  const { wq, dwork } = k.wb;
  const delay = INTERVAL_SECONDS * k.options.hz;
  if (wq !== undefined) queue_delayed_work(k, dwork, { wq, delay });
}

function* wb_workfn(k: Kernel): Code {
  const own = adoptStage(k, k.wb.stage);
  k.wb.stage = 0;
  if (k.fs.dirty.size > 0) yield* call(k, wb_writeback);
  leaveStage(k, own);
  if (k.fs.dirty.size > 0) wb_wakeup_delayed(k);
}

function* wb_writeback(k: Kernel): Code {
  while (k.fs.dirty.size > 0) {
    yield* call(k, writeback_sb_inodes);
    yield* cond_resched(k);
  }
}

function* writeback_sb_inodes(k: Kernel): Code {
  yield* call(k, __writeback_single_inode);
}

function* __writeback_single_inode(k: Kernel): Code {
  yield* call(k, do_writepages);
}

function* do_writepages(k: Kernel): Code {
  const pages: Page[] = [];
  for (const page of k.fs.dirty) {
    if (pages.push(page) === BATCH_PAGES) break;
  }
  yield* call(k, simfs_writepages, pages);
}
