// The verdict on a pair of dumps in a sentence: who got on between them, and how the others stand
// still. Nothing in it is about the time after the second dump.

import { count } from '../../util/count.ts';
import type { TaskComparison } from './task-comparison.ts';

/**
 * - `stalled`: requests were overdue in the first dump, and none of them has ended
 * - `partly-stalled`: some of them have, some have not
 * - `overload`: all of them have ended, and others are overdue now; or some have, and triage finds
 *   nothing in the way of the rest
 * - `stall-begun`: none was overdue in the first dump, and some are in the second
 * - `recovered`: all that were overdue have ended, and none is now
 * - `waiting`: requests are in flight in both dumps, none of them is known to be overdue
 * - `not-stalled`: no request was overdue in either dump, and none is in both
 * - `same-instant`: no time lies between the dumps
 * - `unknown`: whether requests are the same ones could not be told
 */
export type PairClass =
  | 'stalled'
  | 'partly-stalled'
  | 'overload'
  | 'stall-begun'
  | 'recovered'
  | 'waiting'
  | 'not-stalled'
  | 'same-instant'
  | 'unknown';

/** Requests by what became of them. */
export interface Requests {
  /** Overdue in the first dump, and what became of them. */
  readonly overdueBefore: readonly TaskComparison[];
  readonly ended: readonly TaskComparison[];
  readonly still: readonly TaskComparison[];
  readonly overdueNow: readonly TaskComparison[];
  /** In the same request in both dumps. */
  readonly same: readonly TaskComparison[];
  /** Had requests that ended. */
  readonly served: readonly TaskComparison[];
  /** May be in the same request, for all that is known. */
  readonly unknown: readonly TaskComparison[];
}

/** What was seen between the dumps. */
export function sentenceOf(
  found: PairClass,
  requests: Requests,
  { seconds, timeout }: { seconds: number | undefined; timeout: number | undefined },
): string {
  const { overdueBefore, ended, still, overdueNow, same, unknown } = requests;
  const time = timeText(seconds);
  const of = `of ${count(overdueBefore.length, 'request')} that ${were(overdueBefore)} overdue`;
  const others = overdueNow.length - still.length;
  const over = `over ${timeout ?? '?'} s`;
  switch (found) {
    case 'stalled':
      return `Stalled: ${stalledText(requests, time)}.`;
    case 'partly-stalled':
      return (
        `Stalled in part: ${of}, ${ended.length} ${have(ended)} ended in the ` +
        `${time}, and ${still.length} ${have(still)} not${howText(still)}.`
      );
    case 'overload':
      return (
        `Overload: ${of}, ${endedText(requests)} in the ${time}, and ` +
        `${count(others, 'other')} ${others === 1 ? 'is' : 'are'} now.`
      );
    case 'stall-begun':
      return (
        'A stall has begun: no request was overdue in the first dump, and ' +
        `${overdueNow.length} ${overdueNow.length === 1 ? 'is' : 'are'} after the ${time}` +
        `${howText(overdueNow.filter(({ request }) => request === 'same'))}.`
      );
    case 'recovered':
      return `Recovered: ${of}, ${endedText(requests)} in the ${time}, and none is now.`;
    case 'waiting':
      return (
        `Too early to tell: ${count(same.length, 'task')} ${same.length === 1 ? 'is' : 'are'} in ` +
        `the same request after the ${time}, and none is known to wait for ${over}` +
        `${howText(same)}.`
      );
    case 'not-stalled':
      return `No stall of requests: none was overdue in either dump, and none lasted the ${time}.`;
    case 'same-instant':
      return 'Both dumps are of the same instant: nothing tells who moves.';
    case 'unknown':
      return (
        `Not known: of ${count(unknown.length, 'task')} it cannot be told whether they are in ` +
        `the same request after the ${time}.`
      );
  }
}

/** That none has ended, as far as that can be told. */
function stalledText({ overdueBefore, still }: Requests, time: string): string {
  const how = howText(still);
  const rest = overdueBefore.length - still.length;
  const of = `of ${count(overdueBefore.length, 'request')} that ${were(overdueBefore)} overdue`;
  if (rest > 0) {
    const not = `${still.length} ${have(still)} not ended in the ${time}${how}`;
    return `${of}, ${not}; of ${rest} it cannot be told`;
  }
  if (still.length === 1) return `the overdue request has not ended in the ${time}${how}`;
  return `none ${of} has ended in the ${time}${how}`;
}

/** `5 have ended and 2 have not` */
function endedText({ ended, still }: Requests): string {
  if (still.length === 0) return `${ended.length === 1 ? 'it has' : 'all have'} ended`;
  return `${ended.length} ${have(ended)} ended and ${still.length} ${have(still)} not`;
}

/** `20.0 s between the dumps` */
function timeText(seconds: number | undefined): string {
  const time = seconds === undefined ? 'time' : `${seconds.toFixed(seconds < 1 ? 3 : 1)} s`;
  return `${time} between the dumps`;
}

function were(tasks: readonly unknown[]): string {
  return tasks.length === 1 ? 'was' : 'were';
}

function have(tasks: readonly unknown[]): string {
  return tasks.length === 1 ? 'has' : 'have';
}

const HOW = [
  ['livelocked', 'loop in it (livelock)', 'loops in it (livelock)'],
  ['blocked', 'are blocked', 'is blocked'],
  ['starved', 'get no CPU', 'gets no CPU'],
  ['stuck', 'stand still or loop', 'stands still or loops'],
] as const;

/** `; 14 tasks loop in it (livelock), 1 is blocked` */
function howText(tasks: readonly TaskComparison[]): string {
  const parts = HOW.flatMap(([progress, many, one]) => {
    const number = tasks.filter((task) => task.progress === progress).length;
    return number === 0 ? [] : [`${number} ${number === 1 ? one : many}`];
  });
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`;
}
