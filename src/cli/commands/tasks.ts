// stallcore tasks: the task table.

import type { Argv } from 'yargs';
import { tasksResult } from '../../kernel/tasks-result.ts';
import { tasksSummary, tasksTable } from '../../report/tasks.ts';
import type { RunState } from '../main.ts';
import { onVmcore, withOpenOptions } from '../open-options.ts';
import { print, printJson, printTable, withProblems } from '../output.ts';

/** Adds the verb. */
export function addTasks(cli: Argv, state: RunState): void {
  cli.command(
    'tasks [vmcore..]',
    'every task: pid, state, CPU, flags, switches, name',
    (verb) => withOpenOptions(verb),
    (args) =>
      onVmcore(args, state, async (vmcore) => {
        const result = tasksResult(vmcore);
        if (args.json) {
          printJson(withProblems(result, vmcore.problems));
          return;
        }
        await printTable(tasksTable(result));
        print(tasksSummary(result));
      }),
  );
}
