// Who sleeps in a lock and on whom, along the chain of holders.

import { isScheduling, sleepsFor } from '../kernel/locking/wait-functions.ts';
import {
  calls,
  hasRunLately,
  isBlocked,
  isInSlowPath,
  isOverdue,
  nameOf,
  namesOf,
  type Facts,
  type TaskFacts,
} from './facts.ts';
import { CONFIDENCES, type Confidence } from './finding.ts';
import { reliefOf, reliefText } from './relief.ts';

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

/** mm/vmscan.c: they try locks of pages, and sleep for none but what is being written. */
const SCANS = ['shrink_page_list', 'shrink_folio_list'];

/** It sleeps in reclaim until a page is written. */
export function sleepsForWriteback(fact: TaskFacts): boolean {
  return isBlocked(fact) && sleepsForPage(fact) && calls(fact, ...SCANS);
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

/** It sleeps in one, or is proved to wait for one and on its CPU yet, on the way to sleep. */
function waitsForLock(fact: TaskFacts): boolean {
  return sleepsInLock(fact) || (fact.task.state === 'D' && fact.waitsFor !== undefined);
}

/** Follows a task's wait; of several holders the first whose own wait goes on. */
export function chainFrom(facts: Facts, start: TaskFacts): Chain {
  const links: TaskFacts[] = [start];
  const seen = new Set([start]);
  let last = start;
  let isProved = true;
  while (links.length < LINKS_MAX) {
    if (!waitsForLock(last)) return { links, isCycle: false, isProved };
    const holders = (last.waitsFor?.holders ?? []).flatMap((pid) => facts.byPid.get(pid) ?? []);
    const next = holders.find((holder) => !seen.has(holder)) ?? holders[0];
    if (next === undefined) return { links, isCycle: false, isProved: false };
    isProved &&= last.waitsFor?.isCertain === true;
    if (seen.has(next)) return { links, isCycle: true, isProved };
    links.push(next);
    seen.add(next);
    last = next;
  }
  return { links, isCycle: false, isProved: false };
}

/**
 * How sure a circle makes one that ends in a request for memory. Memory may come from elsewhere in
 * the next moment, unless the request has waited for longer than that. What is being written at
 * the dump can be freed then: a machine that has stood still for a timeout has nothing left that is
 * being written, or no more than a few pages that others have dirtied.
 */
export function sureness(facts: Facts, end: TaskFacts): Confidence {
  const overdue = isOverdue(end);
  const relief = reliefOf(facts);
  if (overdue === false || relief === 'enough') return 'possible';
  return overdue === true && relief === 'none' ? 'certain' : 'likely';
}

/** The less sure of two. */
export function atMost(most: Confidence, confidence: Confidence): Confidence {
  return CONFIDENCES.indexOf(confidence) < CONFIDENCES.indexOf(most) ? most : confidence;
}

/**
 * How sure a likeness makes one in which who holds a lock was not proved: never more than the proof
 * would, and any request may be the holder's. All must have waited for long, by their records, or
 * those who sleep have, or nothing tells for how long.
 *
 * @param sleepers those who sleep in the lock
 */
export function unprovedSureness(facts: Facts, sleepers: readonly TaskFacts[]): Confidence {
  if (reliefOf(facts) === 'enough') return 'possible';
  const overdue = facts.tasks.filter(isInSlowPath).map(isOverdue);
  if (overdue.includes(false)) return 'possible';
  if (overdue.includes(true)) return 'likely';
  return sleepers.every((fact) => hasRunLately(facts, fact) === true) ? 'possible' : 'likely';
}

/** What speaks against such a likeness. */
export function unprovedDoubts(facts: Facts, sleepers: readonly TaskFacts[]): string[] {
  const isShort = sleepers.every((fact) => hasRunLately(facts, fact) === true);
  return [
    ...(isShort && sleepers.length > 0
      ? [`${namesOf(sleepers)} ${sleepers.length === 1 ? 'has' : 'have'} not slept for long`]
      : []),
    ...reliefText(facts),
  ];
}

/** What keeps {@link sureness} from being certain, in words. */
export function unsureOf(facts: Facts, end: TaskFacts): string[] {
  const overdue = isOverdue(end);
  const relief = reliefOf(facts);
  return [
    ...(overdue === false ? [`${nameOf(end)} has not waited for long`] : []),
    ...(overdue === undefined ? [`for how long ${nameOf(end)} has waited is not known`] : []),
    ...(relief === undefined ? ['whether pages are being written could not be read'] : []),
    ...(relief === 'enough' ? ['pages are being written, which can be freed then'] : []),
    ...(relief === 'too little' ? ['a few pages are being written'] : []),
  ];
}

/** A reason with what lowers it: `each wait was proved, but the disk is still at work`. */
export function butFor(reason: string, lowers: readonly string[]): string {
  return lowers.length === 0 ? reason : `${reason}, but ${lowers.join(', and ')}`;
}

/** What speaks against a circle that {@link sureness} is not certain of. */
export function doubts(facts: Facts, end: TaskFacts): string[] {
  return [
    ...(isOverdue(end) === false
      ? [`${nameOf(end)} has not waited for long: memory may come in the next moment`]
      : []),
    ...reliefText(facts),
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

/** Whether a chain was proved and leads to somebody else, who asks for memory. */
export function leadsToMemory(chain: Chain): boolean {
  if (!chain.isProved || chain.isCycle || chain.links.length === 1) return false;
  return isInSlowPath(endOf(chain));
}

/**
 * Of a chain that leads to memory: `waits for mutex 0x…, which a(1) has, and that waits for
 * memory`, or for whom a(1) waits in turn.
 */
export function wayToMemory(chain: Chain): string {
  const [first, holder, ...rest] = chain.links as [TaskFacts, TaskFacts, ...TaskFacts[]];
  const has = `waits for ${first.waitsFor?.lock}, which ${nameOf(holder)} has`;
  if (rest.length === 0) return `${has}, and that waits for memory`;
  const over = rest.slice(0, -1);
  const what = over.length === 0 ? holder.waitsFor?.lock : `a lock (over ${namesOf(over)})`;
  return (
    `${has}; ${nameOf(holder)} waits for ${what}, ` +
    `which ${nameOf(endOf(chain))} has, and that waits for memory`
  );
}

/** Those of a chain who wait for each other in a circle; nobody where it has an end. */
export function circleOf(chain: Chain): readonly TaskFacts[] {
  if (!chain.isCycle) return [];
  const holders = endOf(chain).waitsFor?.holders ?? [];
  return chain.links.slice(
    chain.links.findIndex(({ task: { pid } }) => pid !== undefined && holders.includes(pid)),
  );
}

/** The last of a chain. */
export function endOf({ links }: Chain): TaskFacts {
  return links.at(-1) as TaskFacts;
}
