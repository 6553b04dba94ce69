// From the allocation state to a verdict, as far as records and counters alone can carry it: the
// two kinds of stall that the kmallocwd documentation tells apart, and "not a memory problem".

import { memallocFormat } from '../kernel/memalloc-format.ts';
import { isExiting } from '../kernel/task-flags.ts';
import type { SystemState } from '../kernel/system.ts';
import type { MemallocResult, MemallocTask } from '../kernel/memalloc-report.ts';
import {
  having,
  isMemstalled,
  killEvidence,
  pressureEvidence,
  sleepEvidence,
  stallEvidence,
  timeoutOf,
  waitersWithoutRequest,
  type Evidence,
} from './evidence.ts';
import { count } from '../util/count.ts';
import { cannotInvokeOom } from './request-mask.ts';
import { processes, sleepsUnkillably, victimsOf } from './victims.ts';
import { nameList, nameOf, oldestOf, sample, waitOf } from './words.ts';

export type { Evidence } from './evidence.ts';

/**
 * - `after-oom-kill`: requests stall although the OOM killer has chosen a victim
 * - `only-nofs`: requests stall, no victim, and none of them may invoke the OOM killer
 * - `no-oom-kill`: requests stall, no victim, though some of them may invoke it
 * - `stalled`: requests stall; whether there is a victim, or what they may do, could not be read
 * - `not-stalled`: no request is older than the timeout, and nobody waits without a request
 * - `unknown`: this kernel keeps no record, or it could not be read, or tasks wait for memory in a
 *   way that no record is kept of
 */
export type VerdictClass =
  'after-oom-kill' | 'only-nofs' | 'no-oom-kill' | 'stalled' | 'not-stalled' | 'unknown';

/** The answer. */
export interface Verdict {
  readonly class: VerdictClass;
  /** One plain sentence. */
  readonly sentence: string;
  /** Who waits since when, where the sentence says why. */
  readonly since?: string;
  readonly evidence: readonly Evidence[];
  /** What was missing to be sure. */
  readonly missing: readonly string[];
}

/** The result object of `stallcore triage`. */
export interface TriageResult {
  readonly type: 'triage';
  readonly verdict: Verdict;
  readonly machine: SystemState;
  readonly memalloc: MemallocResult;
}

/** Judges the allocation state of a dump. */
export function judge(memalloc: MemallocResult, machine: SystemState): TriageResult {
  const { record, tasks, coverage } = memalloc;
  // Nothing was read where no record has an age, be it for want of records or of jiffies.
  const unread =
    tasks.length === coverage.tasksWithoutRecord || record?.counts.stalling === undefined;
  const verdict =
    record === undefined
      ? withoutRecord(memalloc)
      : unread
        ? nothingRead(memalloc)
        : record.counts.stalling === 0 || record.silent
          ? notStalled(memalloc)
          : stalled(memalloc);
  return { type: 'triage', verdict, machine, memalloc };
}

/** What could not be read, in words; it may hide tasks of any kind. */
function gaps({ tasks, coverage }: MemallocResult): string[] {
  const of = `of ${tasks.length} tasks`;
  const some = (number: number, what: (number: number) => string): string[] =>
    number > 0 ? [what(number)] : [];
  return [
    ...(coverage.taskListComplete
      ? []
      : ['tasks that are missing: the task list could not be read whole']),
    ...(coverage.requestListComplete
      ? []
      : ['requests that are missing: memalloc_list could not be read whole']),
    ...some(coverage.tasksWithoutRecord, (n) => `the request, or its age, of ${n} ${of}`),
    ...some(coverage.tornRecords, (n) => `the request of ${n} ${of}: the record is torn`),
    ...some(coverage.tasksWithoutFlags, (n) => `whether ${n} ${of} are being killed (TIF_MEMDIE)`),
    ...some(coverage.tasksWithoutSignal, (n) => `whether the OOM killer chose ${n} ${of} (oom_mm)`),
    ...some(coverage.unknownBits.length, () => {
      const bits = coverage.unknownBits.join(', ');
      return `which tasks are being killed: ${bits} not found in the code`;
    }),
  ];
}

function nothingRead(memalloc: MemallocResult): Verdict {
  return {
    class: 'unknown',
    sentence:
      'Whether tasks are stuck in the memory allocator cannot be said: ' +
      'no request, or not its age, could be read from this dump.',
    evidence: [
      { fact: `${count(memalloc.tasks.length, 'task')} found`, verb: 'tasks' },
      ...signs(memalloc),
    ],
    missing: [
      ...gaps(memalloc),
      ...(memalloc.jiffies === undefined
        ? ['how old requests are: jiffies could not be read']
        : []),
    ],
  };
}

