// The lines that the watchdog would have printed at the instant of the dump: the rules of
// kmallocwd() and check_memalloc_stalling_tasks() of each version, on facts already read.

import type { MemallocFormat } from './memalloc-format.ts';
import type { MemallocRecord } from './memalloc.ts';
import type { Task } from './task.ts';

/** What the Info line counts; absent where it could be read of no task at all. */
export interface InfoCounts {
  readonly stalling?: number;
  readonly dying?: number;
  readonly exiting?: number;
  readonly victim?: number;
  /** Calls of out_of_memory(), and of __alloc_pages_may_oom() that gave up; where counted. */
  readonly oomCount?: number;
  readonly noOomCount?: number;
}

/** The state of a task in the words of the patch; a word is absent where its member is. */
export interface TaskWords {
  /** `state & TASK_UNINTERRUPTIBLE`, which TASK_IDLE and TASK_KILLABLE contain too. */
  readonly uninterruptible?: boolean;
  /** PF_EXITING, from v5's drafts on only until the task is dead. */
  readonly exiting?: boolean;
  /** fatal_signal_pending(): TIF_SIGPENDING, and SIGKILL in the task's own pending set. */
  readonly dying?: boolean;
  /** TIF_MEMDIE. */
  readonly victim?: boolean;
}

/** One task with what the watchdog looks at. */
export interface WatchedTask {
  readonly task: Task;
  readonly words: TaskWords;
  /** PF_KSWAPD. */
  readonly kswapd: boolean;
  /** Absent where the task has none (L1) or it could not be read. */
  readonly record: MemallocRecord | undefined;
}

/** What the lines depend on besides the tasks. */
export interface WatchdogSettings {
  readonly format: MemallocFormat;
  /** The entries of memalloc_list in its order, which v1 goes along for the requests. */
  readonly listed?: readonly MemallocRecord[];
  readonly timeoutJiffies: bigint;
  readonly describeGfp: (mask: number) => string | undefined;
  readonly oomCount?: number;
  readonly noOomCount?: number;
}

/** What the watchdog would have said. */
export interface WatchdogReport {
  /** The real watchdog would have printed nothing: no request had reached its timeout. */
  readonly silent: boolean;
  readonly counts: InfoCounts;
  /** In the kernel's order and words, without time stamps. */
  readonly lines: readonly string[];
  /** The tasks that a report lists as stalling: from v4 on those past half of the timeout. */
  readonly stalling: readonly WatchedTask[];
  /** The tasks whose request is as old as the whole timeout. */
  readonly overdue: readonly WatchedTask[];
}

/** The report of the watchdog on tasks given in the order of for_each_process_thread(). */
export function watchdogReport(
  watched: readonly WatchedTask[],
  settings: WatchdogSettings,
): WatchdogReport {
  const { format, timeoutJiffies } = settings;
  const threshold = format.halfTimeout ? timeoutJiffies / 2n : timeoutJiffies;
  const stalls = (each: WatchedTask): boolean => stallsSince(each.record, threshold);
  const stalling = watched.filter(stalls);
  const requests = requestsOf(watched, settings);
  const counts = countTasks(watched, countStalling(requests, { settings, threshold }), settings);
  // The thread wakes up for a request that has reached the whole timeout. Where none has, the
  // counts are still of use; the tasks that a report would have listed beside are not.
  const overdue = watched.filter((each) => stallsSince(each.record, timeoutJiffies));
  const silent = format.lists !== 'in-flight' && overdue.length === 0;
  const info = infoLines(settings, counts);
  const tasks = taskLines(watched, { settings, stalls, threshold });
  const lines = silent ? info : [...info, ...tasks, ...(format.infoTwice ? info : [])];
  return { silent, counts, lines, stalling, overdue };
}

/** is_stalling_task(): time_after_eq(now - timeout, start), which compares as signed. */
function stallsSince(record: MemallocRecord | undefined, threshold: bigint): boolean {
  if (record?.delay === undefined || record.depth === 0 || record.torn) return false;
  return BigInt.asIntN(64, BigInt(record.delay) - threshold) >= 0n;
}

/** What is looked at to find stalls: the entries of v1's list, a task's record since. */
function requestsOf(
  watched: readonly WatchedTask[],
  { listed, format }: WatchdogSettings,
): readonly MemallocRecord[] {
  if (listed !== undefined && format.lists === 'separate') return listed;
  return watched.flatMap(({ record }) => record ?? []);
}

function countStalling(
  requests: readonly MemallocRecord[],
  { settings, threshold }: { settings: WatchdogSettings; threshold: bigint },
): number {
  const stalling = requests.filter((record) => stallsSince(record, threshold));
  if (settings.format.lists !== 'separate') return stalling.length;
  // v1 counts with time_after(), which leaves out a request that is exactly as old as the timeout,
  // and lists with !time_before(), which does not.
  const exact = settings.timeoutJiffies.toString();
  return stalling.filter(({ delay }) => delay !== exact).length;
}

/** Counts tasks by their words. */
function countTasks(
  watched: readonly WatchedTask[],
  stalling: number,
  settings: WatchdogSettings,
): InfoCounts {
  const count = <Key extends keyof TaskWords>(word: Key): { [K in Key]?: number } => {
    const having = watched.filter(({ words }) => words[word] === true).length;
    const unknown = watched.filter(({ words }) => words[word] === undefined).length;
    // None that is known to be, and some of which it is not known, is no count of 0.
    if (watched.length === 0 || (having === 0 && unknown > 0)) return {};
    return { [word]: having } as { [K in Key]?: number };
  };
  // Of layout L1 a task without an entry has no request; elsewhere each task has a record.
  // Without jiffies no request has an age.
  const isKnown =
    watched.some(({ record }) => record?.delay !== undefined) ||
    (settings.listed !== undefined && watched.every(({ record }) => record === undefined));
  return {
    ...(isKnown ? { stalling } : {}),
    ...count('dying'),
    ...count('exiting'),
    ...count('victim'),
    ...(settings.oomCount === undefined ? {} : { oomCount: settings.oomCount }),
    ...(settings.noOomCount === undefined ? {} : { noOomCount: settings.noOomCount }),
  };
}

