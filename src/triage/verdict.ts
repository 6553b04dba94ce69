// From the allocation state to a verdict, as far as records and counters alone can carry it: the
// two kinds of stall that the kmallocwd documentation tells apart, and "not a memory problem".

import type { OomState } from '../kernel/oom.ts';
import type { SystemState } from '../kernel/system.ts';
import type { MemallocResult, MemallocTask } from '../kernel/memalloc-report.ts';
import type { Confidence } from './finding.ts';
import { signs, timeoutOf, waitersWithoutRequest, type Evidence } from './evidence.ts';
import { count } from '../util/count.ts';
import type { Diagnosis } from '../util/diagnosis.ts';
import { stalled } from './stalled.ts';
import { withoutRecord } from './unrecorded.ts';
import { inSentence, nameList, nameOf, oldestOf, sample } from './words.ts';

export type { Evidence } from './evidence.ts';

/**
 * - `after-oom-kill`: requests stall although the OOM killer has chosen a victim
 * - `only-nofs`: requests stall, no victim, and none of them may invoke the OOM killer
 * - `no-oom-kill`: requests stall, no victim, though some of them may invoke it
 * - `stalled`: requests stall; whether there is a victim, or what they may do, could not be read
 * - `not-stalled`: no request is older than the timeout, and nobody waits without a request; of a
 *   kernel without records: nobody asks for memory or reclaims
 * - `unknown`: records could not be read, or tasks wait for memory and nothing says for how long,
 *   or not yet for so long
 */
export type VerdictClass =
  'after-oom-kill' | 'only-nofs' | 'no-oom-kill' | 'stalled' | 'not-stalled' | 'unknown';

/** The answer. */
export interface Verdict {
  readonly class: VerdictClass;
  /** One plain sentence. */
  readonly sentence: string;
  /** Who asks for memory, and for how long: what is certain whatever the cause; no period. */
  readonly lead?: string;
  /** Who waits since when, and whom the OOM killer has chosen; where anybody waits. */
  readonly since?: string;
  /** The diagnosis that the sentence is of, and how sure that is; absent where there is none. */
  readonly diagnosis?: Diagnosis;
  readonly confidence?: Confidence;
  readonly evidence: readonly Evidence[];
  /** What was missing to be sure. */
  readonly missing: readonly string[];
  /** The next step for the engineer where no diagnosis has one. */
  readonly next?: string;
}

/** The result object of `stallcore triage`. */
export interface TriageResult {
  readonly type: 'triage';
  readonly verdict: Verdict;
  readonly machine: SystemState;
  readonly memalloc: MemallocResult;
}

/** What is judged by besides the tasks. */
export interface JudgeContext {
  readonly oom?: OomState | undefined;
}

/** Judges the allocation state of a dump. */
export function judge(
  memalloc: MemallocResult,
  machine: SystemState,
  { oom }: JudgeContext = {},
): TriageResult {
  return { type: 'triage', verdict: verdictOf(memalloc, oom), machine, memalloc };
}

function verdictOf(memalloc: MemallocResult, oom: OomState | undefined): Verdict {
  const { record, tasks, coverage } = memalloc;
  const missing = gaps(memalloc);
  if (record === undefined) return withoutRecord(memalloc, { gaps: missing, oom });
  // Nothing was read where no record has an age, be it for want of records or of jiffies.
  if (tasks.length === coverage.tasksWithoutRecord || record.counts.stalling === undefined) {
    return nothingRead(memalloc);
  }
  const stalling = tasks.filter((task) => task.record?.overdue === true);
  if (stalling.length === 0) return notStalled(memalloc);
  return stalled(memalloc, { stalling, missing, oom });
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

function notStalled(memalloc: MemallocResult): Verdict {
  const inFlight = memalloc.tasks.filter(
    ({ record }) => record?.inFlight === true && record.delay !== undefined && !record.torn,
  );
  const known = memalloc.tasks.length - memalloc.coverage.tasksWithoutRecord;
  const gap = gaps(memalloc);
  const waiters = waitersWithoutRequest(memalloc);
  const none =
    `is older than ${timeoutOf(memalloc)}` +
    (inFlight.length === 0 ? ', and none is in flight' : `, the oldest: ${oldestOf(inFlight)}`);
  const evidence = [
    {
      fact: `records of ${count(known, 'task')} read, ${inFlight.length} in flight`,
      verb: 'memalloc --all',
    },
    ...signs(memalloc),
  ];
  const missing = [...gap, ...(waiters.length === 0 ? [] : [sinceUnknown(waiters)])];
  const sentence = `${begin(gap.length > 0, known, waiters)} ${none}${andWaiters(waiters)}.`;
  const isSure = gap.length === 0 && waiters.length === 0;
  return { class: isSure ? 'not-stalled' : 'unknown', sentence, evidence, missing };
}

/** That it is not recorded since when they wait; the scheduler may know for how long at least. */
function sinceUnknown(waiters: readonly MemallocTask[]): string {
  const wait = waiters.length === 1 ? 'waits' : 'wait';
  const off = waiters.flatMap((task) => {
    const seconds = task.evidence?.offCpu?.value;
    return seconds === undefined ? [] : [{ task, text: `${seconds.toFixed(1)} s` }];
  });
  const [first] = off;
  if (first === undefined) return `since when ${nameList(waiters)} ${wait}`;
  const each = off.map(({ task, text }) => `${nameOf(task)} ${text}`);
  const least = waiters.length === 1 ? first.text : inSentence(each, OFF_CPU_SHOWN);
  return `since when exactly ${nameList(waiters)} ${wait}: without a CPU for ${least} at least`;
}

const OFF_CPU_SHOWN = 3;

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
