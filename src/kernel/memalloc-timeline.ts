// The reports of the watchdog in a log, one beside the other: who was listed when, whose request
// went on and whose did not. The rule for two reports of a task is that for two dumps:
//
//   seq moved                             progressing
//   seq the same, switches moved          livelocked: it runs, and comes to no end
//   seq the same, switches the same, D    blocked
//   seq the same, switches the same       starved of CPU
//
// A version that does not print switches cannot tell the last three apart: stuck. Ages are compared
// with ages, never with time stamps: a console that is late makes those of two reports drift.

import type { LogEvent } from './log-events.ts';
import { parseLogEvent } from './log-events.ts';
import type { LogLine } from './log-lines.ts';
import type { InfoCounts } from './memalloc-lines.ts';
import { parseWatchdogLine, type MemallocLine } from './memalloc-parse.ts';
import { optional } from '../util/optional.ts';

/** What a task's lines in two reports say. */
export type Progress = 'progressing' | 'livelocked' | 'blocked' | 'starved' | 'stuck' | 'unknown';

/** The same, or that a task is listed for the first time, or not any more, or not now. */
export type Step = Progress | 'joined' | 'left' | 'not listed';

/** One report. */
export interface WatchdogReportRead {
  /** Time stamp of its first line, microseconds since boot. */
  readonly timeUs?: number;
  /** Of its Info line; absent where it has none: the RFC, or the line is lost. */
  readonly counts?: InfoCounts;
  /** Of the Info line that ends it, where the version prints one. */
  readonly countsAfter?: InfoCounts;
  readonly taskCount: number;
  /** Fewer requests are listed than the Info line counts: lines are lost. */
  readonly incomplete: boolean;
  /** Jiffies since the report before, by requests that are in both. */
  readonly elapsed?: number;
}

/** One task on the timeline. */
export interface TimelineTask {
  readonly comm: string;
  readonly pid: number;
  /** A line for each report, null where it is not listed. */
  readonly lines: readonly (MemallocLine | null)[];
  /** For each report but the first: what became of it since the last one that lists it. */
  readonly steps: readonly Step[];
}

/** An event, and after how many reports it came. */
export interface PlacedEvent extends LogEvent {
  readonly afterReports: number;
}

/** The stall that a log tells of. */
export interface MemallocTimeline {
  readonly type: 'log-memalloc';
  /** The last ones, where there are more than REPORTS_MAX. */
  readonly reports: readonly WatchdogReportRead[];
  readonly reportsNotListed: number;
  readonly tasks: readonly TimelineTask[];
  readonly events: readonly PlacedEvent[];
  /** Events past EVENTS_MAX, which are counted only. */
  readonly eventsNotListed: number;
  /** Lines that begin as the watchdog's and are none that a version prints. */
  readonly notParsed: readonly string[];
  readonly lineCount: number;
}

/** More events than anybody reads; a console log of weeks may have millions. */
const EVENTS_MAX = 10_000;
/** Three hours of reports; of a longer stall the end counts. */
const REPORTS_MAX = 1000;
const NOT_PARSED_MAX = 20;
const NOT_PARSED_LENGTH = 1024;

/** Reads the lines of a log, oldest first. */
export function memallocTimeline(lines: Iterable<LogLine>): MemallocTimeline {
  const reader = new ReportReader();
  const events: PlacedEvent[] = [];
  let eventsNotListed = 0;
  let lineCount = 0;
  for (const line of lines) {
    lineCount++;
    const event = reader.read(line) ? undefined : parseLogEvent(line);
    if (event === undefined) continue;
    if (events.length >= EVENTS_MAX) eventsNotListed++;
    else events.push({ ...event, afterReports: reader.reports.length + reader.dropped });
  }
  const { reports, notParsed, dropped } = reader;
  const read = reports.map((report, at) => {
    const since = at === 0 ? undefined : elapsedBetween(reports[at - 1]!, report);
    return { ...reportRead(report), ...optional('elapsed', since) };
  });
  const tasks = timelineTasks(reports, read);
  const type = 'log-memalloc' as const;
  return {
    type,
    reports: read,
    reportsNotListed: dropped,
    tasks,
    events: events.map((event) => ({
      ...event,
      afterReports: Math.max(0, event.afterReports - dropped),
    })),
    eventsNotListed,
    notParsed,
    lineCount,
  };
}

interface Report {
  readonly timeUs?: number;
  readonly counts?: InfoCounts;
  countsAfter?: InfoCounts;
  readonly tasks: Map<string, MemallocLine>;
}

/** Puts lines together to reports. */
class ReportReader {
  readonly reports: Report[] = [];
  readonly notParsed: string[] = [];
  dropped = 0;

  /** Whether the line is the watchdog's. */
  read({ timeUs, text }: LogLine): boolean {
    const line = parseWatchdogLine(text);
    if (line === undefined) return false;
    if (line.kind === 'task') this.#add(line.task, timeUs);
    else if (line.kind === 'info') this.#info(line.counts, line.opensAndCloses, timeUs);
    else if (this.notParsed.length < NOT_PARSED_MAX)
      this.notParsed.push(text.slice(0, NOT_PARSED_LENGTH));
    return true;
  }

