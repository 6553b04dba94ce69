// Whether a task had a CPU between two dumps, and what it did where it had none.

import type { TaskInDump } from './dump-state.ts';

/** What lies between the two dumps. */
export interface Interval {
  /** Undefined where neither clock could be read. */
  readonly seconds: number | undefined;
  /** rq->clock of the second dump, in nanoseconds. */
  readonly schedNs?: number | undefined;
  /** No page was allocated by anybody, by the kernel's own count. */
  readonly isNothingAllocated?: boolean | undefined;
}

const NS_PER_S = 1e9;

/** Whether it had a CPU; undefined where that is not known. */
export function hasRun(
  before: TaskInDump,
  now: TaskInDump,
  interval: Interval,
): boolean | undefined {
  if (now.onCpu === true) return true;
  const arrivals = [before.lastArrivalNs, now.lastArrivalNs];
  // Who leaves a CPU after the first dump and gets none since has not arrived anew, though its
  // switches count the leaving.
  if (!arrivals.includes(undefined)) {
    return arrivals[0] !== arrivals[1] || hasGoneOn(before, now, interval);
  }
  if (moved(before.switches, now.switches) || moved(before.execNs, now.execNs)) return true;
  return before.switches === undefined || now.switches === undefined ? undefined : false;
}

/** Of a turn that had begun before what counts is this part of the interval and more. */
const TURN_SHARE = 1 / 100;

/** It had a CPU in the first dump, and kept it for more than a moment. */
function hasGoneOn(before: TaskInDump, now: TaskInDump, { seconds = 0 }: Interval): boolean {
  if (before.onCpu !== true || before.execNs === undefined || now.execNs === undefined) {
    return false;
  }
  return now.execNs - before.execNs > seconds * NS_PER_S * TURN_SHARE;
}

/** Both are known, and differ. */
export function moved(before: number | undefined, now: number | undefined): boolean {
  return before !== undefined && now !== undefined && before !== now;
}

/** How a task spent an interval in which it had no CPU. */
export type Idleness =
  /** It was runnable for most of it, and others had the CPUs. */
  | 'starved'
  /** It slept where only what it waits for wakes it: D. */
  | 'blocked'
  /** It slept for an event, is stopped or frozen, or is dead. */
  | 'asleep'
  /** It is runnable now, and since when is not known. */
  | 'unknown';

/** A wait for a CPU counts where it is this part of the interval. */
const STARVED_SHARE = 1 / 2;

/** What a task did that had no CPU between the dumps. */
export function idleness(before: TaskInDump, now: TaskInDump, interval: Interval): Idleness {
  if (now.state !== 'R') return sleepOf(now);
  const waited = waitedSeconds(now, interval);
  if (waited !== undefined && interval.seconds !== undefined) {
    if (waited >= interval.seconds * STARVED_SHARE) return 'starved';
    return before.state === 'R' ? 'starved' : sleepOf(before);
  }
  return before.state === 'R' ? 'starved' : 'unknown';
}

/** For how long a task has waited for a CPU, by sched_info.last_queued. */
export function waitedSeconds(
  { lastQueuedNs }: TaskInDump,
  { schedNs }: Interval,
): number | undefined {
  if (lastQueuedNs === undefined || schedNs === undefined || schedNs < lastQueuedNs) {
    return undefined;
  }
  return (schedNs - lastQueuedNs) / NS_PER_S;
}

function sleepOf({ state, isFrozen }: TaskInDump): Idleness {
  if (state === undefined || state === 'R') return 'unknown';
  return state === 'D' && isFrozen !== true ? 'blocked' : 'asleep';
}
