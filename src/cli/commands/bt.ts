// stallcore bt: stacks.

import { existsSync } from 'node:fs';
import type { Argv } from 'yargs';
import { btResult } from '../../kernel/bt.ts';
import { btText } from '../../report/bt.ts';
import type { RunState } from '../main.ts';
import { onVmcore, withOpenOptions } from '../open-options.ts';
import { print, printJson, remark, withProblems } from '../output.ts';
import { FILTER_OPTIONS, filterOf } from '../task-options.ts';
import { UsageError } from '../usage.ts';

const BT_OPTIONS = {
  all: { type: 'boolean', default: false, describe: 'every task, also those that only sleep' },
  stalled: { type: 'boolean', default: false, describe: 'tasks in the page allocator alone' },
  fold: {
    type: 'boolean',
    describe: 'identical stacks once, with the tasks that share them; so unless PIDs are named',
  },
} as const;

/** Adds the verb. */
export function addBt(cli: Argv, state: RunState): void {
  cli.command(
    'bt [vmcore..]',
    'stacks: of the PIDs that follow the vmcore, else of all tasks that do not merely sleep',
    (verb) => withOpenOptions(verb).options(FILTER_OPTIONS).options(BT_OPTIONS),
    (args) => {
      const { files, pids } = apart(args.vmcore);
      const named = [...pids, ...(args.pid ?? [])];
      const filter = filterOf({ ...args, pid: named.length === 0 ? undefined : named });
      const { all, stalled, fold = named.length === 0 } = args;
      return onVmcore({ ...args, vmcore: files }, state, (vmcore) => {
        const options = { all, stalled, fold, ...(filter === undefined ? {} : { filter }) };
        const result = btResult(vmcore, options);
        const found = new Set(result.stacks.flatMap(({ tasks }) => tasks.map(({ pid }) => pid)));
        for (const { pid } of result.unreadable) found.add(pid);
        const missing = (filter?.pids ?? []).filter((pid) => !found.has(pid));
        if (named.length > 0 && found.size === 0) throw new UsageError(missingText(missing));
        if (args.json) {
          printJson(withProblems(result, vmcore.problems));
          return;
        }
        print(btText(result));
        if (missing.length > 0) remark(missingText(missing));
      });
    },
  );
}

function missingText(pids: readonly number[]): string {
  return `no task has pid ${pids.join(' or ')}, or other options leave it out`;
}

/** A word of digits is a pid, some with commas are several, unless a file has that name. */
function apart(words: readonly string[]): { files: string[]; pids: string[] } {
  const isPid = (word: string): boolean => /^\d+(,\d+)*$/.test(word) && !existsSync(word);
  return {
    files: words.filter((word) => !isPid(word)),
    pids: words.filter(isPid),
  };
}
