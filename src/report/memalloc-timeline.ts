// The reports of the watchdog in a log as text: what happened when, a table of the tasks, and in
// words who moved between two reports and who did not.

import type { LogEventKind } from '../kernel/log-events.ts';
import type { MemallocLine } from '../kernel/memalloc-parse.ts';
import type {
  MemallocTimeline,
  PlacedEvent,
  Step,
  TimelineTask,
  WatchdogReportRead,
} from '../kernel/memalloc-timeline.ts';
import { count } from '../util/count.ts';
import { escapeLine } from '../util/escape.ts';
import { stampText } from './log.ts';
import type { Column, Table } from './table.ts';

/** More reports beside each other are no table that can be read; the last ones are shown. */
export const REPORTS_SHOWN = 6;
/** How many tasks a sentence names. */
const TASKS_NAMED = 8;
/** Of a line of the log, in columns. */
const EVENT_WIDTH = 120;

/** When reports and other events came, oldest first; a run of events of one kind is one line. */
export function timelineText({ reports, events }: MemallocTimeline): string {
  const lines: string[] = [];
  for (let at = 0; at <= reports.length; at++) {
    lines.push(...runs(events.filter(({ afterReports }) => afterReports === at)).map(runText));
    const next = reports[at];
    if (next !== undefined) lines.push(reportText(next, at));
  }
  return lines.map((line) => `${line}\n`).join('');
}

function reportText(report: WatchdogReportRead, at: number): string {
  const { timeUs, counts, taskCount, incomplete } = report;
  const all = Object.entries(counts ?? {}).map(([name, value]) => `${COUNT_WORDS[name]} ${value}`);
  const told = counts === undefined ? `${count(taskCount, 'task')}, no Info line` : all.join(', ');
  return `${stampText(timeUs)}report ${at + 1}: ${told}${incomplete ? ', LINES MISSING' : ''}`;
}

const COUNT_WORDS: Readonly<Record<string, string>> = {
  stalling: 'stalling',
  dying: 'dying',
  exiting: 'exiting',
  victim: 'victim',
  oomCount: 'out_of_memory() calls',
  noOomCount: 'given up for !__GFP_FS',
};

/** Kinds of which many come in a row, and a run says as much as each. */
function runs(events: readonly PlacedEvent[]): PlacedEvent[][] {
  const found: PlacedEvent[][] = [];
  for (const event of events) {
    const last = found.at(-1);
    if (last?.[0]?.kind === event.kind) last.push(event);
    else found.push([event]);
  }
  return found;
}

function runText(run: readonly PlacedEvent[]): string {
  const first = run[0]!;
  const text = `${stampText(first.timeUs)}${shortLine(first.text)}`;
  if (run.length === 1) return text;
  const until = run.at(-1)?.timeUs;
  const end = until === undefined ? '' : `, the last at ${secondsText(until)}`;
  return `${text}\n${' '.repeat(15)}… and ${run.length - 1} more: ${KIND_WORDS[first.kind]}${end}`;
}

const KIND_WORDS: Readonly<Record<LogEventKind, string>> = {
  'oom-killer': 'calls of the OOM killer',
  'oom-kill': 'kills',
  'memcg-kill': 'kills for memory cgroups',
  'oom-reaper': 'reports of the OOM reaper',
  'allocation stall': 'page allocation stalls',
  'allocation failure': 'page allocation failures',
  'hung task': 'hung tasks',
  'workqueue lockup': 'workqueue lockups',
  dropped: 'losses of lines',
};

function shortLine(text: string): string {
  const line = escapeLine(text.trim());
  return line.length > EVENT_WIDTH ? `${line.slice(0, EVENT_WIDTH - 1)}…` : line;
}

/** `88.854 s` */
function secondsText(timeUs: number): string {
  return `${(timeUs / 1e6).toFixed(3)} s`;
}

/** A row a task, a column a report: seq, age in jiffies, and the words of the line. */
export function timelineTable({ reports, tasks }: MemallocTimeline): Table {
  const from = Math.max(0, reports.length - REPORTS_SHOWN);
  const shown = reports.slice(from);
  const columns: Column[] = [
    { title: 'TASK', align: 'left', widthMin: 12 },
    ...shown.map(({ timeUs }, at): Column => {
      const when = timeUs === undefined ? '' : ` ${(timeUs / 1e6).toFixed(1)} s`;
      return { title: `#${from + at + 1}${when}`, align: 'left' };
    }),
    { title: 'BETWEEN', align: 'left', widthMin: 12 },
  ];
  const rows = tasks
    .filter(({ lines }) => lines.slice(from).some((line) => line !== null))
    .map((task) => [
      nameOf(task),
      ...task.lines.slice(from).map((line, at) => cellText(line, lineBefore(task, from + at))),
      stepsText(task.steps),
    ]);
  return { columns, rows };
}

function nameOf({ comm, pid }: { comm: string; pid: number }): string {
  return `${escapeLine(comm)}(${pid})`;
}

