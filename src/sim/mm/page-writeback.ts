// How much may be dirty or under writeback, and who is slowed down for it (mm/page-writeback.c):
// writers in balance_dirty_pages(), and up to Linux 4.8 whoever reclaims, in
// throttle_vm_writeout(). The limits are parts of the memory that could be dirtied: where
// anonymous memory has taken most of it, they are small.

import { congestion_wait, io_schedule_timeout } from '../block/congestion.ts';
import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { wakeup_flusher_threads } from '../fs/fs-writeback.ts';
import { __GFP_FS, __GFP_IO, __GFP_NORETRY } from './gfp.ts';
import { PF_LESS_THROTTLE, SCHED_FIFO } from '../kernel/task-bits.ts';
import { fatal_signal_pending } from '../kernel/task.ts';
import type { Page } from './mmzone.ts';
import type { BlockDevice } from '../block/block.ts';

/** dirty_background_ratio as a part of dirty_ratio: 10 % of 20 %. */
const BACKGROUND_SHARE = 0.5;
/** How often a limit that has fallen is followed: BANDWIDTH_INTERVAL, five times a second. */
const LIMITS_PER_SECOND = 5;
const US_PER_SECOND = 1_000_000;
/** ratelimit_pages: so many pages are dirtied between two looks at the limits. */
export const RATELIMIT_PAGES = 32;

/** What writeback keeps: struct wb_domain, and what is under way. */
export class Writeback {
  /** wb_domain.dirty_limit: follows the limit, down only slowly; 0 until writers asked for it. */
  dirtyLimit = 0;
  /** When that was last brought up to date, in microseconds since boot. */
  dirtyLimitTime = 0;
  /** Which device each page under writeback was given to. */
  readonly inFlight = new Map<Page, BlockDevice>();
}

/** Pages above which something happens. */
export interface DirtyLimits {
  readonly background: number;
  readonly dirty: number;
}

/** global_dirtyable_memory(): free memory and page cache, but for the reserves. */
export function global_dirtyable_memory({ node }: Kernel): number {
  const reserve = node.zones.reduce((sum, { watermark, lowmemReserve, managedPages }) => {
    return sum + Math.min(watermark.high + lowmemReserve, managedPages);
  }, 0);
  const { inactive_file: inactive, active_file: active } = node.lru;
  return Math.max(0, node.freePages - reserve) + inactive.length + active.length + 1;
}

/**
 * global_dirty_limits() for the current task. PF_LESS_THROTTLE lifts them by a quarter, and in
 * later kernels by a thirty-second of the limit in force, as for real-time tasks; since 5.8 the
 * flag has another meaning here.
 */
export function global_dirty_limits(k: Kernel): DirtyLimits {
  const { flags, policy } = k.current;
  let dirty = Math.floor((global_dirtyable_memory(k) * k.options.dirtyRatio) / 100);
  let background = Math.floor(dirty * BACKGROUND_SHARE);
  if ((flags & PF_LESS_THROTTLE) !== 0 || policy === SCHED_FIFO) {
    const more = k.options.lessThrottleMargin ? k.writeback.dirtyLimit / 32 : 0;
    background += background / 4 + more;
    dirty += dirty / 4 + more;
  }
  return { background, dirty };
}

/** hard_dirty_limit(): a limit that fell is not at once in force. */
function hardDirtyLimit(k: Kernel, thresh: number): number {
  return Math.max(thresh, k.writeback.dirtyLimit);
}

/** domain_update_dirty_limit() */
function updateDirtyLimit(k: Kernel, thresh: number): void {
  const { writeback, sched } = k;
  if (sched.now - writeback.dirtyLimitTime < US_PER_SECOND / LIMITS_PER_SECOND) return;
  writeback.dirtyLimitTime = sched.now;
  if (writeback.dirtyLimit < thresh) writeback.dirtyLimit = thresh;
  else {
    const floor = Math.max(thresh, k.node.nrDirty + k.node.nrWriteback);
    if (writeback.dirtyLimit > floor) writeback.dirtyLimit -= (writeback.dirtyLimit - floor) / 32;
  }
}

