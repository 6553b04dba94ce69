// From the allocation state to a verdict, as far as records and counters alone can carry it: the
// two kinds of stall that the kmallocwd documentation tells apart, and "not a memory problem".

import { memallocFormat } from '../kernel/memalloc-format.ts';
import { isInNofsScope, isReclaiming } from '../kernel/task-flags.ts';
import type { SystemState } from '../kernel/system.ts';
import type { MemallocResult, MemallocTask } from '../kernel/memalloc-report.ts';

/**
 * - `after-oom-kill`: requests stall although the OOM killer has chosen a victim
 * - `only-nofs`: requests stall, no victim, and none of them may invoke the OOM killer
 * - `no-oom-kill`: requests stall, no victim, though some of them may invoke it
 * - `stalled`: requests stall; whether there is a victim, or what they may do, could not be read
 * - `not-stalled`: no request is older than the timeout
 * - `unknown`: this kernel keeps no record, or it could not be read
 */
export type VerdictClass =
  'after-oom-kill' | 'only-nofs' | 'no-oom-kill' | 'stalled' | 'not-stalled' | 'unknown';

/** A fact that speaks for or against, with the verb that shows it. */
export interface Evidence {
  readonly fact: string;
  /** The verb to look it up with. */
  readonly verb: string;
}

