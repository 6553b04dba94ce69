// stallcore memalloc: the lines that kmallocwd would have printed at the instant of the dump.

import type { Argv } from 'yargs';
import { MEMALLOC_FORMAT_NAMES } from '../../kernel/memalloc-format.ts';
import { readMemalloc } from '../../kernel/memalloc-report.ts';
import { evidenceTable } from '../../report/alloc-evidence.ts';
import { memallocLines, memallocRemarks, memallocTable } from '../../report/memalloc.ts';
import type { RunState } from '../main.ts';
import { oneOf } from '../near-name.ts';
import { onVmcore, withOpenOptions } from '../open-options.ts';
import { print, printJson, printTable, remark, withProblems } from '../output.ts';
import { timeoutOf, withTimeout } from '../timeout-option.ts';

/** Adds the verb. */
export function addMemalloc(cli: Argv, state: RunState): void {
  cli.command(
    'memalloc [vmcore..]',
    'the lines that kmallocwd would have printed at the instant of the dump',
    (verb) =>
      withTimeout(withOpenOptions(verb))
        .option('format', {
          type: 'string',
          requiresArg: true,
          // The choices are for the help; the nearest of them is told before yargs refuses.
          choices: MEMALLOC_FORMAT_NAMES,
          coerce: formatOf,
          describe:
            "whose lines to print, instead of the dump's own; once a request stalls, v4 and " +
            'later also list younger ones, from half the timeout on; rfc lists all in flight',
        })
        .option('all', {
          type: 'boolean',
          default: false,
          describe:
            "a table of every task's request in flight or last one finished; with --json all " +
            'evidence',
        }),
    (args) =>
      onVmcore(args, state, async (vmcore) => {
        const result = readMemalloc(vmcore, {
          ...timeoutOf(args),
          evidence: args.json && args.all ? 'always' : 'without record',
          ...(args.format === undefined ? {} : { format: args.format }),
        });
        if (args.json) {
          printJson(withProblems(result, vmcore.problems));
          return;
        }
        // Without records the lines say less than a table does, and are printed when asked for.
        if (result.rebuilt !== undefined && (args.all || args.format === undefined)) {
          await printTable(evidenceTable(result, args.all));
        } else if (args.all && result.record !== undefined) await printTable(memallocTable(result));
        else print(memallocLines(result));
        for (const text of memallocRemarks(result)) remark(text);
      }),
  );
}

function formatOf(given: string): string {
  return oneOf(MEMALLOC_FORMAT_NAMES, { verb: 'memalloc', what: 'format', given });
}