/** balance_dirty_pages_ratelimited(): called after a writer has made pages dirty. */
export function* balance_dirty_pages_ratelimited(k: Kernel, device: BlockDevice): Code {
  const task = k.current;
  if (task.nrDirtied < RATELIMIT_PAGES) return;
  const pages = task.nrDirtied;
  task.nrDirtied = 0;
  yield* call(k, balance_dirty_pages, { pages, device });
}

/**
 * Sleeps until so few pages are dirty that the writer may go on. The pause is what its pages take
 * at the speed that the device is known to have, and longer the nearer the limit is.
 */
function* balance_dirty_pages(
  k: Kernel,
  { pages, device }: { pages: number; device: BlockDevice },
): Code {
  for (;;) {
    const { background, dirty } = global_dirty_limits(k);
    updateDirtyLimit(k, dirty);
    const { nrDirty, nrWriteback } = k.node;
    const now = nrDirty + nrWriteback;
    if (nrDirty > background) wakeup_flusher_threads(k);
    // dirty_freerun_ceiling()
    if (now <= (background + dirty) / 2) return;
    const limit = hardDirtyLimit(k, dirty);
    const pause = pauseJiffies(k, { now, limit, setpoint: (background + dirty) / 2, pages });
    k.current.blockedOn = throttledBy(device);
    yield* call(k, io_schedule_timeout, pause);
    k.current.blockedOn = undefined;
    if (fatal_signal_pending(k.current)) return;
    // Below the limit one pause was payment enough.
    if (now < limit) return;
  }
}

/** A writer waits for the device to have written; hardware needs nobody for it. */
function throttledBy(device: BlockDevice): {
  name: string;
  kind: string;
  holders: BlockDevice['workers'];
} {
  return {
    name: `dirty limit of ${device.name}`,
    kind: 'dirty limit',
    holders: () => device.workers(),
  };
}

/** max_pause is 200 ms; the position between set point and limit decides about the speed. */
function pauseJiffies(
  k: Kernel,
  state: { now: number; limit: number; setpoint: number; pages: number },
): number {
  const { now, limit, setpoint, pages } = state;
  const longest = Math.max(1, Math.floor(k.options.hz / 5));
  if (now >= limit) return longest;
  const position = (limit - now) / Math.max(1, limit - setpoint);
  const us = (pages * k.fs.disk.usPerPage) / Math.max(position, 1 / 64);
  const jiffies = Math.floor((us * k.options.hz) / US_PER_SECOND);
  return Math.min(longest, Math.max(1, jiffies));
}

/**
 * Reclaim waits while too much is under writeback, and a tenth of a second at least where the
 * caller may not enter the file system. Up to Linux 4.8: commit bf48438354a7 ("mm, vmscan: get rid
 * of throttle_vm_writeout") took it out of 4.9.
 */
export function* throttle_vm_writeout(k: Kernel, gfp: number): Code {
  // An idea of seed 004: whoever may fail at once is not held up.
  if (k.options.noretryNoThrottle && (gfp & __GFP_NORETRY) !== 0) return;
  const both = __GFP_FS | __GFP_IO;
  for (;;) {
    const limit = hardDirtyLimit(k, global_dirty_limits(k).dirty);
    if (k.node.nrWriteback <= limit + limit / 10) return;
    k.harm.throttleLimitMax = Math.max(k.harm.throttleLimitMax, limit);
    if ((k.current.flags & PF_LESS_THROTTLE) !== 0) k.harm.lessThrottleHolds++;
    const from = k.sched.now;
    yield* call(k, congestion_wait, Math.max(1, Math.floor(k.options.hz / 10)));
    k.current.throttledUs += k.sched.now - from;
    if ((gfp & both) !== both) return;
  }
}
