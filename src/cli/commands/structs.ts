// stallcore structs export: a layout file made from the types of a dump or a vmlinux.

import { renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Argv } from 'yargs';
import { identifyExport } from '../../target/export-source.ts';
import { layoutFlags } from '../../kernel/layout-flags.ts';
import { exportLayout } from '../../types/export.ts';
import type { RunState } from '../main.ts';
import { print, remark } from '../output.ts';

/** Adds the verb. */
export function addStructs(cli: Argv, state: RunState): void {
  cli.command('structs', 'layout files of kernel structures', (verb) =>
    verb
      .command(
        'export <file..>',
        'make a layout file from the types of a VMCORE or VMLINUX',
        (sub) =>
          sub
            .positional('file', {
              type: 'string',
              array: true,
              demandOption: true,
              describe: 'a vmcore, or a vmlinux with BTF',
            })
            .option('output', {
              alias: 'o',
              type: 'string',
              demandOption: true,
              describe: 'where the layout file goes; - for standard output',
            }),
        async (args) => {
          const source = await identifyExport(args.file);
          try {
            const { identity, vmcore } = source;
            const flags = vmcore === undefined ? {} : layoutFlags(vmcore);
            const { text, missing } = exportLayout(source.types, { identity, flags });
            if (args.output === '-') print(text);
            else writeBeside(args.output, text);
            if (missing.length > 0) remark(`not in this kernel: ${missing.join(', ')}`);
            state.exitCode = 0;
          } finally {
            source.close();
          }
        },
      )
      .demandCommand(1, 'structs: expected export')
      .strict(),
  );
}

/** Written beside and renamed, so that an interrupt leaves the old file or the new one. */
function writeBeside(path: string, text: string): void {
  const unfinished = `${path}.unfinished`;
  try {
    writeFileSync(unfinished, text);
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}
