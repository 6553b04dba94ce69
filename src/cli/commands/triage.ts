// stallcore triage, the default verb: the verdict and what it rests on.

import type { Argv } from 'yargs';
import { triage } from '../../triage/triage.ts';
import { triageText } from '../../report/triage.ts';
import type { RunState } from '../main.ts';
import { onVmcore, withOpenOptions } from '../open-options.ts';
import { print, printJson, proseWidth, withProblems } from '../output.ts';
import { timeoutOf, withTimeout } from '../timeout-option.ts';

const TRIAGE_OPTIONS = {
  full: { type: 'boolean', default: false, describe: 'all stacks and lines, not a screen of them' },
} as const;

/** Adds the verb. */
export function addTriage(cli: Argv, state: RunState): void {
  cli.command(
    ['triage [vmcore..]', '$0 [vmcore..]'],
    'a verdict: was the machine stuck in the memory allocator, who, since when',
    (verb) => withTimeout(withOpenOptions(verb)).options(TRIAGE_OPTIONS),
    (args) =>
      onVmcore(args, state, (vmcore) => {
        const result = triage(vmcore, timeoutOf(args));
        if (args.json) printJson(withProblems(result, vmcore.problems));
        else print(triageText(result, { width: proseWidth(), full: args.full }));
      }),
  );
}
