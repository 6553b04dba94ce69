// The verdict on a pair of dumps: whether those who waited for memory got on, in a sentence, with
// what it rests on. It says what was seen between the two dumps, and of the time after it nothing.

import type { Diagnosis } from '../../util/diagnosis.ts';
import { count } from '../../util/count.ts';
import { optional } from '../../util/optional.ts';
import type { Confidence, Finding } from '../finding.ts';
import { inSentence, nameOf } from '../words.ts';
import type { CounterChanges } from './counters.ts';
import type { DumpState } from './dump-state.ts';
import type { SameBoot } from './same-boot.ts';
import { sentenceOf, type PairClass, type Requests } from './pair-sentence.ts';
import type { TaskComparison } from './task-comparison.ts';

export type { PairClass } from './pair-sentence.ts';

/** The answer. */
export interface PairVerdict {
  readonly class: PairClass;
  /** One plain sentence. */
  readonly sentence: string;
  readonly confidence: Confidence;
  /** What keeps it from being certain. */
  readonly unsure?: string;
  /** What triage says of the stall, where it fits what was seen between the dumps. */
  readonly diagnosis?: Diagnosis;
  readonly because: readonly string[];
  readonly against: readonly string[];
  /** What was missing to be sure. */
  readonly missing: readonly string[];
  /** The next step for the engineer. */
  readonly next: string;
}

/** What is judged. */
export interface PairFacts {
  readonly before: DumpState;
  readonly now: DumpState;
  readonly boot: SameBoot;
  readonly tasks: readonly TaskComparison[];
  readonly counters: CounterChanges;
  readonly seconds: number | undefined;
}

/** Judges a pair. */
export function pairVerdict(facts: PairFacts): PairVerdict {
  const requests = requestsOf(facts);
  const found = classOf(facts, requests);
  const finding = fittingFinding(facts, found);
  const timeout = facts.now.timeoutSeconds;
  return {
    class: found,
    sentence: sentenceOf(found, requests, { seconds: facts.seconds, timeout }),
    ...surenessOf(found, facts, requests),
    ...optional('diagnosis', finding?.diagnosis),
    because: becauseOf(facts, requests),
    against: againstOf(found, facts, requests),
    missing: found === 'same-instant' ? [] : missingOf(facts, requests),
    next: nextOf(found, facts, finding ?? contradicting(facts, found)),
  };
}

function requestsOf({ tasks, now, seconds = 0 }: PairFacts): Requests {
  const overdueBefore = tasks.filter(({ before }) => before?.request.isOverdue === true);
  const same = tasks.filter(({ request }) => request === 'same');
  const timeout = now.timeoutSeconds ?? Infinity;
  // What is the same request as then is at least as old as the time between.
  const isOverdueNow = (task: TaskComparison): boolean => {
    if (task.now === undefined || task.progress === 'gone') return false;
    if (task.now.request.isOverdue === true) return true;
    if (task.request !== 'same' || task.confidence === 'possible') return false;
    return (task.before?.request.ageSeconds ?? 0) + seconds >= timeout;
  };
  return {
    overdueBefore,
    ended: overdueBefore.filter(hasEnded),
    still: overdueBefore.filter(({ request }) => request === 'same'),
    overdueNow: tasks.filter(isOverdueNow),
    same,
    served: tasks.filter((task) => hasEnded(task) || task.request === 'served'),
    unknown: tasks.filter(
      ({ request, before, now: after }) =>
        request === 'unknown' && (before?.request ?? after?.request)?.kind !== 'none',
    ),
  };
}

function hasEnded({ request, progress, before }: TaskComparison): boolean {
  if (progress === 'gone') return before !== undefined && before.request.kind !== 'none';
  return request === 'ended' || request === 'another';
}