/** The answer. */
export interface Verdict {
  readonly class: VerdictClass;
  /** One plain sentence. */
  readonly sentence: string;
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
    evidence: [{ fact: `${count(memalloc.tasks.length, 'task')} found`, verb: 'tasks' }],
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
  const since =
    `${atLeast}${count(stalling.length, 'task')} ${stalling.length === 1 ? 'is' : 'are'} stuck ` +
    `in the memory allocator, longest ${oldestOf(stalling)}`;
  const base = {
    evidence: stallEvidence(memalloc, { stalling, victims }),
    missing: [...missing, 'what the tasks wait for: stacks and locks are not read yet'],
  };
  if (victims.tasks.length > 0) {
    return { ...base, class: 'after-oom-kill', sentence: afterKill(since, victims.tasks) };
  }
  if (!victims.isKnown) {
    const sentence = `${since}; whether the OOM killer has chosen a victim could not be read.`;
    return { ...base, class: 'stalled', sentence };
  }
  const maskAsAsked = memallocFormat(memalloc.record?.format ?? '')?.maskAsAsked === true;
  const cannot = stalling.map((task) => cannotInvokeOom(task, maskAsAsked));
  return { ...base, ...beforeKill(since, cannot, base.missing) };
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

interface Victims {
  readonly tasks: readonly MemallocTask[];
  readonly source: string;
  /** Whether a task could have been seen to be one. */
  readonly isKnown: boolean;
}

/**
 * The tasks with TIF_MEMDIE, and one of each other process with signal->oom_mm (v4.9), which stays
 * when the marked thread has gone. That there is none is known only where each task was asked.
 */
function victimsOf({ tasks, coverage }: MemallocResult): Victims {
  const marked = tasks.filter(({ words }) => words.victim === true);
  const signals = new Set(marked.map(({ signal }) => signal));
  const chosen = processes(tasks.filter(({ oomMm }) => (oomMm ?? '0x0') !== '0x0'));
  const others = chosen.filter(({ signal }) => !signals.has(signal));
  const source = [
    ...(marked.length > 0 ? ['TIF_MEMDIE'] : []),
    ...(others.length > 0 ? ['signal->oom_mm'] : []),
  ].join(', ');
  const isKnown =
    coverage.taskListComplete &&
    tasks.every(({ words, oomMm, oomScoreAdj }) =>
      // A signal_struct that was read and has no oom_mm is that of a kernel before v4.9.
      oomMm === undefined ? oomScoreAdj !== undefined && words.victim === false : true,
    );
  return { tasks: [...marked, ...others], source, isKnown };
}

/** A sleep that SIGKILL does not end: TASK_UNINTERRUPTIBLE without TASK_WAKEKILL. */
function sleepsUnkillably({ words, stateBits }: MemallocTask): boolean {
  return words.uninterruptible === true && ((stateBits ?? 0) & TASK_WAKEKILL) === 0;
}

/** 0x100, and 0x80 before v4.14; the other of the two never goes with TASK_UNINTERRUPTIBLE. */
const TASK_WAKEKILL = 0x180;

function afterKill(since: string, victims: readonly MemallocTask[]): string {
  const asleep = victims.filter(sleepsUnkillably);
  const all = `${since}, although the OOM killer has chosen ${nameList(victims)}`;
  if (asleep.length === 0) return `${all}.`;
  if (victims.length === 1) return `${all}, which sleeps where SIGKILL does not wake it.`;
  const sleep =
    asleep.length === 1
      ? 'sleeps where SIGKILL does not wake it'
      : 'sleep where SIGKILL does not wake them';
  return `${all}; ${nameList(asleep)} ${sleep}.`;
}

function stallEvidence(
  { record }: MemallocResult,
  about: { stalling: readonly MemallocTask[]; victims: Victims },
): Evidence[] {
  const { counts } = record ?? {};
  const number = (value: number | undefined): string => String(value ?? '?');
  const counted =
    `${number(counts?.stalling)} stalling, ${number(counts?.dying)} dying, ` +
    `${number(counts?.victim)} victim`;
  const { tasks, source } = about.victims;
  return [
    { fact: `${counted} (stalling: older than ${thresholdOf(record)})`, verb: 'memalloc' },
    { fact: `requests: ${masksOf(about.stalling)}`, verb: 'memalloc --all' },
    ...(tasks.length === 0
      ? []
      : [{ fact: `OOM victims (${source}): ${nameList(tasks)}`, verb: 'tasks' }]),
  ];
}

/** `10 s, kmallocwd_timeout`, or in jiffies where HZ is not known. */
function thresholdOf(record: MemallocResult['record']): string {
  const { timeoutSeconds, timeoutJiffies } = record ?? {};
  if (timeoutSeconds === undefined) return `${timeoutJiffies} jiffies`;
  return `${timeoutSeconds.value} s, ${timeoutSeconds.source}`;
}

const TWO_DUMPS = 'whether the requests progress: a second dump would show their seq moving';

function notStalled(memalloc: MemallocResult): Verdict {
  const inFlight = memalloc.tasks.filter(
    ({ record }) => record?.inFlight === true && record.delay !== undefined && !record.torn,
  );
  const known = memalloc.tasks.length - memalloc.coverage.tasksWithoutRecord;
  const missing = gaps(memalloc);
  const none =
    `no request is older than ${thresholdOf(memalloc.record).split(',')[0]}` +
    (inFlight.length === 0 ? ', and none is in flight.' : `, the oldest: ${oldestOf(inFlight)}.`);
  const evidence = [
    {
      fact: `records of ${count(known, 'task')} read, ${inFlight.length} in flight`,
      verb: 'memalloc --all',
    },
  ];
  if (missing.length > 0) {
    const sentence =
      'Whether tasks are stuck in the memory allocator cannot be said for all of them; ' +
      `of the ${known} that could be read, ${none}`;
    return { class: 'unknown', sentence, evidence, missing };
  }
  const sentence = `No task is stuck in the memory allocator: ${none}`;
  return { class: 'not-stalled', sentence, evidence, missing };
}

function withoutRecord(memalloc: MemallocResult): Verdict {
  const { tasks, coverage, patchSymbol } = memalloc;
  const stalledNow = tasks.filter(({ inMemstall }) => inMemstall === true);
  const chosen = processes(tasks.filter(({ oomMm }) => (oomMm ?? '0x0') !== '0x0'));
  const having = (what: string, found: readonly MemallocTask[]): Evidence[] =>
    found.length === 0
      ? []
      : [{ fact: `${what}: ${found.length} (${sample(found)})`, verb: 'tasks' }];
  return {
    class: 'unknown',
    sentence:
      `${pressure(coverage, { tasks, stalling: stalledNow.length, chosen: chosen.length })} ` +
      (patchSymbol === undefined
        ? 'Since when tasks wait for memory is not recorded: this kernel lacks the kmallocwd patch.'
        : `Since when cannot be read: the kernel has ${patchSymbol}, its types lack the record.`),
    evidence: [
      { fact: count(tasks.length, 'task'), verb: 'tasks' },
      ...having('inside reclaim or compaction (PF_MEMALLOC)', tasks.filter(isReclaiming)),
      ...having('counted as stalled on memory (in_memstall)', stalledNow),
      ...having('processes chosen by the OOM killer (signal->oom_mm)', chosen),
      ...having('tasks with SIGKILL pending', tasks.filter(hasSigkill)),
      ...having('in uninterruptible sleep, frozen ones aside', tasks.filter(sleepsHard)),
    ],
    missing: [
      ...gaps(memalloc),
      ...(coverage.tasksWithoutMemstall > 0
        ? [`whether ${coverage.tasksWithoutMemstall} of ${tasks.length} tasks stall (in_memstall)`]
        : []),
      'the age of each request',
      'what the tasks wait for: stacks and locks are not read yet',
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

/** One task for each process: its leader where it is among them. */
function processes(tasks: readonly MemallocTask[]): MemallocTask[] {
  const bySignal = new Map<string, MemallocTask>();
  for (const task of tasks) {
    const key = task.signal ?? task.address;
    if (!bySignal.has(key) || task.pid === task.tgid) bySignal.set(key, task);
  }
  return [...bySignal.values()];
}

function sleepsHard({ state, stateBits }: MemallocTask): boolean {
  return state === 'D' && ((stateBits ?? 0) & TASK_FROZEN) === 0;
}

/** A task in the freezer, which the kernel shows as D (v6.1, commit f5d39b020809). */
const TASK_FROZEN = 0x8000;

function hasSigkill({ sigkillPending, sharedSigkillPending }: MemallocTask): boolean {
  return sigkillPending === true || sharedSigkillPending === true;
}

/**
 * Whether a request can never reach the OOM killer (mm/page_alloc.c, __alloc_pages_may_oom();
 * mm/oom_kill.c, out_of_memory()). Undefined where its mask has no names, and for __GFP_NOFAIL
 * without __GFP_FS, which kernels before v4.12 let through and later ones do not.
 *
 * @param maskAsAsked the mask does not say in what scope the request was made
 */
function cannotInvokeOom(task: MemallocTask, maskAsAsked: boolean): boolean | undefined {
  const { record } = task;
  const names = record?.gfpNames;
  if (names === undefined) return undefined;
  const givesUp = /__GFP_(NORETRY|RETRY_MAYFAIL|THISNODE)\b|GFP_TRANSHUGE/.test(names);
  if (givesUp || (record?.order ?? 0) > PAGE_ALLOC_COSTLY_ORDER) return true;
  if (/\bGFP_(KERNEL|USER|HIGHUSER)|__GFP_FS\b/.test(names)) {
    if (!maskAsAsked || !isInNofsScope(task)) return false;
    // Reclaim may have come to a file system, whose scope is not that of the request.
    if (isReclaiming(task)) return undefined;
  }
  return /__GFP_NOFAIL\b/.test(names) ? undefined : true;
}

/** include/linux/mmzone.h */
const PAGE_ALLOC_COSTLY_ORDER = 3;

/** `backup(412) for 23.7 s`: who has waited longest. */
function oldestOf(tasks: readonly MemallocTask[]): string {
  let oldest: MemallocTask | undefined;
  for (const task of tasks) {
    if (oldest === undefined || age(task) > age(oldest)) oldest = task;
  }
  if (oldest === undefined) return 'none';
  const seconds = oldest.record?.delaySeconds;
  const waited = seconds === undefined ? `${age(oldest)} jiffies` : `${seconds.toFixed(1)} s`;
  return `${nameOf(oldest)} for ${waited}`;
}

function age({ record }: MemallocTask): bigint {
  return BigInt(record?.delay ?? 0);
}

function masksOf(tasks: readonly MemallocTask[]): string {
  const counts = new Map<string, number>();
  for (const { record } of tasks) {
    const name = record?.gfpNames ?? record?.gfpMask ?? '';
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, times]) => `${times} × ${name}`).join(', ');
}

function nameOf({ comm, pid }: { comm?: string; pid?: number }): string {
  return `${comm ?? '?'}(${pid ?? '?'})`;
}

const NAMES_SHOWN = 4;

function sample(tasks: readonly MemallocTask[]): string {
  const shown = tasks.slice(0, NAMES_SHOWN).map(nameOf).join(', ');
  return tasks.length > NAMES_SHOWN ? `${shown}, …` : shown;
}

function nameList(tasks: readonly MemallocTask[]): string {
  const shown = tasks.slice(0, NAMES_SHOWN).map(nameOf).join(' and ');
  return tasks.length > NAMES_SHOWN ? `${shown} and ${tasks.length - NAMES_SHOWN} more` : shown;
}

function count(number: number, noun: string, plural = 's'): string {
  return `${number} ${noun}${number === 1 ? '' : plural}`;
}
