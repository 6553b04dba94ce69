// Who sleeps in a lock and on whom, along the chain of holders.

import { count } from '../util/count.ts';
import { calls, isOverdue, nameOf, type Facts, type TaskFacts } from './facts.ts';
import type { Confidence } from './finding.ts';

/**
 * Functions in which a task sleeps until another gives up a lock, a page or a transaction
 * (kernel/locking, mm/filemap.c, fs/jbd2, fs/xfs; 3.10 to 7.x).
 */
const LOCK_SLEEPS: readonly string[] = [
  '__mutex_lock',
  '__mutex_lock_slowpath',
  'mutex_lock',
  'mutex_lock_killable',
  'rwsem_down_read_slowpath',
  'rwsem_down_write_slowpath',
  'rwsem_down_read_failed',
  'rwsem_down_write_failed',
  '__rwsem_down_read_failed_common',
  '__down',
  '__down_common',
  '__down_read',
  '__down_write',
  'percpu_rwsem_wait',
  'rt_mutex_slowlock',
  '__rt_mutex_slowlock',
  'wait_transaction_locked',
  'jbd2_log_wait_commit',
  'xfs_buf_lock',
  'xfs_iflock',
  '__xfs_iflock',
  'xfs_log_force_lsn',
  'xlog_grant_head_wait',
];

/** Waits for pages that others have locked or write back. */
const PAGE_SLEEPS: readonly string[] = [
  'folio_wait_bit_common',
  'folio_wait_bit',
  'folio_wait_writeback',
  'wait_on_page_bit_common',
  'wait_on_page_bit',
  'wait_on_page_writeback',
  '__lock_page',
  '__folio_lock',
];

/** The innermost calls that matter: what lies further out is no wait of now. */
const INNERMOST = 6;

function innermost(fact: TaskFacts): TaskFacts {
  return { ...fact, calls: fact.calls.slice(0, INNERMOST) };
}

/** It sleeps in a lock, by the innermost of its calls. */
export function sleepsInLock(fact: TaskFacts): boolean {
  if (fact.task.onCpu === true || fact.task.state === 'R') return false;
  return fact.waitsFor !== undefined || calls(innermost(fact), ...LOCK_SLEEPS);
}

/** It sleeps until a page is unlocked or written. */
export function sleepsForPage(fact: TaskFacts): boolean {
  return calls(innermost(fact), ...PAGE_SLEEPS);
}

/** A chain of waits: from a task over the holders of locks to one who waits for no lock. */
export interface Chain {
  /** In their order, the task itself first. */
  readonly links: readonly TaskFacts[];
  /** The holders go round in a circle. */
  readonly isCycle: boolean;
  /** Every wait on the way was proved, so that the last one waits for no lock. */
  readonly isProved: boolean;
}

/** More are not followed; a machine has one lock for each task at most. */
const LINKS_MAX = 10_000;

/** Follows a task's wait; of several holders the first whose own wait goes on. */
export function chainFrom(facts: Facts, start: TaskFacts): Chain {
  const links: TaskFacts[] = [start];
  const seen = new Set([start]);
  let last = start;
  let isProved = true;
  while (links.length < LINKS_MAX) {
    if (!sleepsInLock(last)) return { links, isCycle: false, isProved };
    const holders = (last.waitsFor?.holders ?? []).flatMap((pid) => facts.byPid.get(pid) ?? []);
    const next = holders.find((holder) => !seen.has(holder)) ?? holders[0];
    if (next === undefined) return { links, isCycle: false, isProved: false };
    if (seen.has(next)) return { links, isCycle: true, isProved };
    isProved &&= last.waitsFor?.isCertain === true;
    links.push(next);
    seen.add(next);
    last = next;
  }
  return { links, isCycle: false, isProved: false };
}

/**
 * How sure a circle makes one that ends in a request for memory. Memory may come from elsewhere in
 * the next moment, unless the request has waited for longer than that. What is being written at
 * the dump can be freed once it is on the disk (end_page_writeback(), mm/filemap.c): a machine
 * that has stood still for a timeout has nothing left that is being written.
 */
export function sureness({ writeback }: Facts, end: TaskFacts): Confidence {
  const overdue = isOverdue(end);
  if (overdue === false || (writeback ?? 0) > 0) return 'possible';
  return overdue === true && writeback === 0 ? 'certain' : 'likely';
}

/** What speaks against a circle that {@link sureness} is not certain of. */
export function doubts({ writeback = 0 }: Facts, end: TaskFacts): string[] {
  return [
    ...(isOverdue(end) === false
      ? [`${nameOf(end)} has not waited for long: memory may come in the next moment`]
      : []),
    ...(writeback > 0
      ? [`${count(writeback, 'page')} being written can be freed when the disk is done with them`]
      : []),
  ];
}

/** The last of a chain. */
export function endOf({ links }: Chain): TaskFacts {
  return links.at(-1) as TaskFacts;
}
