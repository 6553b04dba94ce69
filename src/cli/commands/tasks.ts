// stallcore tasks: the task table.

import type { Argv } from 'yargs';
import { filterTasks, type TaskFilter } from '../../kernel/task-filter.ts';
import { tasksResult, type TasksResult } from '../../kernel/tasks-result.ts';
import { tasksSummary, tasksTable } from '../../report/tasks.ts';
import type { RunState } from '../main.ts';
import { onVmcore, withOpenOptions } from '../open-options.ts';
import { print, printJson, printTable, remark, withProblems } from '../output.ts';
import { FILTER_OPTIONS, filterOf } from '../task-options.ts';

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

/** Asked for, and known to be no task's: all pids could be read. */
function missingPids(
  { tasks, idle }: TasksResult,
  filter: TaskFilter | undefined,
): readonly number[] {
  const known = new Set([...idle, ...tasks].map(({ pid }) => pid));
  if (known.has(undefined)) return [];
  return (filter?.pids ?? []).filter((pid) => !known.has(pid));
}