function stalled(memalloc: MemallocResult): Verdict {
  const stalling = memalloc.tasks.filter((task) => task.record?.stalling === true);
  const victims = victimsOf(memalloc);
  const missing = gaps(memalloc);
  const atLeast = missing.length > 0 ? 'At least ' : '';
  const since = atLeast + sinceWhen(memalloc, stalling, victims.tasks.length > 0);
  const base = {
    evidence: [
      ...stallEvidence(memalloc, { stalling, victims }),
      ...pressureEvidence(memalloc),
      ...sleepEvidence(memalloc),
    ],
    missing,
  };
  if (victims.tasks.length > 0) {
    const others = stalling.filter((task) => !victims.tasks.includes(task));
    const sentence = afterKill(since, victims.tasks) + exitingOnes(others);
    return { ...base, class: 'after-oom-kill', sentence };
  }
  if (!victims.isKnown) {
    const sentence = `${since}; whether the OOM killer has chosen a victim could not be read.`;
    return { ...base, class: 'stalled', sentence: sentence + exitingOnes(stalling) };
  }
  const maskAsAsked = memallocFormat(memalloc.record?.format ?? '')?.maskAsAsked === true;
  const cannot = stalling.map((task) => cannotInvokeOom(task, task.record ?? {}, maskAsAsked));
  const before = beforeKill(since, cannot, base.missing);
  return { ...base, ...before, sentence: before.sentence + exitingOnes(stalling) };
}

/**
 * Who waits, and for how long. Where nobody was killed for it the requests may be slow and finish
 * in the end: a single dump does not tell.
 */
function sinceWhen(
  { record }: MemallocResult,
  stalling: readonly MemallocTask[],
  isAfterKill: boolean,
): string {
  const one = stalling.length === 1;
  const how = isAfterKill
    ? `${one ? 'is' : 'are'} stuck in the memory allocator`
    : `${one ? 'has' : 'have'} waited in the memory allocator for over ${timeoutOf(record)}`;
  return `${count(stalling.length, 'task')} ${how}, longest ${oldestOf(stalling)}`;
}

/** A task that exits gives its memory back at the end of it. */
function exitingOnes(stalling: readonly MemallocTask[]): string {
  const exiting = stalling.filter(isExiting);
  if (exiting.length === 0) return '';
  const who =
    exiting.length === 1
      ? 'One of them is exiting, and waits for memory before it has given back its own'
      : `${exiting.length} of them are exiting, and wait for memory before they have given back ` +
        'their own';
  return ` ${who}: longest ${oldestOf(exiting)}.`;
}

function afterKill(since: string, victims: readonly MemallocTask[]): string {
  const asleep = victims.filter(sleepsUnkillably);
  const all = `${since}, although the OOM killer has chosen ${nameList(victims)}`;
  const waiting = victims.filter(({ record }) => record?.stalling === true).map(waitsItself);
  if (victims.length === 1 && waiting.length === 0) {
    return asleep.length === 0 ? `${all}.` : `${all}, which sleeps where SIGKILL does not wake it.`;
  }
  const sleep =
    asleep.length === 1
      ? 'sleeps where SIGKILL does not wake it'
      : 'sleep where SIGKILL does not wake them';
  const clauses = [...(asleep.length === 0 ? [] : [`${nameList(asleep)} ${sleep}`]), ...waiting];
  return `${[all, ...clauses].join('; ')}.`;
}

/** A victim that cannot go on without memory itself. */
function waitsItself(task: MemallocTask): string {
  const exiting = isExiting(task) === true ? 'is exiting and ' : '';
  return `${nameOf(task)} ${exiting}has waited for memory itself for ${waitOf(task)}`;
}

/**
 * Nobody was chosen: what the stalling requests may do decides.
 *
 * @param cannot by request, what {@link cannotInvokeOom} says
 */
function beforeKill(
  since: string,
  cannot: readonly (boolean | undefined)[],
  missing: readonly string[],
): Pick<Verdict, 'class' | 'sentence' | 'missing'> {
  const nobody = `${since}; the OOM killer chose nobody`;
  if (cannot.every((answer) => answer === true)) {
    const sentence = `${nobody}, and none of these requests may invoke it.`;
    return { class: 'only-nofs', sentence, missing };
  }
  if (!cannot.includes(false)) {
    const sentence = `${nobody}; whether one of these requests may invoke it is not known.`;
    return { class: 'stalled', sentence, missing };
  }
  const sentence =
    `${nobody}, though at least one of these requests may invoke it: ` +
    'a livelock, or a machine that is overloaded.';
  return { class: 'no-oom-kill', sentence, missing: [...missing, TWO_DUMPS] };
}

const TWO_DUMPS = 'whether the requests progress: a second dump would show their seq moving';

