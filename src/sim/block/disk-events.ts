// Looking every two seconds whether somebody has put a disc into the drive (block/disk-events.c,
// drivers/scsi/sr.c). It takes a page each time, and as a work on a CPU it is often the first to
// find that there is none: it stands in almost every report of a stall, and has no part in it.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import type { DelayedWork } from '../kernel/worker-pool.ts';
import { INIT_DELAYED_WORK, queue_delayed_work } from '../kernel/workqueue.ts';
import { GFP_NOIO } from '../mm/gfp.ts';
import { __alloc_pages, __free_pages } from '../mm/page-alloc.ts';

/** What udev sets `events_dfl_poll_msecs` to, in seconds. */
const POLL_SECONDS = 2;
/** Microseconds that the drive takes to say that nothing has changed. */
const COMMAND_US = 100;
/** `system_freezable_power_efficient_wq`; names of workqueues end after 23 bytes. */
const WORKQUEUE = 'events_freezable_power_';

/** disk_add_events() of a CD-ROM drive: it is looked at from now on. */
export function disk_add_events(k: Kernel): void {
  const dwork: DelayedWork = INIT_DELAYED_WORK(disk_events_workfn, () => dwork);
  queueNext(k, dwork);
}

function queueNext(k: Kernel, dwork: DelayedWork): void {
  const wq = k.wq.byName(WORKQUEUE);
  if (wq !== undefined) queue_delayed_work(k, dwork, { wq, delay: POLL_SECONDS * k.options.hz });
}

function* disk_events_workfn(k: Kernel, dwork: () => DelayedWork): Code {
  yield* call(k, disk_check_events);
  queueNext(k, dwork());
}

function* disk_check_events(k: Kernel): Code {
  yield* call(k, sr_block_check_events);
}

function* sr_block_check_events(k: Kernel): Code {
  yield* call(k, cdrom_check_events);
}

function* cdrom_check_events(k: Kernel): Code {
  yield* call(k, sr_check_events);
}

function* sr_check_events(k: Kernel): Code {
  yield* call(k, __scsi_execute);
}

function* __scsi_execute(k: Kernel): Code {
  yield* call(k, blk_rq_map_kern);
  k.spend(COMMAND_US);
}

/** The answer goes to a buffer on the stack, which a device cannot write to: a page instead. */
function* blk_rq_map_kern(k: Kernel): Code {
  const page = yield* call(k, __alloc_pages, { gfp: GFP_NOIO, order: 0 });
  if (page !== undefined) __free_pages(page);
}
