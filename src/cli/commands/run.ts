// stallcore run: the library in a user's own script, with the dump opened.

import type { Argv } from 'yargs';
import * as stallcore from '../../index.ts';
import type { RunState } from '../main.ts';
import { onVmcore, withOpenOptions } from '../open-options.ts';
import { print, printJson, printTable, withProblems } from '../output.ts';
import { inScript, loadScript, untilSettled } from '../script.ts';

const DETAILS = `The script says what is to be done with the dump:

  import { readTasks } from 'stallcore';
  export default async function ({ vmcore, args, print, printTable, json }) { … }

What it returns is printed with --json. It may set process.exitCode. Examples: samples/scripts.`;

/** Adds the verb. */
export function addRun(cli: Argv, state: RunState): void {
  cli.command(
    'run <script> [vmcore..]',
    'SCRIPT VMCORE [-- ARGS]: your own script, with the library and the opened vmcore',
    (verb) =>
      withOpenOptions(verb)
        .positional('script', {
          type: 'string',
          demandOption: true,
          describe: 'JavaScript; TypeScript where node strips types (22.18 and later)',
        })
        .epilogue(DETAILS),
    async (args) => {
      const { script: path, json } = args;
      const script = await loadScript(path, state.importModule);
      process.exitCode = undefined;
      await onVmcore(args, state, async (vmcore) => {
        const context: stallcore.ScriptContext = {
          vmcore,
          args: state.scriptArgs,
          json,
          print: (text = '') => {
            if (!json) print(`${text}\n`);
          },
          printTable: async (table) => {
            if (!json) await printTable(table);
          },
          stallcore,
        };
        const result = await untilSettled(path, () => inScript(path, () => script(context)));
        if (json) await inScript(path, () => printJson(asResult(result, vmcore)));
      });
      // A script says so itself where it found what it was to look for.
      if (typeof process.exitCode === 'number') state.exitCode = process.exitCode;
      process.exitCode = undefined;
    },
  );
}

function asResult(result: unknown, { problems }: stallcore.Vmcore): unknown {
  const isObject = typeof result === 'object' && result !== null && !Array.isArray(result);
  return isObject ? withProblems(result, problems) : (result ?? null);
}
