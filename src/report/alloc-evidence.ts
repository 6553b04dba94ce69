// What is known of requests without a record, as text: a table of the tasks in the allocator.

import type { MemallocResult, MemallocTask, TaskEvidence } from '../kernel/memalloc-report.ts';
import type { Column, Table } from './table.ts';
import { ABSENT } from './tasks.ts';

/** `0x12345678…`: the mask is left, its names are cut. */
const MASK_WIDTH = 11;

const COLUMNS: readonly (Column & { readonly cell: (task: MemallocTask) => string })[] = [
  { title: 'PID', align: 'right', cell: ({ pid }) => String(pid ?? ABSENT) },
  { title: 'TGID', align: 'right', cell: ({ tgid }) => String(tgid ?? ABSENT) },
  { title: 'ST', align: 'left', cell: ({ state }) => state ?? ABSENT },
  { title: 'WHERE', align: 'left', cell: ({ evidence }) => placeCell(evidence) },
  { title: 'SINCE', align: 'right', cell: ({ evidence }) => ageCell(evidence) },
  { title: 'ORDER', align: 'right', cell: ({ evidence }) => orderCell(evidence) },
  { title: 'GFP', align: 'left', widthMin: MASK_WIDTH, cell: ({ evidence }) => gfpCell(evidence) },
  { title: 'FROM', align: 'left', widthMin: 4, cell: ({ evidence }) => sourceCell(evidence) },
  { title: 'COMM', align: 'left', widthMin: 6, cell: ({ comm }) => comm ?? ABSENT },
];

/** The tasks in the allocator; with `all` the others, too. */
export function evidenceTable({ tasks }: MemallocResult, all: boolean): Table {
  const shown = all ? tasks : tasks.filter(isAboutMemory);
  return { columns: COLUMNS, rows: shown.map((task) => COLUMNS.map(({ cell }) => cell(task))) };
}

/** It asks for memory, reclaims, or may do so for all that can be read. */
function isAboutMemory({ evidence }: MemallocTask): boolean {
  const { place, reclaim, stackUnread } = evidence ?? {};
  return place !== undefined || reclaim !== undefined || stackUnread === true;
}

/** The lines below the table: what it is made of and how far it can be trusted. */
export function evidenceRemarks({ tasks, rebuilt }: MemallocResult): string[] {
  if (rebuilt === undefined) return [];
  const counted = (test: (evidence: TaskEvidence) => boolean): number =>
    tasks.filter(({ evidence }) => evidence !== undefined && test(evidence)).length;
  const inSlowPath = counted(({ place }) => place?.value === 'slow path');
  const charging = counted(({ place }) => place?.value === 'memory cgroup');
  const unread = counted(({ stackUnread }) => stackUnread === true);
  const tasksWord = unread === 1 ? 'task' : 'tasks';
  return [
    'this kernel does not keep the record (its task_struct has no member memalloc): ' +
      'rebuilt from stacks and from what else tasks have in memory',
    `${inSlowPath} in the slow path of the page allocator, ` +
      `${charging} charging a memory cgroup; since: for at least so long`,
    ...(inSlowPath === 0 ? [] : knownText(rebuilt.timeoutSeconds?.value, counted)),
    ...(unread === 0
      ? []
      : [`${unread} ${tasksWord} whose stack could not be read may be there as well`]),
  ];
}

/** Beside `~0 stalling` the lines of all requests would look wrong. */
function knownText(
  timeout: number | undefined,
  counted: (test: (evidence: TaskEvidence) => boolean) => number,
): string[] {
  if (timeout === undefined) return [];
  const known = counted(
    ({ place, age }) => place?.value === 'slow path' && (age?.value ?? 0) >= timeout,
  );
  return [
    `${known} of those in the slow path known to be there for ${timeout} s, from when on a ` +
      'watchdog lists them; here all are listed',
  ];
}

function placeCell(evidence: TaskEvidence | undefined): string {
  if (evidence === undefined || evidence.stackUnread === true) return ABSENT;
  const { place, reclaim, throttled } = evidence;
  const where = place?.value ?? (reclaim === undefined ? '-' : 'reclaim');
  return throttled === undefined ? where : `${where} (throttled: ${throttled.value})`;
}

/** At least so long; a task that runs on a CPU gives no bound. */
function ageCell(evidence: TaskEvidence | undefined): string {
  if (evidence?.place === undefined) return '-';
  const { age } = evidence;
  return age === undefined
    ? ABSENT
    : `${age.kind === 'bound' ? '>= ' : ''}${(Math.floor(age.value * 100) / 100).toFixed(2)} s`;
}

function orderCell(evidence: TaskEvidence | undefined): string {
  if (evidence?.order !== undefined) return String(evidence.order.value);
  return evidence?.place === undefined ? '-' : ABSENT;
}

function gfpCell(evidence: TaskEvidence | undefined): string {
  const { gfpMask, gfpNames, place } = evidence ?? {};
  if (gfpMask === undefined) return place === undefined ? '-' : ABSENT;
  return gfpNames === undefined ? gfpMask.value : `${gfpMask.value}(${gfpNames})`;
}

/** What says the mask and the order, else what says that the task is there. */
function sourceCell(evidence: TaskEvidence | undefined): string {
  const { gfpMask, place, reclaim } = evidence ?? {};
  return (
    gfpMask?.source ?? (reclaim === undefined ? undefined : 'scan_control') ?? place?.source ?? '-'
  );
}
