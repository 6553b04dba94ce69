// The task table as text.

import { allocFlags, type AllocFlagBits } from '../kernel/alloc-flags.ts';
import { isExiting, isReclaiming } from '../kernel/task-flags.ts';
import type { Task } from '../kernel/task.ts';
import { count } from '../util/count.ts';
import type { ListedTask, TaskSign, TasksResult } from '../kernel/tasks-result.ts';
import type { Column, Table } from './table.ts';

/** What stands where a field is absent: this kernel lacks it or it could not be read. */
export const ABSENT = '?';

const COLUMNS: readonly (Column & {
  readonly cell: (task: ListedTask, bits: AllocFlagBits) => string;
})[] = [
  { title: 'PID', align: 'right', cell: ({ pid }) => String(pid ?? ABSENT) },
  { title: 'TGID', align: 'right', cell: ({ tgid }) => String(tgid ?? ABSENT) },
  { title: 'PPID', align: 'right', cell: ({ ppid }) => String(ppid ?? ABSENT) },
  { title: 'CPU', align: 'right', cell: cpuCell },
  { title: 'ST', align: 'left', cell: ({ state }) => state ?? ABSENT },
  { title: 'TASK', align: 'left', cell: ({ address }) => address.slice(2) },
  { title: 'FLAGS', align: 'right', cell: ({ flags }) => flags?.toString(16) ?? ABSENT },
  { title: 'SWITCHES', align: 'right', cell: switchesCell },
  { title: 'OFF CPU', align: 'right', cell: offCpuCell },
  { title: 'SIGNS', align: 'left', widthMin: 6, cell: signsCell },
  { title: 'COMM', align: 'left', widthMin: 6, cell: commCell },
];

/** One row a task, the idle tasks first, as ps of crash(8) has them. */
export function tasksTable(result: TasksResult): Table {
  const { idle, tasks, allocFlagBits: bits } = result;
  const row = (task: ListedTask): string[] => COLUMNS.map(({ cell }) => cell(task, bits));
  return { columns: COLUMNS, rows: [...idle, ...tasks].map(row) };
}

/** The lines below the table: how many, and whether the two ways to find them agree. */
export function tasksSummary(result: TasksResult): string {
  return foundText(result) + signsText(result);
}

/** What the signs that occur go by, a line for all. */
function signsText({ idle, tasks, allocFlagBits: bits, signSources }: TasksResult): string {
  const found = new Set([...idle, ...tasks].flatMap((task) => signsOf(task, bits) ?? []));
  const signs = Object.entries(signSources).filter(([sign]) => found.has(sign as TaskSign));
  if (signs.length === 0) return '';
  return `signs: ${signs.map(([sign, source]) => `${sign}: ${source}`).join('; ')}\n`;
}

function foundText(result: TasksResult): string {
  const { crossCheck, filteredFrom } = result;
  const { pidTable = 'pid IDR' } = crossCheck;
  const all = filteredFrom?.tasks ?? result.tasks.length;
  const found = countText(result);
  if (crossCheck.pidCount === undefined) {
    return `${found}; not checked against the pid IDR, which is not there or could not be read\n`;
  }
  const { onlyInList, onlyInPids } = crossCheck;
  if (all === 0) return `${found}\n`;
  if (onlyInList.length === 0 && onlyInPids.length === 0) {
    return crossCheck.pidWalkComplete
      ? `${found}; the task list and the ${pidTable} agree\n`
      : `${found}; the ${pidTable} could not be read whole to check them against\n`;
  }
  return (
    `${found}; the task list and the ${pidTable} DISAGREE: ` +
    `only in the list: ${pidList(onlyInList)}, ` +
    `only in the ${pidTable.replace('pid ', '')}: ${pidList(onlyInPids)}\n`
  );
}

function countText({ tasks, idle, filteredFrom: from }: TasksResult): string {
  if ((from?.tasks ?? tasks.length) === 0) return 'NO TASK COULD BE READ';
  if (from === undefined)
    return `${count(tasks.length, 'task')}, ${count(idle.length, 'idle task')}`;
  const shown = `${tasks.length} of ${from.tasks} tasks, ${idle.length} of ${from.idle} idle tasks`;
  const { undecided } = from;
  return undecided === 0 ? shown : `${shown}, ${undecided} NOT SHOWN that could not be compared`;
}

const PIDS_SHOWN = 10;

function pidList(pids: readonly (number | string)[]): string {
  if (pids.length === 0) return 'none';
  const shown = pids.slice(0, PIDS_SHOWN).join(' ');
  return pids.length > PIDS_SHOWN ? `${shown} and ${pids.length - PIDS_SHOWN} more` : shown;
}

function cpuCell({ cpu, onCpu }: Task): string {
  return `${onCpu === true ? '>' : ''}${cpu ?? ABSENT}`;
}

function switchesCell({ nvcsw, nivcsw }: Task): string {
  return nvcsw === undefined || nivcsw === undefined ? ABSENT : String(nvcsw + nivcsw);
}

/** At least so long; nothing of one that has a CPU, or only keeps one idle. */
function offCpuCell({ offCpu, onCpu, pid }: ListedTask): string {
  if (onCpu === true || pid === 0) return '-';
  return offCpu === undefined ? ABSENT : `>=${(Math.floor(offCpu.value * 10) / 10).toFixed(1)} s`;
}

/** A kernel thread's name in brackets, as ps(1) shows it. */
function commCell({ comm, kthread }: Task): string {
  if (comm === undefined) return ABSENT;
  return kthread === true ? `[${comm}]` : comm;
}

function signsCell(task: Task, bits: AllocFlagBits): string {
  return signsOf(task, bits)?.join() ?? ABSENT;
}

/** include/uapi/linux/sched.h: it gets a CPU where nobody else wants one. */
const SCHED_IDLE = 5;

/** What of a task matters for a memory stall; undefined where that could not be read. */
function signsOf(task: Task, bits: AllocFlagBits): TaskSign[] | undefined {
  const { flags, oomScoreAdj, sigkillPending } = task;
  // A sign that is not there must not be read off a field that was not.
  if (flags === undefined || oomScoreAdj === undefined || sigkillPending === undefined) {
    return undefined;
  }
  const signs: TaskSign[] = [];
  if (task.oomMm !== undefined && task.oomMm !== '0x0') signs.push('oom');
  if (task.sigkillPending === true || task.sharedSigkillPending === true) signs.push('kill');
  if (isExiting(task) === true) signs.push('exit');
  if (isReclaiming(task)) signs.push('reclaim');
  if (task.inMemstall === true) signs.push('memstall');
  const { nofs, noio } = allocFlags(task, bits) ?? {};
  if (nofs === true) signs.push('nofs');
  if (noio === true) signs.push('noio');
  if (task.policy === SCHED_IDLE) signs.push('sched_idle');
  return signs;
}
