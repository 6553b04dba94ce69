// reclaimThreads. Seed 002, (2): threads that do one step of reclaim each, with the watermark of
// whoever needs that step. What may wait for the file system is theirs: kshrinkd runs its shrinker,
// kpageoutd writes its pages. Whoever reclaims goes on without waiting for either.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { simfs_free_cached_objects, simfs_writepage } from '../fs/writepages.ts';
import { cond_resched, schedule } from '../kernel/sched.ts';
import { PF_MEMALLOC, TASK_INTERRUPTIBLE } from '../kernel/task-bits.ts';
import { finish_wait, prepare_to_wait, wake_up, WaitQueue } from '../kernel/wait.ts';
import type { Page } from '../mm/mmzone.ts';
import { Waiters } from './no-direct-reclaim.ts';
import { adoptStage, leaveStage } from './phased-watermarks.ts';

/** What the threads have to do. */
export class ReclaimThreads {
  readonly shrinkWait = new WaitQueue('kshrinkd_wait');
  readonly pageoutWait = new WaitQueue('kpageoutd_wait');
  /** The stage of who wanted the shrinker last; undefined where nobody does. */
  shrinkFor: number | undefined;
  /** Dirty pages to write, and the stage of who wanted each. */
  readonly pages = new Map<Page, number>();
  /** Who waits for memory, where nobody reclaims for itself. */
  readonly waiters = new Waiters();
}

/** Whether such threads run; who does not reclaim by itself cannot do without them. */
export function hasReclaimThreads({ options }: Kernel): boolean {
  return options.reclaimThreads || options.noDirectReclaim;
}

/** Starts the threads at boot, where the kernel has them. */
export function startReclaimThreads(k: Kernel): void {
  if (!hasReclaimThreads(k)) return;
  // The watermark of who reclaims is none at all; a stage counts where a mempool forbids that.
  k.kthread({ comm: 'kshrinkd', flags: PF_MEMALLOC }, kshrinkd);
  k.kthread({ comm: 'kpageoutd', flags: PF_MEMALLOC }, kpageoutd);
}

/** Has the shrinker of the file system run. */
export function wakeShrinker(k: Kernel): void {
  k.reclaimThreads.shrinkFor = k.current.reclaimStage;
  wake_up(k, k.reclaimThreads.shrinkWait);
}

/** Has a dirty page of a file written. */
export function handToPageout(k: Kernel, page: Page): void {
  const { pages, pageoutWait } = k.reclaimThreads;
  page.reclaim = true;
  pages.set(page, k.current.reclaimStage);
  wake_up(k, pageoutWait);
}

function* kshrinkd(k: Kernel): Code {
  const { reclaimThreads } = k;
  for (;;) {
    const stage = reclaimThreads.shrinkFor;
    if (stage === undefined) {
      yield* sleepOn(k, reclaimThreads.shrinkWait);
      continue;
    }
    reclaimThreads.shrinkFor = undefined;
    const own = adoptStage(k, stage);
    yield* call(k, simfs_free_cached_objects);
    leaveStage(k, own);
    yield* cond_resched(k);
  }
}

function* kpageoutd(k: Kernel): Code {
  const { pages, pageoutWait } = k.reclaimThreads;
  for (;;) {
    const [next] = pages;
    if (next === undefined) {
      yield* sleepOn(k, pageoutWait);
      continue;
    }
    const [page, stage] = next;
    pages.delete(page);
    // The flusher may have been faster.
    if (!page.dirty || page.writeback) continue;
    const own = adoptStage(k, stage + 1);
    yield* call(k, simfs_writepage, page);
    leaveStage(k, own);
    yield* cond_resched(k);
  }
}

/** Inlined: sleeps until there is something to do. */
export function* sleepOn(k: Kernel, queue: WaitQueue): Code {
  prepare_to_wait(k, queue, TASK_INTERRUPTIBLE);
  yield* call(k, schedule);
  finish_wait(k, queue);
}
