// Whole programs: from the command line to the last byte of output.

import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readTasks } from '../../src/kernel/task.ts';
import { openVmcore } from '../../src/target/open.ts';
import {
  GNU_TIME,
  limitText,
  medianCost,
  run,
  stallcore,
  type Cost,
  type Program,
} from './cost.ts';
import type { BenchOptions } from './main.ts';

/** stallcore against each other tool in turns, then the share of each task. */
export async function benchPrograms(options: BenchOptions): Promise<void> {
  const { dump, print } = options;
  if (!existsSync(GNU_TIME)) {
    print(`whole programs: skipped, ${GNU_TIME} is not installed`);
    return;
  }
  const tasks = tasksOf(dump);
  const costs = compare([tasks, nodeAlone()], options);
  for (const other of others(options)) {
    if (typeof other === 'string') print(other);
    else compare([tasks, other], options);
  }
  const [own, node] = costs;
  if (own === undefined || node === undefined) return;
  const vmcore = await openVmcore([dump]);
  const { tasks: all, idle } = readTasks(vmcore);
  vmcore.close();
  const count = all.length + idle.length;
  const each = ((own.wallSeconds - node.wallSeconds) / count) * 1e6;
  print(`${count} tasks: ${each.toFixed(0)} us each, all but node's own start shared out`);
}

function tasksOf(dump: string): Program {
  const answered = (output: string): boolean => output.includes(' idle tasks');
  return { ...stallcore('stallcore tasks', ['tasks', dump]), answered };
}

function nodeAlone(): Program {
  return { name: 'node -e 0', command: [process.execPath, '-e', '0'], answered: () => true };
}

/** The other tools; a line to print instead of one that cannot be run here. */
function others({ dump, vmlinux, folder }: BenchOptions): (Program | string)[] {
  const dmesg = join(folder, 'dmesg.txt');
  const script = join(folder, 'ps.py');
  writeFileSync(
    script,
    'from drgn.helpers.linux.pid import for_each_task\n' +
      'for task in for_each_task(prog):\n    print(task.pid.value_(), task.comm.string_())\n',
  );
  const missing = 'skipped, no vmlinux given (--vmlinux FILE)';
  return [
    installed('makedumpfile') ?? {
      name: 'makedumpfile --dump-dmesg',
      command: ['makedumpfile', '-f', '--dump-dmesg', dump, dmesg],
      answered: () => existsSync(dmesg),
    },
    vmlinux === undefined
      ? `crash ps: ${missing}`
      : (installed('crash') ?? {
          name: 'crash ps',
          command: ['crash', '-s', vmlinux, dump],
          input: 'ps\nquit\n',
          answered: (output) => /\bPID\b/.test(output),
        }),
    vmlinux === undefined
      ? `drgn for_each_task: ${missing}`
      : (installed('drgn') ?? {
          name: 'drgn for_each_task',
          command: ['drgn', '-q', '-c', dump, '-s', vmlinux, script],
          answered: (output) => /^1 b'/m.test(output),
        }),
  ];
}

/** undefined if a tool is there, else the line that says that it is not. */
export function installed(tool: string): string | undefined {
  const found = spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0;
  return found ? undefined : `${tool}: skipped, not installed`;
}

/** Runs two programs in turns, A B A B, and prints the medians and their ratio. */
export function compare(
  pair: readonly [Program, Program],
  options: Pick<BenchOptions, 'runs' | 'print' | 'dump'>,
): (Cost | undefined)[] {
  const costs: Cost[][] = [[], []];
  for (let round = 0; round < options.runs; round++) {
    pair.forEach((program, i) => {
      const cost = run(program);
      if (cost !== undefined) costs[i]?.push(cost);
    });
  }
  const medians = costs.map((all) => (all.length < options.runs ? undefined : medianCost(all)));
  medians.forEach((cost, i) => options.print(line(pair[i] as Program, cost, options)));
  const [own, other] = medians;
  if (own !== undefined && other !== undefined) {
    // GNU time counts hundredths of a second; of less there is no ratio.
    const ratio = (key: keyof Cost): string =>
      other[key] === 0 ? '?' : (own[key] / other[key]).toFixed(2);
    options.print(
      `  ratio: ${ratio('wallSeconds')} of the time, ${ratio('cpuSeconds')} of the CPU time, ` +
        `${ratio('memoryMib')} of the memory`,
    );
  }
  return medians;
}

function line(
  { name, limit }: Program,
  cost: Cost | undefined,
  { dump }: Pick<BenchOptions, 'dump'>,
): string {
  if (cost === undefined) return `${name}: cannot read ${basename(dump)}`;
  const { wallSeconds, cpuSeconds, memoryMib } = cost;
  const wall = `${wallSeconds.toFixed(3)} s${limitText(limit?.seconds, 's')}`;
  const memory = `${memoryMib.toFixed(0)} MiB${limitText(limit?.memoryMib, 'MiB')}`;
  return `${name}: ${wall}, CPU ${cpuSeconds.toFixed(3)} s, ${memory}`;
}
