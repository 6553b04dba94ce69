// Two reports of the watchdog in one log, compared as two dumps are: for who has nothing but a
// console log, or one dump whose log has several reports.

import type { MemallocLine } from '../../kernel/memalloc-parse.ts';
import {
  progressBetween,
  type MemallocTimeline,
  type PlacedEvent,
  type Step,
  type WatchdogReportRead,
} from '../../kernel/memalloc-timeline.ts';
import { count } from '../../util/count.ts';
import { InvalidError } from '../../util/errors.ts';
import { optional } from '../../util/optional.ts';
import { inSentence, nameOf } from '../words.ts';
import type { PairClass } from './pair-verdict.ts';

/** One task of the two reports. */
export interface ReportedTask {
  readonly comm: string;
  readonly pid: number;
  /** `left`: listed no more; its request has ended, or it has. */
  readonly progress: Step;
  readonly before?: MemallocLine;
  readonly now?: MemallocLine;
}

/** Which reports of how many, counted from 1, and what is known of each. */
export interface ComparedReport extends WatchdogReportRead {
  readonly number: number;
}

/** The result object of `stallcore compare --log`. */
export interface CompareLogResult {
  readonly type: 'compare-log';
  readonly verdict: {
    readonly class: PairClass;
    readonly sentence: string;
    readonly because: readonly string[];
    readonly missing: readonly string[];
  };
  readonly reportCount: number;
  readonly before: ComparedReport;
  readonly now: ComparedReport;
  /** Jiffies between them, by requests that are in both. */
  readonly elapsedJiffies?: number;
  /** Seconds by time stamps, which are those of printing and may be late. */
  readonly stampSeconds?: number;
  readonly tasks: readonly ReportedTask[];
  /** What the log tells between the two: kills, hung tasks, lost lines. */
  readonly events: readonly PlacedEvent[];
}

/**
 * Compares two reports of a log; the last two unless told.
 *
 * @param numbers which ones, counted from 1
 * @throws InvalidError where the log has no two reports, or none of that number
 */
export function compareReports(
  timeline: MemallocTimeline,
  numbers?: readonly [first: number, second: number],
): CompareLogResult {
  const { reports } = timeline;
  const [first, second] = chosen(reports.length, numbers);
  const tasks = timeline.tasks.flatMap((task) => reportedTask(task, { first, second, reports }));
  const [before, now] = [reportAt(reports, first), reportAt(reports, second)];
  const elapsed = elapsedOf(reports, first, second);
  const stamps =
    before.timeUs === undefined || now.timeUs === undefined
      ? undefined
      : (now.timeUs - before.timeUs) / 1e6;
  const events = timeline.events.filter(
    ({ afterReports }) => afterReports >= first && afterReports < second,
  );
  const facts = { before, now, tasks, elapsed, stamps, events };
  return {
    type: 'compare-log',
    verdict: verdictOf(facts),
    reportCount: reports.length,
    before,
    now,
    ...optional('elapsedJiffies', elapsed),
    ...optional('stampSeconds', stamps),
    tasks,
    events,
  };
}

function chosen(total: number, numbers?: readonly [number, number]): readonly [number, number] {
  if (total < 2) {
    throw new InvalidError(`the log has ${count(total, 'report')} of kmallocwd: two are compared`);
  }
  const [a, b] = numbers ?? [total - 1, total];
  const [first, second] = a < b ? [a, b] : [b, a];
  if (first < 1 || second > total || first === second) {
    throw new InvalidError(`reports ${a} and ${b}: expected two of 1 to ${total}`);
  }
  return [first, second];
}

function reportAt(reports: readonly WatchdogReportRead[], number: number): ComparedReport {
  return { number, ...(reports[number - 1] as WatchdogReportRead) };
}

/** Unknown once the step between two reports is. */
function elapsedOf(
  reports: readonly WatchdogReportRead[],
  first: number,
  second: number,
): number | undefined {
  let sum = 0;
  for (const { elapsed } of reports.slice(first, second)) {
    if (elapsed === undefined) return undefined;
    sum += elapsed;
  }
  return sum;
}

function reportedTask(
  { comm, pid, lines }: MemallocTimeline['tasks'][number],
  about: { first: number; second: number; reports: readonly WatchdogReportRead[] },
): ReportedTask[] {
  const { first, second, reports } = about;
  const before = lines[first - 1] ?? undefined;
  const now = lines[second - 1] ?? undefined;
  if (before === undefined && now === undefined) return [];
  const progress = stepOf(before, now, {
    elapsed: elapsedOf(reports, first, second),
    // What a report of which lines are lost does not list may be there all the same.
    isWholeBefore: reports[first - 1]?.incomplete !== true,
    isWholeNow: reports[second - 1]?.incomplete !== true,
  });
  return [{ comm, pid, progress, ...optional('before', before), ...optional('now', now) }];
}

