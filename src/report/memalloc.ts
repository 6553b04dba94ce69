// The allocation state as text: the watchdog's lines, and a table of every task's last request.

import type { MemallocResult, MemallocTask } from '../kernel/memalloc-report.ts';
import { evidenceRemarks } from './alloc-evidence.ts';
import type { Column, Table } from './table.ts';
import { ABSENT } from './tasks.ts';

/** The lines that kmallocwd would have printed, nothing else; rebuilt ones where it has none. */
export function memallocLines({ record, rebuilt }: MemallocResult): string {
  return (record?.lines ?? rebuilt?.lines ?? []).map((line) => `${line}\n`).join('');
}

/** What is said beside the lines, a sentence each, for standard error. */
export function memallocRemarks(result: MemallocResult): string[] {
  const { record } = result;
  if (record === undefined) {
    // The problem that tells of it says what is wrong.
    if (result.rebuilt !== undefined) return evidenceRemarks(result);
    return result.patchSymbol === undefined ? [NO_RECORD] : [];
  }
  const remarks: string[] = [];
  if (record.formatSource.startsWith('newest')) {
    remarks.push(
      `this dump does not show which format its kernel prints; taken: ${record.format}, ` +
        `the ${record.formatSource} (--format chooses another)`,
    );
  }
  if (record.counts.stalling === undefined) {
    remarks.push('no request, or not its age, could be read from this dump: nothing was counted');
    return remarks;
  }
  if (record.silent && isPartial(result)) {
    remarks.push('of the requests that could be read none is older than ' + ageOf(record));
  } else if (record.silent) {
    const age = ageOf(record);
    remarks.push(
      `no request is older than ${age}: ` +
        'the watchdog would have printed nothing at this instant',
    );
  }
  if (isPartial(result)) {
    remarks.push('not every task and record could be read: counts and lines are a lower bound');
  }
  return remarks;
}

/** Whether there may be requests that were not seen. */
export function isPartial({ coverage }: MemallocResult): boolean {
  return (
    !coverage.taskListComplete ||
    !coverage.requestListComplete ||
    coverage.tasksWithoutRecord > 0 ||
    coverage.tasksWithoutFlags > 0 ||
    coverage.unknownBits.length > 0
  );
}

/** The timeout in seconds, or in jiffies where HZ is not known. */
function ageOf(record: NonNullable<MemallocResult['record']>): string {
  const { timeoutSeconds, timeoutJiffies } = record;
  return timeoutSeconds === undefined ? `${timeoutJiffies} jiffies` : `${timeoutSeconds.value} s`;
}

/** Why a kernel without the patch has no lines. */
export const NO_RECORD =
  'this kernel does not keep the record: its task_struct has no member memalloc, ' +
  'so nothing in it says when an allocation began';

/** `0x12345678…`: the mask is left, its names are cut. */
const MASK_WIDTH = 11;

const COLUMNS: readonly (Column & { readonly cell: (task: MemallocTask) => string })[] = [
  { title: 'PID', align: 'right', cell: ({ pid }) => String(pid ?? ABSENT) },
  { title: 'TGID', align: 'right', cell: ({ tgid }) => String(tgid ?? ABSENT) },
  { title: 'ST', align: 'left', cell: ({ state }) => state ?? ABSENT },
  { title: 'REQUEST', align: 'left', widthMin: 10, cell: requestCell },
  { title: 'SEQ', align: 'right', cell: ({ record }) => String(record?.seq ?? ABSENT) },
  { title: 'DELAY', align: 'right', cell: delayCell },
  { title: 'STARTED', align: 'right', cell: startedCell },
  { title: 'ORDER', align: 'right', cell: orderCell },
  { title: 'GFP', align: 'left', widthMin: MASK_WIDTH, cell: gfpCell },
  { title: 'COMM', align: 'left', widthMin: 6, cell: ({ comm }) => comm ?? ABSENT },
];

/** One row a task: the request in flight or the last one finished. */
export function memallocTable({ tasks }: MemallocResult): Table {
  return { columns: COLUMNS, rows: tasks.map((task) => COLUMNS.map(({ cell }) => cell(task))) };
}

/** A record that no request ever filled is not a request of order 0 at boot. */
function isEmpty({ record }: MemallocTask): boolean {
  return record === undefined || (record.depth === 0 && record.start === '0');
}

function requestCell(task: MemallocTask): string {
  const { record } = task;
  if (record === undefined) return ABSENT;
  const notes = [
    record.stalling ? 'stalling' : '',
    record.corruptDepth ? `corrupt depth ${record.depth}` : '',
    record.torn ? 'torn update' : '',
    record.depth > 1 && !record.corruptDepth ? `depth ${record.depth}` : '',
  ].filter((note) => note !== '');
  const kind = record.inFlight
    ? 'in flight'
    : isEmpty(task)
      ? 'none'
      : record.inherited
        ? "parent's"
        : 'finished';
  return notes.length === 0 ? kind : `${kind} (${notes.join(', ')})`;
}

/** For how long a request has been waiting; one that is over waits no more. */
function delayCell({ record }: MemallocTask): string {
  if (record?.delay === undefined) return record?.inFlight === true ? ABSENT : '-';
  const seconds = record.delaySeconds;
  return seconds === undefined ? `${record.delay} jiffies` : `${seconds.toFixed(2)} s`;
}

/** When a request began that is over. */
function startedCell({ record }: MemallocTask): string {
  const seconds = record?.startedSecondsAgo;
  return seconds === undefined ? '-' : `${seconds.toFixed(2)} s ago`;
}

function orderCell(task: MemallocTask): string {
  if (isEmpty(task)) return '-';
  return task.record?.mempool === true ? 'mempool' : String(task.record?.order ?? ABSENT);
}

function gfpCell(task: MemallocTask): string {
  if (isEmpty(task) || task.record === undefined) return '-';
  const { gfpMask, gfpNames } = task.record;
  return gfpNames === undefined ? gfpMask : `${gfpMask}(${gfpNames})`;
}