function lineBefore({ lines }: TimelineTask, at: number): MemallocLine | undefined {
  return lines.slice(0, at).findLast((line) => line !== null) ?? undefined;
}

/** `seq 3 delay 10002 sw +20 D`; `=` stands for a seq, and for switches, that have not moved. */
export function cellText(line: MemallocLine | null, before: MemallocLine | undefined): string {
  if (line === null) return '-';
  const { seq, delay, switches } = line;
  const parts: string[] = [];
  if (seq !== undefined) parts.push(seq === before?.seq ? 'seq =' : `seq ${seq}`);
  if (delay !== undefined) parts.push(`delay ${delay}`);
  if (switches !== undefined) {
    const moved = before?.switches === undefined ? undefined : switches - before.switches;
    parts.push(moved === undefined ? `sw ${switches}` : moved === 0 ? 'sw =' : `sw +${moved}`);
  }
  if (line.uninterruptible) parts.push('D');
  for (const word of ['exiting', 'dying', 'victim'] as const) if (line[word]) parts.push(word);
  if (line.cut === true) parts.push('CUT');
  return parts.length === 0 ? 'listed' : parts.join(' ');
}

/** `progressing, then stuck`: what the steps say, those that say nothing left out. */
function stepsText(steps: readonly Step[]): string {
  const words = steps
    .filter((step) => step !== 'unknown' && step !== 'not listed')
    .filter((step, at, all) => step !== all[at - 1]);
  return words.join(', then ');
}

/** In words, a line for each pair of reports and one for all of them. */
export function timelineSummary(timeline: MemallocTimeline): string {
  const { reports, tasks } = timeline;
  if (reports.length === 0) return 'No report of kmallocwd in this log.\n';
  if (reports.length === 1) {
    return 'One report of kmallocwd: nothing tells who moves. Take another, or a second dump.\n';
  }
  const from = Math.max(1, reports.length - REPORTS_SHOWN);
  const pairs = reports.slice(from).map((_, i) => pairText(tasks, from + i));
  return [...pairs, overallText(timeline)].map((line) => `${line}\n`).join('');
}

function pairText(tasks: readonly TimelineTask[], at: number): string {
  const by = (...wanted: Step[]): TimelineTask[] =>
    tasks.filter(({ steps }) => wanted.includes(steps[at - 1]!));
  const moved = by('progressing');
  const head = moved.length === 0 ? 'no task progressed' : `progressed: ${names(moved)}`;
  const others = (['livelocked', 'blocked', 'starved', 'stuck'] as const)
    .map((step) => [step, by(step).length] as const)
    .filter(([, many]) => many > 0)
    .map(([step, many]) => `${many} ${step}`);
  const joined = by('joined');
  const left = by('left');
  return [
    `Reports ${at} and ${at + 1}: ${[head, ...others].join(', ')}`,
    ...(joined.length === 0 ? [] : [`joined: ${names(joined)}`]),
    ...(left.length === 0 ? [] : [`listed no more: ${names(left)}`]),
  ].join('; ');
}

function names(tasks: readonly TimelineTask[]): string {
  const more = tasks.length - TASKS_NAMED;
  const named = tasks.slice(0, TASKS_NAMED).map(nameOf).join(' ');
  return more > 0 ? `${named} and ${more} more` : named;
}

function overallText({ reports, tasks }: MemallocTimeline): string {
  const judged = tasks.filter(({ steps }) => steps.some((step) => JUDGED.has(step)));
  const moved = tasks.filter(({ steps }) => steps.includes('progressing'));
  const joined = tasks.filter(({ steps }) => steps.includes('joined'));
  const later = joined.length === 0 ? '' : `; joined later: ${names(joined)}`;
  const many = `${reports.length} reports`;
  if (judged.length === 0) return `Of no task do the ${many} tell whether it moves${later}.`;
  if (moved.length === 0) return `No task progressed between the ${many}${later}.`;
  const still = judged.length - moved.length;
  return `Of ${count(judged.length, 'task')} with a request, ${still} never progressed${later}.`;
}

const JUDGED: ReadonlySet<Step> = new Set([
  'progressing',
  'livelocked',
  'blocked',
  'starved',
  'stuck',
]);

/** What the reader must know that the text does not say. */
export function timelineRemarks(timeline: MemallocTimeline): string[] {
  const { reports, reportsNotListed, eventsNotListed, notParsed } = timeline;
  const remarks: string[] = [];
  const hidden = reports.length - REPORTS_SHOWN;
  if (hidden > 0) remarks.push(`${count(hidden, 'earlier report')} not in the table (--json)`);
  if (reportsNotListed > 0) remarks.push(`${count(reportsNotListed, 'report')} before these`);
  if (eventsNotListed > 0) remarks.push(`${count(eventsNotListed, 'more event')}, not listed`);
  if (notParsed.length > 0) {
    const first = escapeLine(notParsed[0]!).slice(0, EVENT_WIDTH);
    remarks.push(`not understood, ${count(notParsed.length, 'line')} such as: ${first}`);
  }
  return remarks;
}
