// What became of one task between two dumps: the two-dump rule.
//
//   another request, or none any more        progressing
//   the same one, and it ran                 livelocked: it loops and comes to no end
//   the same one, no CPU, it sleeps          blocked
//   the same one, no CPU, it is runnable     starved
//
// Of a task that asks for no memory there is no more to say than whether it ran, slept, was blocked
// or starved. Where the kernel keeps no record of requests, that two of them are the same is proved
// by a task that had no CPU between, and refuted by what is counted when a request has ended; else
// it is at most likely.

import type { Confidence } from '../finding.ts';
import type { TaskInDump } from './dump-state.ts';
import { hasRun, idleness, moved, waitedSeconds, type Interval } from './has-run.ts';
import { optional } from '../../util/optional.ts';

/** What became of a task. */
export type TaskProgress =
  | 'progressing'
  | 'livelocked'
  | 'blocked'
  | 'starved'
  /** The same request, and whether it ran is not known. */
  | 'stuck'
  /** It asks for no memory, and had a CPU. */
  | 'ran'
  /** It asks for no memory, and slept for an event all the time. */
  | 'asleep'
  | 'gone'
  | 'new'
  | 'unknown';

/** What became of its request. */
export type RequestStep =
  | 'same'
  /** It was in flight in the first dump, and none is in the second. */
  | 'ended'
  /** One is in flight in both, and they are two. */
  | 'another'
  /** None was in flight in the first dump. */
  | 'begun'
  /** It had requests between the dumps, and none is in flight in either. */
  | 'served'
  /** It asks for no memory. */
  | 'none'
  | 'unknown';

/** What is concluded of a task, and from what. */
export interface Conclusion {
  readonly progress: TaskProgress;
  readonly request: RequestStep;
  /** Requests that have ended between the dumps, at least. */
  readonly requestsEnded?: number;
  readonly confidence: Confidence;
  /** Why, in words. */
  readonly because: string;
}

interface StepFound {
  readonly step: RequestStep;
  readonly ended?: number;
  readonly confidence: Confidence;
  readonly because: string;
}

/** Applies the rule to a task that is in both dumps. */
export function progressOf(before: TaskInDump, now: TaskInDump, interval: Interval): Conclusion {
  if (interval.seconds !== undefined && interval.seconds <= 0) return sameInstant();
  if (isDead(now) && !isDead(before)) return exited();
  const found = stepOf(before, now, interval);
  const { step, ended, confidence, because } = found;
  const told = { request: step, ...optional('requestsEnded', ended), confidence };
  if (step === 'unknown') return { progress: 'unknown', ...told, because };
  if (step === 'same') return sameRequest(found, { before, now, interval });
  if (step === 'none') return withoutRequest({ before, now, interval });
  return { progress: 'progressing', ...told, because };
}

/** The dumps are of one instant: nobody can have moved, and nobody stands still for it. */
function sameInstant(): Conclusion {
  const because = 'both dumps are of the same instant';
  return { progress: 'unknown', request: 'unknown', confidence: 'certain', because };
}

function exited(): Conclusion {
  const because = 'it has exited; its parent has not asked for its exit code yet';
  return { progress: 'gone', request: 'none', confidence: 'certain', because };
}

function isDead({ state }: TaskInDump): boolean {
  return state === 'Z' || state === 'X';
}

function stepOf(before: TaskInDump, now: TaskInDump, interval: Interval): StepFound {
  const [a, b] = [before.request, now.request];
  const since = moved(a.begun, b.begun) ? (b.begun as number) - (a.begun as number) : undefined;
  const certain = { confidence: 'certain' } as const;
  if (a.kind === 'recorded' && b.kind === 'recorded') return recordedStep(before, now);
  if (a.kind === 'recorded' && b.kind === 'none') {
    const because = 'the request that it had has ended';
    return { step: 'ended', ended: 1 + (since ?? 0), ...certain, because };
  }
  if (since !== undefined) {
    const isNow = b.kind === 'recorded';
    const because = isNow ? 'its request is younger than the first dump' : 'seq has moved';
    return { step: isNow ? 'begun' : 'served', ended: since - Number(isNow), ...certain, because };
  }
  if (a.kind === 'none' && b.kind === 'recorded') {
    return { step: 'begun', ...certain, because: 'it asked for nothing in the first dump' };
  }
  return unrecordedStep(before, now, interval);
}

function recordedStep({ request: a }: TaskInDump, { request: b }: TaskInDump): StepFound {
  const certain = { confidence: 'certain' } as const;
  const isSameSeq = a.begun === b.begun;
  if (isSameSeq && a.start === b.start) {
    const because = a.seq === undefined ? 'start is the same' : `seq is ${a.seq} in both`;
    return { step: 'same', ...certain, because };
  }
  if (isSameSeq && a.begun !== undefined) {
    const because = `seq is ${a.seq} in both, and start is not: the record is damaged`;
    return { step: 'unknown', ...certain, because };
  }
  const ended = isSameSeq ? undefined : (b.begun ?? 0) - (a.begun ?? 0);
  const because = isSameSeq ? 'start has moved' : `seq went from ${a.seq} to ${b.seq}`;
  return { step: 'another', ...optional('ended', ended), ...certain, because };
}

