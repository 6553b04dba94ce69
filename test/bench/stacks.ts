// Every task with its stack: `stallcore bt --all` beside `foreach bt` of crash and a script for
// drgn that unwinds each task, on a dump of a few hundred tasks and on one of thousands.

import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { GNU_TIME, run, stallcore, type Limit, type Program } from './cost.ts';
import type { BenchOptions } from './main.ts';
import { compare, installed } from './programs.ts';

/** The other tools take most of a minute for thousands of tasks. */
const RUNS_MAX = 3;

/** A dump whose stacks are read. */
export interface StackDump {
  /** Undefined for a simulated machine of so many tasks, which the other tools have no types of. */
  readonly path: string | undefined;
  readonly idleTasks: number;
  readonly limit?: Limit;
}

/** stallcore against each other tool in turns, on each dump. */
export function benchStacks(options: BenchOptions): void {
  const { folder, print, stackDumps } = options;
  if (!existsSync(GNU_TIME)) {
    print(`stacks: skipped, ${GNU_TIME} is not installed`);
    return;
  }
  for (const each of stackDumps) {
    const path = each.path ?? simulated(each.idleTasks, folder);
    if (path === undefined) print('stacks: skipped, the simulated machine could not be written');
    else measure(each, path, options);
    if (each.path === undefined && path !== undefined) remove(path);
  }
}

function measure(dump: StackDump, path: string, options: BenchOptions): void {
  const runs = Math.min(options.runs, RUNS_MAX);
  const own = {
    ...stallcore(`stallcore bt --all, ${basename(path)}`, ['bt', '--all', path]),
    answered: (output: string) => / tasks, \d+ stacks, by /.test(output),
    ...(dump.limit === undefined ? {} : { limit: dump.limit }),
  };
  const node = { name: 'node -e 0', command: [process.execPath, '-e', '0'], answered: () => true };
  compare([own, node], { ...options, dump: path });
  const others =
    dump.path === undefined
      ? ['crash and drgn: skipped, they have no types of the simulated kernel']
      : otherTools(path, options);
  for (const other of others) {
    if (typeof other === 'string') options.print(other);
    else compare([own, other], { ...options, dump: path, runs });
  }
}

function otherTools(path: string, { vmlinux, folder }: BenchOptions): (Program | string)[] {
  const missing = 'skipped, no vmlinux given (--vmlinux FILE)';
  if (vmlinux === undefined) return [`crash foreach bt: ${missing}`, `drgn stacks: ${missing}`];
  const script = join(folder, 'stacks.py');
  writeFileSync(
    script,
    [
      'from drgn.helpers.linux.pid import for_each_task',
      'for task in for_each_task(prog):',
      '    print(task.pid.value_(), task.comm.string_())',
      '    try:',
      '        print(prog.stack_trace(task))',
      '    except Exception as error:',
      '        print(error)',
      '',
    ].join('\n'),
  );
  return [
    installed('crash') ?? {
      name: 'crash foreach bt',
      command: ['crash', '-s', vmlinux, path],
      input: 'foreach bt\nquit\n',
      answered: (output) => /^PID: /m.test(output),
    },
    installed('drgn') ?? {
      name: 'drgn, prog.stack_trace() of for_each_task',
      command: ['drgn', '-q', '-c', path, '-s', vmlinux, script],
      answered: (output) => /^#0 /m.test(output),
    },
  ];
}

/** Undefined where it could not be written. */
function simulated(idleTasks: number, folder: string): string | undefined {
  const path = join(folder, `simulated-${idleTasks}.kdump`);
  const machine = ['--ram', '1024', '--idle-tasks', `${idleTasks}`, '--dump-at', '2'];
  const output = ['--kmallocwd', '1', '--format', 'kdump-zlib', '-o', path];
  const cost = run({
    ...stallcore('simulate', ['simulate', 'quiet', ...machine, ...output]),
    answered: (output) => output.includes('\nwritten: '),
  });
  return cost === undefined ? undefined : path;
}

function remove(path: string): void {
  for (const file of [path, `${path}.ledger.json`]) rmSync(file, { force: true });
}
