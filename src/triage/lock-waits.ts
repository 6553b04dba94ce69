// Who sleeps in a lock and on whom, along the chain of holders.

import { isScheduling, sleepsFor } from '../kernel/locking/wait-functions.ts';
import { count } from '../util/count.ts';
import { isOverdue, nameOf, type Facts, type TaskFacts } from './facts.ts';
import type { Confidence } from './finding.ts';

/**
 * Functions of file systems in which a task sleeps until another is done with a transaction, the
 * log, a buffer or an inode (fs/jbd2, fs/xfs; 3.10 to 7.x), without a lock of kernel/locking.
 */
const FS_SLEEPS: readonly string[] = [
  'wait_transaction_locked',
  'jbd2_log_wait_commit',
  'xfs_buf_lock',
  'xfs_iflock',
  '__xfs_iflock',
  'xfs_log_force_lsn',
  'xlog_grant_head_wait',
];

/** It sleeps in a lock, as was proved or by the innermost of its calls. */
export function sleepsInLock(fact: TaskFacts): boolean {
  if (fact.task.onCpu === true || fact.task.state === 'R') return false;
  if (fact.waitsFor !== undefined) return true;
  const kind = sleepsFor(fact.calls);
  if (kind !== undefined) return kind !== 'page';
  const first = fact.calls.find((name) => !isScheduling(name));
  return first !== undefined && FS_SLEEPS.includes(first);
}

/** It sleeps until a page is unlocked or written. */
export function sleepsForPage({ calls }: TaskFacts): boolean {
  return sleepsFor(calls) === 'page';
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

/** The end of a chain, and who else has what that is waited for and asks for memory. */
export function endsOf(facts: Facts, { links }: Chain): TaskFacts[] {
  const end = links.at(-1);
  const readers = (links.at(-2)?.waitsFor?.holders ?? []).flatMap(
    (pid) => facts.byPid.get(pid) ?? [],
  );
  const others = readers.filter((fact) => fact !== end && fact.place === 'slow path');
  return end === undefined ? [] : [end, ...others];
}

/** The last of a chain. */
export function endOf({ links }: Chain): TaskFacts {
  return links.at(-1) as TaskFacts;
}