function notStalled(memalloc: MemallocResult): Verdict {
  const inFlight = memalloc.tasks.filter(
    ({ record }) => record?.inFlight === true && record.delay !== undefined && !record.torn,
  );
  const known = memalloc.tasks.length - memalloc.coverage.tasksWithoutRecord;
  const gap = gaps(memalloc);
  const waiters = waitersWithoutRequest(memalloc);
  const none =
    `is older than ${timeoutOf(memalloc.record)}` +
    (inFlight.length === 0 ? ', and none is in flight' : `, the oldest: ${oldestOf(inFlight)}`);
  const evidence = [
    {
      fact: `records of ${count(known, 'task')} read, ${inFlight.length} in flight`,
      verb: 'memalloc --all',
    },
    ...signs(memalloc),
  ];
  const since = `since when ${nameList(waiters)} ${waiters.length === 1 ? 'waits' : 'wait'}`;
  const missing = [...gap, ...(waiters.length === 0 ? [] : [since])];
  const sentence = `${begin(gap.length > 0, known, waiters)} ${none}${andWaiters(waiters)}.`;
  const isSure = gap.length === 0 && waiters.length === 0;
  return { class: isSure ? 'not-stalled' : 'unknown', sentence, evidence, missing };
}

/** Up to `no request`. */
function begin(hasGaps: boolean, known: number, waiters: readonly unknown[]): string {
  if (hasGaps) {
    return (
      'Whether tasks are stuck in the memory allocator cannot be said for all of them; ' +
      `of the ${known} that could be read, no request`
    );
  }
  return waiters.length === 0
    ? 'No task is stuck in the memory allocator: no request'
    : 'No request of the memory allocator';
}

/** Who waits for memory in a way that the patch does not record. */
function andWaiters(waiters: readonly MemallocTask[]): string {
  if (waiters.length === 0) return '';
  const are = waiters.length === 1 ? 'is' : 'are';
  return (
    `; but ${count(waiters.length, 'task')} (${sample(waiters)}) ${are} in reclaim or stalled on ` +
    'memory without such a request, and since when is not recorded'
  );
}

/** Every sign in task_struct. */
function signs(memalloc: MemallocResult): Evidence[] {
  const what = 'processes chosen by the OOM killer (signal->oom_mm)';
  return [
    ...pressureEvidence(memalloc),
    ...having(what, chosenOf(memalloc)),
    ...killEvidence(memalloc),
    ...sleepEvidence(memalloc),
  ];
}

/** A task of each process with signal->oom_mm. */
function chosenOf({ tasks }: MemallocResult): MemallocTask[] {
  return processes(tasks.filter(({ oomMm }) => (oomMm ?? '0x0') !== '0x0'));
}

function withoutRecord(memalloc: MemallocResult): Verdict {
  const { tasks, coverage, patchSymbol } = memalloc;
  const stalledNow = tasks.filter(isMemstalled);
  const chosen = chosenOf(memalloc);
  return {
    class: 'unknown',
    sentence:
      `${pressure(coverage, { tasks, stalling: stalledNow.length, chosen: chosen.length })} ` +
      (patchSymbol === undefined
        ? 'Since when tasks wait for memory is not recorded: this kernel lacks the kmallocwd patch.'
        : `Since when cannot be read: the kernel has ${patchSymbol}, its types lack the record.`),
    evidence: [{ fact: count(tasks.length, 'task'), verb: 'tasks' }, ...signs(memalloc)],
    missing: [
      ...gaps(memalloc),
      ...(coverage.tasksWithoutMemstall > 0
        ? [`whether ${coverage.tasksWithoutMemstall} of ${tasks.length} tasks stall (in_memstall)`]
        : []),
      'the age of each request',
    ],
  };
}

/** What an unpatched kernel says for sure. */
function pressure(
  coverage: MemallocResult['coverage'],
  found: { tasks: readonly unknown[]; stalling: number; chosen: number },
): string {
  const { stalling, chosen } = found;
  if (found.tasks.length === 0) return 'Nothing can be said: no task could be read.';
  const isWhole =
    coverage.taskListComplete &&
    coverage.tasksWithoutMemstall === 0 &&
    coverage.tasksWithoutSignal === 0;
  const some = isWhole ? '' : 'At least ';
  const who = chosen === 0 ? 'nobody' : count(chosen, 'process', 'es');
  const killed = `the OOM killer has chosen ${who}`;
  if (!coverage.countsMemstalls) {
    const marks = 'Which tasks stall on memory is not marked: PSI is off in this kernel';
    return chosen === 0 ? `${marks}.` : `${marks}; ${killed}.`;
  }
  if (stalling === 0 && chosen === 0) {
    return isWhole
      ? 'No task is marked as stalled on memory.'
      : 'None of the tasks that could be read whole is marked as stalled on memory.';
  }
  const are = stalling === 1 ? 'is' : 'are';
  const marked = `${some}${count(stalling, 'task')} ${are} stalled on memory`;
  return chosen === 0 && !isWhole ? `${marked}.` : `${marked}, and ${killed}.`;
}
