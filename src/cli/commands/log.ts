// stallcore log: the kernel's log.

import type { Argv } from 'yargs';
import { logResult } from '../../kernel/log.ts';
import { logBytes, logJson, logRemarks, logText } from '../../report/log.ts';
import { levelsOf, sinceOf } from '../log-options.ts';
import type { RunState } from '../main.ts';
import { onVmcore, withOpenOptions } from '../open-options.ts';
import { print, printBytes, printJson, remark, withProblems } from '../output.ts';

const LOG_OPTIONS = {
  raw: {
    type: 'boolean',
    default: false,
    describe: 'the bytes as they are, unless standard output is a terminal',
  },
  ctime: { type: 'boolean', default: false, describe: 'the time of day (UTC) instead of seconds' },
  level: {
    type: 'string',
    requiresArg: true,
    coerce: levelsOf,
    describe: 'records of these levels: err,warn or 3,4; err+ is err and worse',
  },
  since: {
    type: 'string',
    requiresArg: true,
    coerce: sinceOf,
    describe: 'records from this time stamp on, in seconds; --since=-60 is the last minute',
  },
} as const;

/** Adds the verb. */
export function addLog(cli: Argv, state: RunState): void {
  cli.command(
    'log [vmcore..]',
    "the kernel's log, as dmesg(1) prints it",
    (verb) => withOpenOptions(verb).options(LOG_OPTIONS),
    (args) =>
      onVmcore(args, state, (vmcore) => {
        const result = logResult(vmcore, {
          ...(args.level === undefined ? {} : { levels: args.level }),
          ...(args.since === undefined ? {} : { sinceUs: args.since }),
        });
        const { raw, ctime } = args;
        if (args.json) {
          printJson(withProblems(logJson(result), vmcore.problems));
          return;
        }
        if (raw && !process.stdout.isTTY) printBytes(logBytes(result));
        else print(logText(result, { ctime }));
        for (const text of logRemarks(result)) remark(text);
        if (ctime && result.wallClockOffsetUs === undefined) {
          remark('the dump does not tell the time of day: seconds since boot');
        }
      }),
  );
}
