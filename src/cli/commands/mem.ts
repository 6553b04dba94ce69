// stallcore mem: the state of memory, for people or as SysRq-m prints it.

import type { Argv } from 'yargs';
import { memResult } from '../../kernel/mem.ts';
import { memText } from '../../report/mem.ts';
import { showMemText } from '../../report/show-mem.ts';
import type { RunState } from '../main.ts';
import { onVmcore, withOpenOptions } from '../open-options.ts';
import { print, printJson, withProblems } from '../output.ts';

/** Adds the verb. */
export function addMem(cli: Argv, state: RunState): void {
  cli.command(
    'mem [vmcore..]',
    'the state of memory: zones below their watermarks, what holds the memory, free blocks, slabs',
    (verb) =>
      withOpenOptions(verb).option('sysrq', {
        type: 'boolean',
        default: false,
        describe: "in the kernel's own format, as SysRq-m would have printed it at that instant",
      }),
    (args) =>
      onVmcore(args, state, (vmcore) => {
        const result = memResult(vmcore);
        if (args.json) printJson(withProblems(result, vmcore.problems));
        else print(args.sysrq ? showMemText(result) : memText(result));
      }),
  );
}