function classOf({ seconds, now }: PairFacts, requests: Requests): PairClass {
  const { overdueBefore, ended, still, overdueNow, same, unknown } = requests;
  if (seconds !== undefined && seconds <= 0) return 'same-instant';
  if (overdueNow.length > 0) {
    if (overdueBefore.length === 0) return 'stall-begun';
    if (still.length === 0) return ended.length === overdueBefore.length ? 'overload' : 'unknown';
    if (ended.length === 0) return 'stalled';
    const isSlow = now.finding === undefined || now.finding.diagnosis === 'D13';
    return isSlow ? 'overload' : 'partly-stalled';
  }
  if (overdueBefore.length > 0) {
    return ended.length === overdueBefore.length ? 'recovered' : 'unknown';
  }
  if (same.length > 0) return 'waiting';
  return unknown.length > 0 ? 'unknown' : 'not-stalled';
}

/** That nobody moved in less time than a request may take says less. */
function surenessOf(
  found: PairClass,
  { seconds, now }: PairFacts,
  requests: Requests,
): Pick<PairVerdict, 'confidence' | 'unsure'> {
  const confidence = confidenceOf(found, requests);
  if (confidence !== 'certain') {
    return { confidence, unsure: 'this kernel does not record requests' };
  }
  const isShort = seconds !== undefined && seconds < (now.timeoutSeconds ?? 0);
  if (!isShort || !STANDS.includes(found)) return { confidence };
  return {
    confidence: 'likely',
    unsure: `who gets on slowly may have got on in none of these ${seconds.toFixed(1)} s`,
  };
}

/** What was read is certain; what was rebuilt is as sure as the surest of what it says. */
function confidenceOf(found: PairClass, { still, same }: Requests): Confidence {
  const meant = found === 'waiting' ? same : still;
  if (found === 'unknown') return 'possible';
  if (meant.length === 0 || meant.some(({ confidence }) => confidence === 'certain')) {
    return 'certain';
  }
  return meant.some(({ confidence }) => confidence === 'likely') ? 'likely' : 'possible';
}

/** Classes in which somebody stands still. */
const STANDS: readonly PairClass[] = ['stalled', 'partly-stalled', 'stall-begun'];
/** Diagnoses of a machine that gets on. */
const MOVES: readonly Diagnosis[] = ['D13', 'D14'];

/** The second dump's finding, where what was seen does not contradict it. */
function fittingFinding({ now }: PairFacts, found: PairClass): Finding | undefined {
  const { finding } = now;
  if (finding === undefined || finding.confidence === 'possible') return undefined;
  const isMove = MOVES.includes(finding.diagnosis);
  if (STANDS.includes(found)) return isMove ? undefined : finding;
  if (found === 'overload') return finding.diagnosis === 'D13' ? finding : undefined;
  if (found === 'recovered' || found === 'not-stalled') {
    return finding.diagnosis === 'D14' ? finding : undefined;
  }
  return undefined;
}

/** A stall that triage sees in the second dump, of which no request shows anything. */
function contradicting({ now }: PairFacts, found: PairClass): Finding | undefined {
  const { finding } = now;
  const isSure = finding !== undefined && finding.confidence !== 'possible';
  return found === 'not-stalled' && isSure ? finding : undefined;
}

const NAMES_SHOWN = 4;

function named(tasks: readonly TaskComparison[]): string {
  return inSentence(tasks.map(nameOf), NAMES_SHOWN);
}

function becauseOf(facts: PairFacts, requests: Requests): string[] {
  const { still, ended, same } = requests;
  const began = requests.overdueNow.filter(({ request }) => request === 'begun');
  const victims = facts.tasks.filter(
    ({ now, before, progress }) =>
      now?.isVictim === true && before !== undefined && progress === 'blocked',
  );
  return [
    ...(still.length === 0 ? [] : [`in the same request, overdue in both: ${named(still)}`]),
    ...(same.length === 0 || still.length > 0 ? [] : [`in the same request: ${named(same)}`]),
    ...(ended.length === 0 ? [] : [`overdue then, and their request has ended: ${named(ended)}`]),
    ...(began.length === 0 ? [] : [`overdue, and began between the dumps: ${named(began)}`]),
    ...(victims.length === 0
      ? []
      : [`chosen by the OOM killer, and blocked all the time: ${named(victims)}`]),
    ...diagnosisText(facts),
    ...progressOfMemory(facts),
  ];
}

