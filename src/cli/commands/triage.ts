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

const DETAILS = `The classes of stalls:

  D1   endless wait for isolated pages (too_many_isolated)
  D2   only requests without __GFP_FS are left or get on, and for them nobody is killed
  D3   the OOM victim waits for a lock
  D4   the OOM reaper is kept out by mmap_lock
  D5   the OOM killer waits for a task that is exiting and asks for memory
  D6   a work item loops in the allocator and keeps counters from being updated
  D7   the memory reserves are depleted
  D8   the OOM killer cannot run
  D9   a mempool is empty
  D10  the dm-crypt worker is throttled by reclaim
  D11  deadlock in the balloon's OOM notifier
  D12  reclaim of a memory cgroup waits for writeback
  D13  overload: memory comes late
  D14  not a memory problem

Of what was checked, (!) marks what may point to a stall on memory.`;

/** Adds the verb. */
export function addTriage(cli: Argv, state: RunState): void {
  cli.command(
    ['triage [vmcore..]', '$0 [vmcore..]'],
    'a verdict: was the machine stuck in the memory allocator, who, since when',
    (verb) => withTimeout(withOpenOptions(verb)).options(TRIAGE_OPTIONS).epilogue(DETAILS),
    (args) =>
      onVmcore(args, state, (vmcore) => {
        const result = triage(vmcore, timeoutOf(args));
        if (args.json) printJson(withProblems(result, vmcore.problems));
        else print(triageText(result, { width: proseWidth(), full: args.full }));
      }),
  );
}
