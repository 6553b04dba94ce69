// The simulated kernel at the sizes that it is to be fast at, with what it may take beside what it
// takes. A limit that is missed is to be seen, and nothing fails for it: the machine may be busy.

import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { count } from '../../src/util/count.ts';
import { GNU_TIME, limitText, medianCost, run, stallcore, type Cost, type Limit } from './cost.ts';
import type { BenchOptions } from './main.ts';

/** Nothing is compared with these in turns, and the large one takes most of a minute. */
const RUNS_MAX = 3;

/** One simulation, and what it may take. */
export interface SimulationSize {
  readonly name: string;
  /** A scenario and its knobs. */
  readonly argv: readonly string[];
  readonly limit: Limit;
}

const LARGE = ['--format', 'elf', '--ram', `${2 ** 20}`, '--cpus', '64', '--idle-tasks', '100000'];
// The scenario starts some 20 tasks itself, and the machine runs on for ten timeouts.
const LONG = ['--idle-tasks', '480', '--dump-at', '50', '--kmallocwd', '1'];

/** The sizes that have a limit. */
export const SIMULATION_SIZES: readonly SimulationSize[] = [
  {
    name: '100,000 tasks on 1 TiB, written as ELF',
    argv: ['quiet', ...LARGE],
    limit: { seconds: 60, memoryMib: 1024 },
  },
  {
    name: '60 s of 500 tasks',
    argv: ['oom-victim-mutex', ...LONG],
    limit: { seconds: 5 },
  },
];

/** A line a size. */
export function benchSimulations(options: BenchOptions): void {
  const { print } = options;
  if (!existsSync(GNU_TIME)) {
    print(`simulations: skipped, ${GNU_TIME} is not installed`);
    return;
  }
  for (const size of options.simulations) print(measure(size, options));
}

function measure({ name, argv, limit }: SimulationSize, { folder, runs }: BenchOptions): string {
  const path = join(folder, 'simulated.vmcore');
  const rounds = Math.min(runs, RUNS_MAX);
  const program = {
    ...stallcore(`simulate: ${name}, ${count(rounds, 'run')}`, ['simulate', ...argv, '-o', path]),
    answered: (output: string) => output.includes('\nwritten: '),
  };
  const costs: Cost[] = [];
  for (let round = 0; round < rounds; round++) {
    const cost = run(program);
    for (const file of [path, `${path}.ledger.json`]) rmSync(file, { force: true });
    if (cost === undefined) return `${program.name}: no answer`;
    costs.push(cost);
  }
  const { wallSeconds, cpuSeconds, memoryMib } = medianCost(costs);
  const memory = `${memoryMib.toFixed(0)} MiB${limitText(limit.memoryMib, 'MiB')}`;
  const wall = `${wallSeconds.toFixed(1)} s${limitText(limit.seconds, 's')}`;
  return `${program.name}: ${wall}, CPU ${cpuSeconds.toFixed(1)} s, ${memory}`;
}
