// The tasks of two dumps as a table: what became of each, and what shows it.

import { isKswapdByName } from '../kernel/task-flags.ts';
import type { CompareResult, TaskComparison, TaskProgress } from '../triage/compare.ts';
import { nameOf } from './compare.ts';
import type { Column, Table } from './table.ts';
import { ABSENT } from './tasks.ts';

/** Rows on a screen with all the rest. */
const ROWS_SHOWN = 12;

type Cell = (task: TaskComparison) => string;

const COLUMNS: readonly (Column & { readonly cell: Cell })[] = [
  { title: 'TASK', align: 'left', widthMin: 12, cell: nameOf },
  { title: 'WHAT', align: 'left', cell: progressCell },
  { title: 'REQUEST', align: 'left', widthMin: 8, cell: requestCell },
  { title: 'AGE', align: 'right', cell: ageCell },
  { title: 'SWITCHES', align: 'right', cell: switchesCell },
  { title: 'CPU', align: 'right', cell: cpuCell },
  { title: 'ST', align: 'left', cell: stateCell },
  { title: 'AT', align: 'left', widthMin: 10, cell: placeCell },
];

/** What matters most comes first. */
const RANKS: Readonly<Record<TaskProgress, number>> = {
  starved: 0,
  blocked: 1,
  livelocked: 2,
  stuck: 3,
  progressing: 4,
  unknown: 5,
  gone: 6,
  new: 7,
  ran: 8,
  asleep: 9,
};

/** The table, and how many tasks it leaves out; with `all` none. */
export function compareTable(
  { tasks }: CompareResult,
  all = false,
): { readonly table: Table; readonly leftOut: number } {
  const telling = (all ? tasks : tasks.filter(isTelling)).toSorted((a, b) => rank(a) - rank(b));
  const shown = all ? telling : telling.slice(0, ROWS_SHOWN);
  const rows = shown.map((task) => COLUMNS.map(({ cell }) => cell(task)));
  return { table: { columns: COLUMNS, rows }, leftOut: telling.length - shown.length };
}

/** Who asks for memory, victims, kswapd, who is kept from running, who came and went. */
function isTelling(task: TaskComparison): boolean {
  const { progress, before, now } = task;
  if (progress !== 'ran' && progress !== 'asleep' && progress !== 'unknown') return true;
  if (before?.isVictim === true || now?.isVictim === true) return true;
  if (isKswapd(task)) return true;
  return [before, now].some((side) => side !== undefined && side.request.kind !== 'none');
}

function isKswapd({ comm, now, before }: TaskComparison): boolean {
  const kthread = (now ?? before)?.kthread;
  if (comm === undefined || kthread === undefined) return false;
  return isKswapdByName({ address: '', comm, kthread });
}

/** Victims and requests before others of their kind, the oldest request first. */
function rank(task: TaskComparison): number {
  const { progress, before, now } = task;
  const side = now ?? before;
  const own = side?.isVictim === true ? -0.5 : side?.request.kind === 'none' ? 0.5 : 0;
  const age = Math.min(side?.request.ageSeconds ?? 0, 1e6) / 1e7;
  return RANKS[progress] + own - age;
}

function progressCell({ progress, confidence }: TaskComparison): string {
  return confidence === 'certain' ? progress : `${progress}, ${confidence}`;
}

/** `seq 227 =`, `seq 194 to 378`, or where it is known by the stack alone what became of it. */
function requestCell({ request, before, now, requestsEnded }: TaskComparison): string {
  const [a, b] = [before?.request.seq, now?.request.seq];
  const seq = b ?? a;
  const { kind, isCharge } = (now ?? before)?.request ?? {};
  // A record tells nothing of a request that it is not of.
  if (kind === 'by stack') return `${isCharge === true ? 'charge, ' : ''}${request}`;
  if (request === 'none' || seq === undefined) return request === 'none' ? '-' : request;
  if (a !== undefined && b !== undefined && a !== b) {
    return requestsEnded === 0 ? `seq ${b}, its first` : `seq ${a} to ${b}`;
  }
  return request === 'same' ? `seq ${seq} =` : `seq ${seq}, ${request}`;
}

function ageCell({ before, now, request }: TaskComparison): string {
  const side = request === 'ended' ? before : now;
  const { ageSeconds, kind } = side?.request ?? {};
  if (ageSeconds === undefined) return kind === 'by stack' ? ABSENT : '-';
  return `${kind === 'by stack' ? '>' : ''}${ageSeconds.toFixed(1)} s`;
}

function switchesCell({ before, now }: TaskComparison): string {
  return changeText(before?.switches, now?.switches, (by) => `+${by}`);
}

function cpuCell({ before, now }: TaskComparison): string {
  return changeText(before?.execNs, now?.execNs, (by) => `+${(by / 1e9).toFixed(3)} s`);
}

function changeText(
  before: number | undefined,
  now: number | undefined,
  text: (by: number) => string,
): string {
  if (before === undefined || now === undefined) return '-';
  return before === now ? '=' : text(now - before);
}

/** `D`, or `R>D` where the two differ. */
function stateCell({ before, now }: TaskComparison): string {
  const states = [before, now].flatMap((side) =>
    side === undefined ? [] : (side.state ?? ABSENT),
  );
  return [...new Set(states)].join('>');
}

/** The lock that it waits for, or where it is; `=` where its stack is the same in both dumps. */
function placeCell({ now, before, isSameStack }: TaskComparison): string {
  const side = now ?? before;
  const { waitsFor, at = ABSENT } = side ?? {};
  const where = waitsFor?.lock ?? at;
  return isSameStack === true && now?.onCpu !== true ? `= ${where}` : where;
}
