// noDirectReclaim. Seed 002, (3): nobody reclaims for itself. Who may wait for memory sleeps until
// get_page_from_freelist() can succeed, and one thread, kreclaimd, reclaims for all of them; what
// may wait for the file system it leaves to the threads of (2). Seed 002 does not say who invokes
// the OOM killer then: here it is kreclaimd, by the rules that the slow path has for itself. Nor
// does it say who comes first: here kreclaimd gives out pages by the queue, or whoever runs first
// after a pass would have all of them, and others would wait for as long as he asks for more.

import { call, keepOnStack, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { schedule } from '../kernel/sched.ts';
import { PF_MEMALLOC, TASK_RUNNING, TASK_UNINTERRUPTIBLE } from '../kernel/task-bits.ts';
import type { Task } from '../kernel/task.ts';
import { schedule_timeout_uninterruptible } from '../kernel/timer.ts';
import { wake_up, WaitQueue } from '../kernel/wait.ts';
import { mutex_lock, mutex_unlock } from '../locking/mutex.ts';
import { ALLOC_WMARK_MIN, zone_watermark_ok, type AllocRequest } from '../mm/alloc-flags.ts';
import { drainAllPages } from '../mm/drain.ts';
import { __GFP_NORETRY, GFP_KERNEL } from '../mm/gfp.ts';
import type { Page } from '../mm/mmzone.ts';
import { helpsToDie, out_of_memory } from '../mm/oom-kill.ts';
import { get_page_from_freelist } from '../mm/page-alloc.ts';
import { MAX_RECLAIM_RETRIES, zone_reclaimable_pages } from '../mm/throttle.ts';
import { do_try_to_free_pages, newScanControl } from '../mm/vmscan.ts';
import { sleepOn } from './reclaim-threads.ts';

const SWAP_CLUSTER_MAX = 32;

/** A request in the slow path, and how low it may go. */
type WaitingRequest = AllocRequest & { readonly flags: number };

interface Waiter {
  readonly task: Task;
  readonly request: WaitingRequest;
  isWoken: boolean;
  /** What kreclaimd has for it. */
  page?: Page;
}

/** Who waits for kreclaimd, and what kreclaimd knows of its luck. */
export class Waiters {
  readonly queue = new Set<Waiter>();
  readonly wait = new WaitQueue('kreclaimd_wait');
  /** Passes in a row that freed nothing. */
  fruitless = 0;
}

/** Starts kreclaimd, where the kernel has it. */
export function startKreclaimd(k: Kernel): void {
  if (!k.options.noDirectReclaim) return;
  k.kthread({ comm: 'kreclaimd', flags: PF_MEMALLOC }, kreclaimd);
}

/** Sleeps until a page is there. @returns undefined where it should not wait any longer */
export function* wait_for_reclaim(k: Kernel, request: WaitingRequest): Code<Page | undefined> {
  const { waiters } = k.reclaimThreads;
  const task = k.current;
  const waiter: Waiter = { task, request, isWoken: false };
  waiters.queue.add(waiter);
  wake_up(k, waiters.wait);
  while (!waiter.isWoken) {
    task.state = TASK_UNINTERRUPTIBLE;
    yield* call(k, schedule);
  }
  task.state = TASK_RUNNING;
  return waiter.page ?? get_page_from_freelist(k, request, request.flags);
}

function* kreclaimd(k: Kernel): Code {
  const { waiters } = k.reclaimThreads;
  for (;;) {
    if (waiters.queue.size === 0) yield* sleepOn(k, waiters.wait);
    else yield* call(k, reclaim_for_waiters);
  }
}

function* reclaim_for_waiters(k: Kernel): Code {
  const { waiters } = k.reclaimThreads;
  const sc = newScanControl({ gfpMask: GFP_KERNEL, order: 0, nrToReclaim: SWAP_CLUSTER_MAX });
  keepOnStack(k, { type: 'scan_control', sc });
  k.harm.allocStalls++;
  const freed = yield* call(k, do_try_to_free_pages, sc);
  waiters.fruitless = freed > 0 ? 0 : waiters.fruitless + 1;
  if (wakeServed(k) > 0 || waiters.queue.size === 0) return;
  yield* drainAllPages(k);
  if (wakeServed(k) > 0) return;
  if (waiters.fruitless > MAX_RECLAIM_RETRIES || !couldServe(k)) {
    yield* call(k, kill_for_waiters);
  }
  yield* call(k, schedule_timeout_uninterruptible, 1);
}

/** Wakes whoever has its page now, or should not wait any longer. @returns how many got a page */
function wakeServed(k: Kernel): number {
  const { queue } = k.reclaimThreads.waiters;
  let served = 0;
  for (const waiter of queue) {
    const { task, request } = waiter;
    if (!mayNotWait(waiter)) {
      const page = get_page_from_freelist(k, request, request.flags);
      if (page === undefined) continue;
      waiter.page = page;
      served++;
    }
    // What out_of_memory() does for its caller: here nobody calls it for himself.
    if (task.isOomVictim) helpsToDie(k, task);
    queue.delete(waiter);
    waiter.isWoken = true;
    k.sched.wake(task);
  }
  return served;
}

/** Large blocks are for compaction to make, and that is its caller's: one pass each is enough. */
function mayNotWait({ task, request: { gfp, order } }: Waiter): boolean {
  return task.isOomVictim || order > 0 || (gfp & __GFP_NORETRY) !== 0;
}

/** should_reclaim_retry(): whether a page could be had if all were reclaimed that can be. */
function couldServe({ node }: Kernel): boolean {
  return node.zones.some((zone) => {
    const free = zone_reclaimable_pages(node, zone) + zone.nrFree.snapshot;
    return zone_watermark_ok(zone, { order: 0 }, { flags: ALLOC_WMARK_MIN, free });
  });
}

function* kill_for_waiters(k: Kernel): Code {
  k.reclaimThreads.waiters.fruitless = 0;
  yield* call(k, mutex_lock, k.oomLock);
  yield* call(k, out_of_memory, { gfp: GFP_KERNEL, order: 0 });
  mutex_unlock(k, k.oomLock);
}
