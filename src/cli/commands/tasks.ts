// stallcore tasks: the task table.

import type { Argv } from 'yargs';
import { filterTasks, type TaskFilter } from '../../kernel/task-filter.ts';
import { tasksResult, type TasksResult } from '../../kernel/tasks-result.ts';
import { tasksSummary, tasksTable } from '../../report/tasks.ts';
import type { RunState } from '../main.ts';
import { onVmcore, withOpenOptions } from '../open-options.ts';
import { print, printJson, printTable, remark, withProblems } from '../output.ts';
import { UsageError } from '../usage.ts';

/** May be repeated; any of them is meant. */
const MANY = { type: 'string', array: true, nargs: 1 } as const;

/** Which tasks to show. */
const FILTER_OPTIONS = {
  state: { ...MANY, describe: 'tasks in one of these states, letters as of ps(1): D, RD' },
  comm: { ...MANY, describe: 'tasks whose name contains this' },
  pid: { ...MANY, describe: 'these threads: PID[,PID…]' },
  kthreads: { type: 'boolean', describe: 'kernel threads only', conflicts: 'user' },
  user: { type: 'boolean', describe: 'all but kernel threads' },
} as const;

interface FilterArguments {
  readonly state: readonly string[] | undefined;
  readonly comm: readonly string[] | undefined;
  readonly pid: readonly string[] | undefined;
  readonly kthreads: boolean | undefined;
  readonly user: boolean | undefined;
}

/** Adds the verb. */
export function addTasks(cli: Argv, state: RunState): void {
  cli.command(
    'tasks [vmcore..]',
    'every task, or some: pid, state, CPU, flags, switches, name',
    (verb) => withOpenOptions(verb).options(FILTER_OPTIONS),
    (args) => {
      const filter = filterOf(args);
      return onVmcore(args, state, async (vmcore) => {
        const all = tasksResult(vmcore);
        const result = filter === undefined ? all : filterTasks(all, filter);
        if (args.json) {
          printJson(withProblems(result, vmcore.problems));
          return;
        }
        await printTable(tasksTable(result));
        print(tasksSummary(result));
        for (const pid of missingPids(all, filter)) remark(`no task has pid ${pid}`);
      });
    },
  );
}

function filterOf({ state, comm, pid, kthreads, user }: FilterArguments): TaskFilter | undefined {
  const isKthread = kthreads === true ? true : user === true ? false : undefined;
  const filter = {
    ...(state === undefined ? {} : { states: stateLetters(state.join(',')) }),
    ...(comm === undefined ? {} : { comms: comm }),
    ...(pid === undefined ? {} : { pids: pidList(pid.join(',')) }),
    ...(isKthread === undefined ? {} : { kthread: isKthread }),
  };
  return Object.keys(filter).length === 0 ? undefined : filter;
}

/** Every letter that /proc/PID/stat of some kernel shows (fs/proc/array.c, task_state_array). */
const STATE_LETTERS = 'RSDTtXxZPIKW';

function stateLetters(text: string): string {
  const letters = text.replaceAll(',', '');
  if (letters !== '' && [...letters].every((letter) => STATE_LETTERS.includes(letter))) {
    return letters;
  }
  throw new UsageError(`--state ${text}: expected letters of ${STATE_LETTERS}, such as D or RD`);
}

function pidList(text: string): number[] {
  if (/^\d+(,\d+)*$/.test(text)) return text.split(',').map(Number);
  throw new UsageError(`--pid ${text}: expected PID[,PID…], such as 1 or 1,42`);
}

/** Asked for, and known to be no task's: all pids could be read. */
function missingPids(
  { tasks, idle }: TasksResult,
  filter: TaskFilter | undefined,
): readonly number[] {
  const known = new Set([...idle, ...tasks].map(({ pid }) => pid));
  if (known.has(undefined)) return [];
  return (filter?.pids ?? []).filter((pid) => !known.has(pid));
}