/** At least one of the two is known by its stack, or not known at all. */
function unrecordedStep(before: TaskInDump, now: TaskInDump, interval: Interval): StepFound {
  const [a, b] = [before.request.kind, now.request.kind];
  const certain = { confidence: 'certain' } as const;
  if (a === 'unknown' || b === 'unknown') {
    const which = a === b ? 'either dump' : a === 'unknown' ? 'the first dump' : 'the second dump';
    return { step: 'unknown', ...certain, because: `whether it asks for memory in ${which}` };
  }
  if (a === 'none' && b === 'none') return { step: 'none', ...certain, because: '' };
  if (b === 'none') return { step: 'ended', ...certain, because: 'it has left the allocator' };
  if (a === 'none') {
    return { step: 'begun', ...certain, because: 'it was not in the allocator before' };
  }
  if (hasRun(before, now, interval) === false) {
    const because = 'it has had no CPU to come out of its request';
    return { step: 'same', ...certain, because };
  }
  return outOfIt(before, now) ?? perhapsSame(before, now, interval);
}

/** What is counted only when a task has come out of a request of before. */
function outOfIt(before: TaskInDump, now: TaskInDump): StepFound | undefined {
  const because =
    moved(before.userTime, now.userTime) && now.kthread !== true
      ? 'it was in user mode between'
      : moved(before.faults, now.faults)
        ? 'it has come out of a page fault since'
        : moved(before.calls, now.calls)
          ? 'it has come out of a system call that reads or writes'
          : isElsewhere(before, now)
            ? 'it asks from another place'
            : undefined;
  return because === undefined ? undefined : { step: 'another', confidence: 'certain', because };
}

/** Both stacks are known outside of the allocator, and differ there. */
function isElsewhere({ stack: a }: TaskInDump, { stack: b }: TaskInDump): boolean {
  return a?.caller !== undefined && b?.caller !== undefined && a.caller !== b.caller;
}

/** It asks from the same place, and nothing is counted that says it came out between. */
function perhapsSame(
  before: TaskInDump,
  now: TaskInDump,
  { isNothingAllocated }: Interval,
): StepFound {
  // A request that failed and was made again looks the same, and is as good as the same.
  if (isNothingAllocated === true) {
    const because = 'nobody has been given a page since, so that it has not been served';
    return { step: 'same', confidence: 'likely', because };
  }
  if (before.stack?.caller === undefined || now.stack?.caller === undefined) {
    const because = 'it is in the allocator in both; no record tells one request from another';
    return { step: 'unknown', confidence: 'possible', because };
  }
  // A fault that ends is counted; a system call, or a work, may have many requests from one place.
  const isLikely = now.stack?.isFault === true && now.faults !== undefined;
  const because = isLikely
    ? 'the same page fault: none has ended since'
    : 'it asks from the same place; whether that is one request is not recorded';
  return { step: 'same', confidence: isLikely ? 'likely' : 'possible', because };
}

interface Sides {
  readonly before: TaskInDump;
  readonly now: TaskInDump;
  readonly interval: Interval;
}

function sameRequest({ confidence, because }: StepFound, sides: Sides): Conclusion {
  const { before, now } = sides;
  const ran = hasRun(before, now, sides.interval);
  const base = { request: 'same', confidence } as const;
  if (ran === undefined) {
    return { progress: 'stuck', ...base, because: `${because}; whether it ran is not known` };
  }
  if (ran) return { progress: 'livelocked', ...base, because: `${because}, and it ran` };
  const how = idleness(before, now, sides.interval);
  if (how === 'unknown') {
    const woken = `${because}; it was woken, since when is not known`;
    return { progress: 'stuck', ...base, because: woken };
  }
  const progress = how === 'starved' ? 'starved' : 'blocked';
  return { progress, ...base, because: `${because}, and it ${idleText(how, sides)}` };
}

function withoutRequest(sides: Sides): Conclusion {
  const { before, now } = sides;
  const base = { request: 'none', confidence: 'certain' } as const;
  const ran = hasRun(before, now, sides.interval);
  if (ran === undefined) {
    return { progress: 'unknown', ...base, because: 'whether it ran is not known' };
  }
  if (ran) return { progress: 'ran', ...base, because: 'it had a CPU' };
  const how = idleness(before, now, sides.interval);
  const because = how === 'unknown' ? 'it has not run, and is runnable now' : idleText(how, sides);
  return { progress: how, ...base, because };
}

function idleText(how: ReturnType<typeof idleness>, { now, interval }: Sides): string {
  if (how !== 'starved') return 'has had no CPU since';
  const waited = waitedSeconds(now, interval);
  return waited === undefined
    ? 'has had no CPU since, though it is runnable'
    : `has waited for a CPU for ${waited.toFixed(1)} s`;
}