/** Both dumps alone. */
function diagnosisText({ before, now }: PairFacts): string[] {
  const [a, b] = [before.finding, now.finding];
  if (a === undefined && b === undefined) return [];
  const text = (finding: Finding | undefined): string =>
    finding === undefined
      ? 'nothing that triage knows'
      : `${finding.name} (${finding.diagnosis}, ${finding.confidence})`;
  if (a?.diagnosis === b?.diagnosis && a?.confidence === b?.confidence) {
    return [`triage says of both: ${text(b)}`];
  }
  return [`triage says of the first: ${text(a)}; of the second: ${text(b)}`];
}

/** What the machine as a whole did for memory. */
function progressOfMemory({ counters }: PairFacts): string[] {
  const rate = (what: string): string[] => {
    const found = counters.counts.find((each) => each.what === what);
    if (found?.perSecond === undefined) return [];
    return [`${found.now - found.before} ${what}`];
  };
  const told = [
    ...rate('pages freed'),
    ...rate('pages reclaimed by kswapd'),
    ...rate('pages reclaimed by others'),
    ...rate('pages written back'),
    ...rate('processes killed by the OOM killer'),
  ];
  return told.length === 0 ? [] : [`between the dumps: ${told.join(', ')}`];
}

function againstOf(found: PairClass, facts: PairFacts, requests: Requests): string[] {
  const { finding } = facts.now;
  const others = requests.served.filter((task) => !requests.overdueBefore.includes(task));
  const gotOn = STANDS.includes(found) && others.length > 0;
  const isMove = finding !== undefined && MOVES.includes(finding.diagnosis);
  const contradicts =
    finding !== undefined &&
    finding.confidence !== 'possible' &&
    ((STANDS.includes(found) && isMove) ||
      ((found === 'overload' || found === 'recovered' || found === 'not-stalled') && !isMove));
  return [
    ...(gotOn ? [`${count(others.length, 'other task')} got memory: ${named(others)}`] : []),
    ...(contradicts
      ? [`triage says of the second dump alone: ${finding.name} (${finding.diagnosis})`]
      : []),
  ];
}

/** Below it who sleeps may do so for any reason. */
const SECONDS_MIN = 1;

function missingOf({ before, now, boot, seconds }: PairFacts, requests: Requests): string[] {
  const { unknown } = requests;
  return [
    ...(boot.isSame === true ? [] : ['a proof that both dumps are of one boot']),
    ...(seconds === undefined ? ['how much time lies between the dumps'] : []),
    ...(seconds !== undefined && seconds > 0 && seconds < SECONDS_MIN
      ? [`a longer time: in ${seconds.toFixed(3)} s a task may sleep for any reason`]
      : []),
    ...(before.isWhole && now.isWhole ? [] : ['tasks that a task list does not lead to']),
    ...(unknown.length === 0
      ? []
      : [`whether ${named(unknown)} ${unknown.length === 1 ? 'is' : 'are'} in the same request`]),
    ...(before.hasRecords && now.hasRecords
      ? []
      : ['since when requests wait: this kernel does not record it']),
    ...unreadOfPair(before.missing, now.missing),
  ];
}

/** What could not be read; what is the same of both is said once. */
function unreadOfPair(before: readonly string[], now: readonly string[]): string[] {
  return [
    ...before.map((text) => `in ${now.includes(text) ? 'both dumps' : 'the first dump'}: ${text}`),
    ...now.filter((text) => !before.includes(text)).map((text) => `in the second dump: ${text}`),
  ];
}

function nextOf(found: PairClass, { now }: PairFacts, finding: Finding | undefined): string {
  const timeout = now.timeoutSeconds ?? 10;
  switch (found) {
    case 'same-instant':
      return `take a second dump ${timeout} s or more after the first`;
    case 'waiting':
    case 'unknown':
      return `take a third dump ${timeout} s or more after the second, and compare those`;
    case 'recovered':
    case 'not-stalled':
      if (finding !== undefined && !MOVES.includes(finding.diagnosis)) return finding.next;
      return 'look for the trouble elsewhere, or for who used the memory then (stallcore mem)';
    default:
      return finding?.next ?? 'look at what they wait for (stallcore triage of the second dump)';
  }
}
