// stallcore structs export: a layout file made from the types of a dump or a vmlinux.

import type { Argv } from 'yargs';
import { identifyExport } from '../../target/export-source.ts';
import { layoutFlags } from '../../kernel/layout-flags.ts';
import { exportLayout, type ExportedLayout } from '../../types/export.ts';
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
            const exported = exportLayout(source.types, { identity, flags });
            if (args.output === '-') print(exported.text);
            else writeTextFile(args.output, exported.text);
            const where = args.output === '-' ? '' : ` to ${args.output}`;
            remark(`wrote the types of ${identity.release ?? 'an unnamed kernel'}${where}`);
            remarkMissing(exported);
            remarkProblems(problems);
            const isWhole = problems.isEmpty && exported.lacking.length === 0;
            state.exitCode = isWhole ? EXIT_DONE : EXIT_PARTIAL;
          } finally {
            source.close();
          }
        },
      )
      .demandCommand(1, 'structs: expected export FILE -o LAYOUT')
      .strict(),
  );
}

/** Kernels come and go with their structs, so that most of it is no fault of the file. */
function remarkMissing({ missing, lacking }: ExportedLayout): void {
  if (lacking.length > 0) {
    remark(`incomplete: every kernel has ${lacking.join(', ')}, and these types do not`);
  }
  const others = missing.filter((name) => !lacking.includes(name));
  if (others.length === 0) return;
  const first = lacking.length > 0 ? '' : 'complete; ';
  remark(`${first}of what other kernels have, this one has no ${others.join(', ')}`);
}
