// stallcore structs export: a layout file made from the types of a dump or a vmlinux.

import type { Argv } from 'yargs';
import { identifyExport } from '../../target/export-source.ts';
import { layoutFlags } from '../../kernel/layout-flags.ts';
import { exportLayout } from '../../types/export.ts';
import { Problems } from '../../util/problems.ts';
import { EXIT_DONE, EXIT_PARTIAL } from '../exit.ts';
import type { RunState } from '../main.ts';
import { print, progress, remark, remarkProblems } from '../output.ts';
import { writeTextFile } from '../unfinished-files.ts';

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
              describe: 'a vmcore, or a vmlinux with BTF or DWARF',
            })
            .option('dwarf', {
              type: 'boolean',
              default: false,
              describe: 'of a vmlinux with both take DWARF, not BTF',
            })
            .option('tmp', {
              type: 'string',
              describe: 'folder for the unpacked copy of a packed vmcore',
            })
            .option('output', {
              alias: 'o',
              type: 'string',
              demandOption: 'structs export: expected -o FILE',
              describe: 'where the layout file goes; - for standard output',
            }),
        async (args) => {
          const problems = new Problems();
          const source = await identifyExport(args.file, {
            problems,
            onProgress: progress,
            preferDwarf: args.dwarf,
            ...(args.tmp === undefined ? {} : { tmpDir: args.tmp }),
          });
          try {
            const { identity, vmcore } = source;
            const flags = vmcore === undefined ? {} : layoutFlags(vmcore);
            const { text, missing } = exportLayout(source.types, { identity, flags });
            if (args.output === '-') print(text);
            else writeTextFile(args.output, text);
            const where = args.output === '-' ? '' : ` to ${args.output}`;
            remark(`wrote the types of ${identity.release ?? 'an unnamed kernel'}${where}`);
            // Kernels come and go with their structs, so that this is no fault of the file.
            if (missing.length > 0) {
              const names = missing.join(', ');
              remark(`complete; of what other kernels have, this one has no ${names}`);
            }
            remarkProblems(problems);
            state.exitCode = problems.isEmpty ? EXIT_DONE : EXIT_PARTIAL;
          } finally {
            source.close();
          }
        },
      )
      .demandCommand(1, 'structs: expected export FILE -o LAYOUT')
      .strict(),
  );
}
