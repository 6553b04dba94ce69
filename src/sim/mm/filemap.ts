// Waiting for a page (mm/filemap.c): for its writeback, or for its lock, which who reads it from
// the disk holds until it is read. Both waits sleep on the bit of the page and on nothing else.

import type { BlockDevice } from '../block/block.ts';
import { io_schedule } from '../block/congestion.ts';
import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import type { Page } from './mmzone.ts';
import { TASK_UNINTERRUPTIBLE } from '../kernel/task-bits.ts';
import type { Task } from '../kernel/task.ts';
import { finish_wait, prepare_to_wait, wake_up, WaitQueue } from '../kernel/wait.ts';
import type { WaitTarget } from '../locking/wait-target.ts';

/** Pages that somebody waits for: the hashed wait queues of the kernel, one a page here. */
export class PageWaits {
  readonly queues = new Map<Page, WaitQueue>();
  /** PG_locked: who holds the lock, or the device that is to read the page. */
  readonly locked = new Map<Page, Task | BlockDevice>();
}

/** PG_writeback of a page, as something to wait for. */
function writebackOf(k: Kernel, page: Page): WaitTarget {
  const device = k.writeback.inFlight.get(page);
  return {
    name: `writeback of pfn ${page.pfn}`,
    kind: 'PG_writeback',
    holders: () => device?.workers() ?? [],
  };
}

/** PG_locked of a page. */
function lockOf(k: Kernel, page: Page): WaitTarget {
  return {
    name: `lock of pfn ${page.pfn}`,
    kind: 'PG_locked',
    holders: () => {
      const holder = k.pageWaits.locked.get(page);
      if (holder === undefined) return [];
      return 'workers' in holder ? holder.workers() : [holder];
    },
  };
}

/** folio_wait_writeback() */
export function* folio_wait_writeback(k: Kernel, page: Page): Code {
  while (page.writeback) yield* call(k, folio_wait_bit, page, writebackOf(k, page));
}

/** Waits for the lock of a page, without taking it: it is read then. */
export function* folio_wait_locked(k: Kernel, page: Page): Code {
  while (k.pageWaits.locked.has(page)) yield* call(k, folio_wait_bit, page, lockOf(k, page));
}

/** folio_lock() */
export function* __folio_lock(k: Kernel, page: Page): Code {
  yield* call(k, folio_wait_locked, page);
  k.pageWaits.locked.set(page, k.current);
}

/** Sleeps once. */
function* folio_wait_bit(k: Kernel, page: Page, target: WaitTarget): Code {
  let queue = k.pageWaits.queues.get(page);
  if (queue === undefined) {
    queue = new WaitQueue(target.name);
    k.pageWaits.queues.set(page, queue);
  }
  k.current.blockedOn = target;
  prepare_to_wait(k, queue, TASK_UNINTERRUPTIBLE);
  yield* call(k, io_schedule);
  finish_wait(k, queue);
  k.current.blockedOn = undefined;
}

/** folio_unlock() */
export function folio_unlock(k: Kernel, page: Page): void {
  k.pageWaits.locked.delete(page);
  wakePage(k, page);
}

/** folio_start_writeback() */
export function folio_start_writeback(k: Kernel, page: Page, device: BlockDevice): void {
  page.writeback = true;
  k.node.nrWriteback++;
  k.writeback.inFlight.set(page, device);
}

/** folio_end_writeback(): what reclaim has marked it takes next, though it was active. */
export function folio_end_writeback(k: Kernel, page: Page): void {
  const isWanted = page.reclaim;
  page.writeback = page.reclaim = false;
  k.node.nrWriteback--;
  page.zone.writtenPages++;
  k.writeback.inFlight.delete(page);
  wakePage(k, page);
  const { lru } = page;
  if (lru === undefined) return;
  lru.remove(page);
  const isActiveFile = lru.isFile && lru.isActive;
  (isWanted && isActiveFile ? k.node.lru.inactive_file : lru).addTail(page);
}

function wakePage(k: Kernel, page: Page): void {
  const queue = k.pageWaits.queues.get(page);
  if (queue === undefined) return;
  k.pageWaits.queues.delete(page);
  wake_up(k, queue);
}
