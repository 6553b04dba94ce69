// What it costs to read the types of a vmlinux out of its DWARF, beside what other tools take to
// load it: `structs export` reads all of them that it ever needs, crash and drgn begin to.

import { join } from 'node:path';
import { existsSync, writeFileSync } from 'node:fs';
import { stallcore, type Program } from './cost.ts';
import type { BenchOptions } from './main.ts';
import { compare, installed } from './programs.ts';

/** For 590 MB of vmlinux, on a machine that does nothing else. */
const LIMIT = { seconds: 8, memoryMib: 600 };

/** Runs each tool in turns with the export. */
export function benchExport(options: BenchOptions): void {
  const { dump, vmlinux, folder, print } = options;
  if (vmlinux === undefined) {
    print('structs export of DWARF: skipped, no vmlinux given (--vmlinux FILE)');
    return;
  }
  const layout = join(folder, 'layout.json');
  const own: Program = {
    ...stallcore('structs export --dwarf', ['structs', 'export', '--dwarf', vmlinux, '-o', layout]),
    limit: LIMIT,
    answered: () => existsSync(layout),
  };
  const script = join(folder, 'load.py');
  writeFileSync(script, "print(prog.type('struct task_struct').size)\n");
  const others: Program[] = [
    {
      name: 'crash, loading alone',
      command: ['crash', '-s', vmlinux, dump],
      input: 'struct -o task_struct.pid\nquit\n',
      answered: (output) => output.includes('pid_t pid'),
    },
    {
      name: 'drgn, loading alone',
      command: ['drgn', '-q', '-c', dump, '-s', vmlinux, script],
      answered: (output) => /^\d+$/m.test(output),
    },
  ];
  for (const other of others) {
    const missing = installed(other.command[0] ?? '');
    if (missing === undefined) compare([own, other], options);
    else print(missing);
  }
}
