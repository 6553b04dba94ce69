// stallcore info: what this dump is and what is missing in it.

import type { Argv } from 'yargs';
import { readInfo } from '../../kernel/info.ts';
import { infoText } from '../../report/info.ts';
import type { RunState } from '../main.ts';
import { onVmcore, withOpenOptions } from '../open-options.ts';
import { print, printJson, withProblems } from '../output.ts';

/** Adds the verb. */
export function addInfo(cli: Argv, state: RunState): void {
  cli.command(
    'info [vmcore..]',
    'what this dump is, what is missing in it, and how each fact was found',
    (verb) => withOpenOptions(verb),
    (args) =>
      onVmcore(args, state, (vmcore) => {
        const result = readInfo(vmcore);
        if (args.json) printJson(withProblems(result, vmcore.problems));
        else print(infoText(result));
      }),
  );
}