  /** The line that ends a report says what the first one said: only the OOM counters may move. */
  #info(counts: InfoCounts, closes: boolean, timeUs: number | undefined): void {
    const open = this.reports.at(-1);
    if (closes && open?.counts !== undefined && open.tasks.size > 0 && !open.countsAfter) {
      const isSame = (['stalling', 'dying', 'exiting', 'victim'] as const).every(
        (name) => open.counts?.[name] === counts[name],
      );
      if (isSame) {
        open.countsAfter = counts;
        return;
      }
    }
    this.#open({ ...optional('timeUs', timeUs), counts, tasks: new Map() });
  }

  #add(task: MemallocLine, timeUs: number | undefined): void {
    const key = `${task.pid} ${task.comm}`;
    let report = this.reports.at(-1);
    const known = report?.tasks.get(key);
    // v1 lists a dying task's request and its state apart; any other task comes once a report.
    const goesTogether =
      known === undefined || (known.delay === undefined) !== (task.delay === undefined);
    if (report === undefined || report.countsAfter !== undefined || !goesTogether) {
      report = { ...optional('timeUs', timeUs), tasks: new Map() };
      this.#open(report);
    }
    const before = report.tasks.get(key);
    report.tasks.set(key, before === undefined ? task : merged(before, task));
  }

  #open(report: Report): void {
    this.reports.push(report);
    if (this.reports.length <= REPORTS_MAX) return;
    this.reports.shift();
    this.dropped++;
  }
}

function merged(a: MemallocLine, b: MemallocLine): MemallocLine {
  return {
    ...a,
    ...b,
    uninterruptible: a.uninterruptible || b.uninterruptible,
    exiting: a.exiting || b.exiting,
    dying: a.dying || b.dying,
    victim: a.victim || b.victim,
  };
}

function reportRead({ timeUs, counts, countsAfter, tasks }: Report): WatchdogReportRead {
  const requests = [...tasks.values()].filter(({ gfp, cut }) => gfp !== undefined || cut === true);
  return {
    ...optional('timeUs', timeUs),
    ...optional('counts', counts),
    ...optional('countsAfter', countsAfter),
    taskCount: tasks.size,
    incomplete: requests.length < (counts?.stalling ?? 0),
  };
}

/** The jiffies that passed: what most of the requests that are in both have grown by. */
function elapsedBetween(before: Report, now: Report): number | undefined {
  const grown: number[] = [];
  for (const [key, { seq, delay }] of now.tasks) {
    const old = before.tasks.get(key);
    if (seq === undefined || old?.seq !== seq) continue;
    if (delay !== undefined && old.delay !== undefined) grown.push(delay - old.delay);
  }
  return grown.sort((a, b) => a - b)[grown.length >> 1];
}

function timelineTasks(
  reports: readonly Report[],
  read: readonly WatchdogReportRead[],
): TimelineTask[] {
  const keys = new Set(reports.flatMap(({ tasks }) => [...tasks.keys()]));
  return [...keys].map((key) => {
    const lines = reports.map(({ tasks }) => tasks.get(key) ?? null);
    const { comm, pid } = lines.find((line) => line !== null)!;
    return { comm, pid, lines, steps: stepsOf(lines, read) };
  });
}

function stepsOf(
  lines: readonly (MemallocLine | null)[],
  reports: readonly WatchdogReportRead[],
): Step[] {
  let last = lines[0] ?? undefined;
  // Jiffies since the report of `last`; unknown once one step is.
  let elapsed: number | undefined = 0;
  return lines.slice(1).map((line, at) => {
    const report = reports[at + 1]!;
    const step: number | undefined = report.elapsed;
    elapsed = elapsed === undefined || step === undefined ? undefined : elapsed + step;
    if (line === null) {
      const isGone = last !== undefined && lines[at] !== null && !report.incomplete;
      return isGone && report.taskCount > 0 ? 'left' : 'not listed';
    }
    // What a report of which lines are lost does not list may have been there all the same.
    const isNew = reports.slice(0, at + 1).some(({ incomplete }) => !incomplete);
    const first = isNew ? 'joined' : 'unknown';
    const result = last === undefined ? first : progressBetween(last, line, elapsed);
    last = line;
    elapsed = 0;
    return result;
  });
}

/**
 * What two lines of a task say, by the rule at the top of this file.
 *
 * @param elapsed jiffies between the two reports, where known
 */
export function progressBetween(
  before: MemallocLine,
  now: MemallocLine,
  elapsed: number | undefined,
): Progress {
  if (before.cut === true || now.cut === true) {
    const moved = before.seq !== undefined && now.seq !== undefined && before.seq !== now.seq;
    return moved ? 'progressing' : 'unknown';
  }
  if (before.delay !== undefined && now.delay === undefined) return 'progressing';
  if (now.delay === undefined) return withoutRequest(before, now);
  if (before.delay === undefined) {
    // Its request may have been too young to be printed then, or there was none.
    if (elapsed === undefined) return 'unknown';
    return now.delay < elapsed ? 'progressing' : sameRequest(before, now);
  }
  if (before.seq !== now.seq || now.delay < before.delay) return 'progressing';
  return sameRequest(before, now);
}

function sameRequest(before: MemallocLine, now: MemallocLine): Progress {
  if (before.switches === undefined || now.switches === undefined) return 'stuck';
  if (before.switches !== now.switches) return 'livelocked';
  return now.uninterruptible ? 'blocked' : 'starved';
}

/** Victims and kswapd are listed without a request; who sleeps in no D may just have no work. */
function withoutRequest(before: MemallocLine, now: MemallocLine): Progress {
  const isStill = before.switches !== undefined && before.switches === now.switches;
  return isStill && before.uninterruptible && now.uninterruptible ? 'blocked' : 'unknown';
}
