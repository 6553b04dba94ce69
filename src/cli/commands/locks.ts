// stallcore locks: who waits for which lock, and who has it.

import type { Argv } from 'yargs';
import { locksResult } from '../../kernel/locking.ts';
import { lockGraphText } from '../../report/lock-graph.ts';
import { locksText } from '../../report/locks.ts';
import type { RunState } from '../main.ts';
import { onVmcore, withOpenOptions } from '../open-options.ts';
import { print, printJson, withProblems } from '../output.ts';

/** Adds the verb. */
export function addLocks(cli: Argv, state: RunState): void {
  cli.command(
    'locks [vmcore..]',
    'locks that tasks wait for, and works that wait for a worker: who must move first',
    (verb) =>
      withOpenOptions(verb).option('graph', {
        type: 'boolean',
        default: false,
        describe: 'as a tree: below a task the locks that it has, below a lock who waits for it',
      }),
    (args) =>
      onVmcore(args, state, (vmcore) => {
        const result = locksResult(vmcore);
        if (args.json) printJson(withProblems(result, vmcore.problems));
        else print(args.graph ? lockGraphText(result) : locksText(result));
      }),
  );
}
