// The memory balloon of a virtual machine (drivers/virtio/virtio_balloon.c): pages that the host
// has asked for. A worker fills it and empties it; when the OOM killer is called, a notifier takes
// pages out (VIRTIO_BALLOON_F_DEFLATE_ON_OOM). Linux 4.19 replaced the notifier by a shrinker
// (71994620bb25, "virtio_balloon: replace oom notifier with shrinker"), and Linux 5.7 brought it
// back (da10329cb057, "virtio-balloon: switch back to OOM handler for
// VIRTIO_BALLOON_F_DEFLATE_ON_OOM").
//
// Up to Linux 4.14 the worker takes its pages under balloon_lock. In their direct reclaim it may
// wait for a lock of a file system; if the holder of that needs memory, too, it calls the OOM
// killer, whose notifier waits for balloon_lock.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { LOGLEVEL_INFO } from '../kernel/printk.ts';
import { schedule } from '../kernel/sched.ts';
import { TASK_UNINTERRUPTIBLE } from '../kernel/task-bits.ts';
import { schedule_timeout_uninterruptible } from '../kernel/timer.ts';
import { finish_wait, prepare_to_wait, wake_up, WaitQueue } from '../kernel/wait.ts';
import type { WorkStruct } from '../kernel/worker-pool.ts';
import { INIT_WORK, queue_work } from '../kernel/workqueue.ts';
import { Mutex, mutex_lock, mutex_unlock } from '../locking/mutex.ts';
import { WAITS_FOR_MEMORY, type WaitTarget } from '../locking/wait-target.ts';
import { __GFP_NOMEMALLOC, __GFP_NORETRY, GFP_HIGHUSER_MOVABLE } from '../mm/gfp.ts';
import type { Page } from '../mm/mmzone.ts';
import { __alloc_pages, __free_pages } from '../mm/page-alloc.ts';

/** balloon_mapping_gfp_mask() | __GFP_NOMEMALLOC | __GFP_NORETRY */
const GFP_BALLOON = GFP_HIGHUSER_MOVABLE | __GFP_NOMEMALLOC | __GFP_NORETRY;
/** VIRTIO_BALLOON_ARRAY_PFNS_MAX: pages that the host is told of at once. */
const PFNS_MAX = 256;
/** OOM_VBALLOON_DEFAULT_PAGES: pages that the notifier gives. */
const OOM_PAGES = 256;
/** Naps after a page that there was not, a second: 200 ms. */
const NAPS_PER_SECOND = 5;
/** Microseconds that the host takes to look at the queue. */
const HOST_US = 60;

/** The nap is a wait for memory, though no request is in flight: the next follows it. */
const PAGE_FOR_BALLOON: WaitTarget = {
  name: 'a page for the balloon',
  kind: WAITS_FOR_MEMORY,
  holders: () => [],
};

/** struct virtio_balloon. */
export class VirtioBalloon {
  readonly lock = new Mutex('balloon_lock');
  /** vb_dev_info.pages */
  readonly pages: Page[] = [];
  /** Pages that the host wants in it. */
  target = 0;
  readonly acked = new WaitQueue('virtio_balloon acked');
  readonly work: WorkStruct;

  constructor() {
    this.work = INIT_WORK(update_balloon_size_func, this);
  }
}

/** Finds the device, as virtballoon_probe() does. */
export function addBalloon(k: Kernel): VirtioBalloon {
  const balloon = new VirtioBalloon();
  k.locks.add(balloon.lock);
  k.oomNotifiers.notifiers.push(function* virtballoon_oom_notify(): Code<number> {
    return yield* call(k, leak_balloon, balloon, OOM_PAGES);
  });
  return balloon;
}

/** virtballoon_changed(): the host wants another size, in pages. */
export function resizeBalloon(k: Kernel, balloon: VirtioBalloon, pages: number): void {
  balloon.target = pages;
  queueUpdate(k, balloon);
}

function queueUpdate(k: Kernel, { work }: VirtioBalloon): void {
  const wq = k.wq.byName('events_freezable');
  if (wq !== undefined) queue_work(k, wq, work);
}

function* update_balloon_size_func(k: Kernel, balloon: VirtioBalloon): Code {
  const difference = balloon.target - balloon.pages.length;
  if (difference > 0) yield* call(k, fill_balloon, balloon, difference);
  else if (difference < 0) yield* call(k, leak_balloon, balloon, -difference);
  if (balloon.pages.length !== balloon.target) queueUpdate(k, balloon);
}

function* fill_balloon(k: Kernel, balloon: VirtioBalloon, wanted: number): Code {
  const { balloonAllocatesUnderLock: underLock } = k.options;
  const count = Math.min(wanted, PFNS_MAX);
  if (underLock) yield* call(k, mutex_lock, balloon.lock);
  const pages: Page[] = [];
  while (pages.length < count) {
    const page = yield* call(k, balloon_page_alloc);
    if (page === undefined) {
      k.printk(LOGLEVEL_INFO, `virtio_balloon virtio1: Out of puff! Can't get 1 pages`);
      k.current.blockedOn = PAGE_FOR_BALLOON;
      yield* call(k, msleep, Math.floor(k.options.hz / NAPS_PER_SECOND));
      k.current.blockedOn = undefined;
      break;
    }
    pages.push(page);
  }
  if (!underLock) yield* call(k, mutex_lock, balloon.lock);
  balloon.pages.push(...pages);
  if (pages.length > 0) yield* call(k, tell_host, balloon);
  mutex_unlock(k, balloon.lock);
}

function* balloon_page_alloc(k: Kernel): Code<Page | undefined> {
  return yield* call(k, __alloc_pages, { gfp: GFP_BALLOON, order: 0 });
}

/** @returns the pages that were given back */
function* leak_balloon(k: Kernel, balloon: VirtioBalloon, wanted: number): Code<number> {
  yield* call(k, mutex_lock, balloon.lock);
  const pages = balloon.pages.splice(0, Math.min(wanted, PFNS_MAX));
  if (pages.length > 0) yield* call(k, tell_host, balloon);
  for (const page of pages) __free_pages(page);
  mutex_unlock(k, balloon.lock);
  return pages.length;
}

/** Sleeps until the host has seen the queue. */
function* tell_host(k: Kernel, { acked }: VirtioBalloon): Code {
  prepare_to_wait(k, acked, TASK_UNINTERRUPTIBLE);
  k.sched.at(k.sched.now + k.current.debt + HOST_US, () => wake_up(k, acked));
  yield* call(k, schedule);
  finish_wait(k, acked);
}

function* msleep(k: Kernel, timeout: number): Code {
  yield* call(k, schedule_timeout_uninterruptible, timeout);
}