function infoLines({ format }: WatchdogSettings, counts: InfoCounts): string[] {
  if (format.info === undefined) return [];
  const { stalling, dying, exiting, victim } = counts;
  const values: (number | undefined)[] = format.info.includes('exiting')
    ? [stalling, dying, exiting, victim, counts.oomCount, counts.noOomCount]
    : [stalling, dying, victim];
  let index = 0;
  return [format.info.replace(/%u/g, () => String(values[index++] ?? '?'))];
}

interface Listing {
  readonly settings: WatchdogSettings;
  readonly stalls: (watched: WatchedTask) => boolean;
  /** jiffies */
  readonly threshold: bigint;
}

function taskLines(watched: readonly WatchedTask[], listing: Listing): string[] {
  const { settings, stalls } = listing;
  switch (settings.format.lists) {
    case 'separate':
      return [
        ...listedLines(watched, listing),
        ...watched
          .filter(({ words }) => words.dying === true || words.victim === true)
          .map((each) => lineHead(each) + stateWords(each, settings.format)),
      ];
    case 'in-flight':
      return watched
        .filter(({ record }) => record !== undefined && record.depth > 0)
        .map((each) => rfcLine(each, settings));
    default:
      return watched
        .filter((each) => isListed(each, listing))
        .flatMap((each) => [
          lineHead(each) +
            flagWords(each, settings.format) +
            (stalls(each) ? requestWords(each, settings) : '') +
            stateWords(each, settings.format),
          ...traceLines(each, settings.format),
        ]);
  }
}

/** v1: a line for each entry, so that a task has one for each of its requests. */
function listedLines(
  watched: readonly WatchedTask[],
  { settings, threshold }: Listing,
): readonly string[] {
  const byAddress = new Map(watched.map((each) => [each.task.address, each]));
  return requestsOf(watched, settings)
    .filter((record) => stallsSince(record, threshold))
    .flatMap((record) => {
      const each = byAddress.get(record.task);
      return each === undefined
        ? []
        : [lineHead(each) + requestWords({ ...each, record }, settings)];
    });
}

function isListed(each: WatchedTask, { settings, stalls }: Listing): boolean {
  const { lists } = settings.format;
  if (each.words.victim === true || each.words.dying === true || stalls(each)) return true;
  if (lists === 'dying') return false;
  return each.words.exiting === true || (lists === 'kswapd' && each.kswapd);
}

/** How each line begins. */
export function lineHead({ task }: Pick<WatchedTask, 'task'>): string {
  return `MemAlloc: ${task.comm ?? '?'}(${task.pid ?? '?'})`;
}

/** `flags=` and `switches=`, where the format has them. */
export function flagWords({ task }: Pick<WatchedTask, 'task'>, format: MemallocFormat): string {
  const flags = format.flags ? ` flags=0x${task.flags?.toString(16) ?? '?'}` : '';
  const { nvcsw, nivcsw } = task;
  const switches = nvcsw === undefined || nivcsw === undefined ? '?' : nvcsw + nivcsw;
  return flags + (format.switches ? ` switches=${switches}` : '');
}

function requestWords({ record }: WatchedTask, { format, describeGfp }: WatchdogSettings): string {
  if (record === undefined) return '';
  const mask = Number(record.gfpMask);
  // %pGg writes bits that it has no name for in hex.
  const names = format.request === 'names' ? `(${describeGfp(mask) ?? record.gfpMask})` : '';
  const seq = format.request === 'plain' ? '' : ` seq=${record.seq ?? '?'}`;
  // The member is an unsigned int: a mempool request, -1, prints as 4294967295.
  const order = record.mempool ? 0xffffffff : record.order;
  const delay = record.delay ?? '?';
  const words = `${seq} gfp=0x${mask.toString(16)}${names} order=${order} delay=${delay}`;
  return words.slice(0, format.requestSize - 1);
}

/** ` uninterruptible` and the like. */
export function stateWords({ words }: Pick<WatchedTask, 'words'>, format: MemallocFormat): string {
  return (
    (words.uninterruptible === true ? ' uninterruptible' : '') +
    (format.exitingWord && words.exiting === true ? ' exiting' : '') +
    (words.dying === true ? ' dying' : '') +
    (words.victim === true ? ' victim' : '')
  );
}

/** The RFC puts its line into sched_show_task(); its second posting added the state. */
function rfcLine(each: WatchedTask, settings: WatchdogSettings): string {
  const state = settings.format.id === 'rfc2' && each.words.uninterruptible === true;
  return (
    lineHead(each) +
    flagWords(each, settings.format) +
    requestWords(each, settings) +
    (state ? ' uninterruptible' : '')
  );
}

/** The draft of 2016-03-02 replaces a trace that it knows by one line. */
function traceLines({ record }: WatchedTask, format: MemallocFormat): string[] {
  if (format.id !== '2016-03-02') return [];
  if (record?.knownLocation === 1) return ['Call Trace: looping inside shrink_inactive_list()'];
  return record?.knownLocation === 2 ? ['Call Trace: waiting for oom_lock'] : [];
}