function stepOf(
  before: MemallocLine | undefined,
  now: MemallocLine | undefined,
  known: { elapsed: number | undefined; isWholeBefore: boolean; isWholeNow: boolean },
): Step {
  if (before !== undefined && now !== undefined) return progressBetween(before, now, known.elapsed);
  if (now === undefined) return known.isWholeNow ? 'left' : 'unknown';
  return known.isWholeBefore ? 'joined' : 'unknown';
}

interface LogFacts {
  readonly before: ComparedReport;
  readonly now: ComparedReport;
  readonly tasks: readonly ReportedTask[];
  readonly elapsed: number | undefined;
  readonly stamps: number | undefined;
  readonly events: readonly PlacedEvent[];
}

const STUCK: readonly Step[] = ['livelocked', 'blocked', 'starved', 'stuck'];

/** Who was listed with a request, by what became of it. */
function verdictOf(facts: LogFacts): CompareLogResult['verdict'] {
  const { tasks, before, now, events } = facts;
  const asked = tasks.filter((task) => task.before?.delay !== undefined);
  const ended = asked.filter(({ progress }) => progress === 'progressing' || progress === 'left');
  const still = asked.filter(({ progress }) => STUCK.includes(progress));
  const joined = tasks.filter(
    (task) => task.progress === 'joined' && task.now?.delay !== undefined,
  );
  const victims = tasks.filter((task) => task.now?.victim === true && task.before?.victim === true);
  const kills = events.filter(({ kind }) => kind === 'oom-kill').length;
  const found = classOf({ asked, ended, still, joined });
  return {
    class: found,
    sentence: sentenceOf(found, { asked, ended, still, joined }, facts),
    because: [
      ...listed('in the same request in both', still),
      ...listed('their request has ended, or they have', ended),
      ...listed('listed for the first time', joined),
      ...listed('victims of the OOM killer in both', victims),
      ...(kills === 0 ? [] : [`${count(kills, 'kill')} by the OOM killer between them`]),
    ],
    missing: [
      ...(before.incomplete || now.incomplete
        ? ['tasks of a report of which lines are missing']
        : []),
      ...(facts.elapsed === undefined ? ['how many jiffies lie between the reports'] : []),
      ...(tasks.some(({ progress }) => progress === 'stuck')
        ? ['whether those that are stuck ran: this version does not print switches']
        : []),
    ],
  };
}

interface Sorted {
  readonly asked: readonly ReportedTask[];
  readonly ended: readonly ReportedTask[];
  readonly still: readonly ReportedTask[];
  readonly joined: readonly ReportedTask[];
}

function classOf({ asked, ended, still, joined }: Sorted): PairClass {
  if (still.length > 0) return ended.length === 0 ? 'stalled' : 'partly-stalled';
  if (joined.length > 0) return ended.length > 0 ? 'overload' : 'stall-begun';
  if (ended.length > 0) return 'recovered';
  return asked.length > 0 ? 'unknown' : 'not-stalled';
}

const NAMES_SHOWN = 6;

function listed(what: string, tasks: readonly ReportedTask[]): string[] {
  if (tasks.length === 0) return [];
  return [`${what}: ${inSentence(tasks.map(nameOf), NAMES_SHOWN)}`];
}

function sentenceOf(
  found: PairClass,
  { asked, ended, still, joined }: Sorted,
  { before, now, elapsed, stamps }: LogFacts,
): string {
  const time =
    elapsed !== undefined
      ? `, ${elapsed} jiffies later`
      : stamps !== undefined
        ? `, ${stamps.toFixed(1)} s later by its time stamp`
        : '';
  const until = `until report ${now.number}${time}`;
  const all = `of ${count(asked.length, 'request')} that report ${before.number} lists`;
  const more = joined.length === 0 ? '' : `; ${joined.length} joined`;
  switch (found) {
    case 'stalled':
      return `Stalled: none ${all} has ended ${until}${howText(still)}${more}.`;
    case 'partly-stalled':
      return (
        `Stalled in part: ${all}, ${ended.length} ended and ${still.length} did not ` +
        `${until}${howText(still)}${more}.`
      );
    case 'overload':
      return `Overload: ${all}, all ended ${until}, which lists ${count(joined.length, 'other')}.`;
    case 'stall-begun':
      return `A stall has begun: report ${now.number} lists ${count(joined.length, 'request')}.`;
    case 'recovered':
      return `Recovered: ${all}, all ended ${until}.`;
    case 'not-stalled':
      return `No stall: neither report ${before.number} nor ${now.number} lists a request.`;
    default:
      return `Not known: ${all}, it cannot be told whether they ended ${until}.`;
  }
}

/** `: 14 livelocked, 1 blocked` */
function howText(tasks: readonly ReportedTask[]): string {
  const parts = STUCK.flatMap((step) => {
    const number = tasks.filter(({ progress }) => progress === step).length;
    return number === 0 ? [] : [`${number} ${step}`];
  });
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`;
}
