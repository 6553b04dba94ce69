// What `stallcore simulate` does: hands types and a file to the simulation, and sums up the run.

import {
  closeSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  findScenario,
  ledgerText,
  SCENARIOS,
  simulate,
  writeSimulation,
  type Simulation,
  type VmcoreFormat,
} from '../sim/simulate.ts';
import { structsFolder } from '../target/kernel-types.ts';
import { readLayout } from '../types/layout.ts';
import type { ByteSink } from '../util/io.ts';
import { UsageError } from './usage.ts';

/** The types of the simulated kernel: those of a real 6.1 with the patch. */
const LAYOUT = '6.1.192-kmallocwd2-x86_64.json';

/** What the user chose. */
export interface SimulateOptions {
  readonly path: string;
  readonly format: VmcoreFormat;
  readonly seed: number;
  readonly kmallocwd: number;
  readonly dumpSeconds?: number;
  readonly unfiltered: boolean;
}

/** The text of `simulate --list`. */
export function listScenarios(): string {
  const width = Math.max(...SCENARIOS.map(({ name }) => name.length)) + 2;
  return SCENARIOS.map(({ name, about }) => `${name.padEnd(width)}${about}\n`).join('');
}

/**
 * Runs a scenario and writes `path` and `path.ledger.json`.
 *
 * @returns a summary
 * @throws UsageError if there is no such scenario
 */
export function simulateToFile(name: string, options: SimulateOptions): string {
  const scenario = findScenario(name);
  if (scenario === undefined) {
    throw new UsageError(`simulate: no scenario ${name} (try: stallcore simulate --list)`);
  }
  const { seed, kmallocwd, dumpSeconds, unfiltered, path } = options;
  const knobs = dumpSeconds === undefined ? {} : { dumpSeconds };
  const types = readLayout(readFileSync(join(structsFolder() ?? '', LAYOUT), 'utf8'), LAYOUT);
  const run = simulate({ scenario, seed, kmallocwd, knobs, unfiltered, types });
  writeVmcore(run, options);
  writeFileSync(ledgerPath(path), ledgerText(run.ledger));
  return summary(run, path);
}

function ledgerPath(path: string): string {
  return `${path}.ledger.json`;
}

/** Written beside and renamed, so that an interrupt leaves the old file or the new one. */
function writeVmcore(run: Simulation, { path, format }: SimulateOptions): void {
  const unfinished = `${path}.unfinished`;
  const fd = openSync(unfinished, 'w');
  try {
    writeSimulation(run, new FileSink(fd), format);
    closeSync(fd);
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}

class FileSink implements ByteSink {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(bytes: Uint8Array, offset: number): void {
    for (let done = 0; done < bytes.length;) {
      done += writeSync(this.#fd, bytes, done, bytes.length - done, offset + done);
    }
  }
}

function summary({ ledger }: Simulation, path: string): string {
  const { scenario, seed, knobs, truth, tasks, lines } = ledger;
  const name = (pid: number): string => {
    const task = tasks.find((each) => each.pid === pid);
    return task === undefined ? `(${pid})` : `${task.comm}(${pid})`;
  };
  const cycle = truth.cycle.map(({ pid, what, onPid }) => {
    return `  ${name(pid)} waits for ${what}, which is ${name(onPid)}'s to give\n`;
  });
  return [
    `${scenario}, seed ${seed}, kmallocwd=${knobs.kmallocwd}: ${tasks.length} tasks, `,
    `${knobs.ramMiB} MiB, ${knobs.cpus} CPUs, dumped after ${knobs.dumpSeconds} s\n`,
    ...Object.entries(ledger.parameters ?? {}).map(([name, value]) => `  ${name}: ${value}\n`),
    `${lines[0] ?? ''}\n`,
    `run on for ten timeouts: ${truth.stuck.length} stuck, ${truth.recovered.length} recovered: `,
    `${truth.diagnosis}\n`,
    ...cycle,
    `written: ${path}, ${ledgerPath(path)}\n`,
  ].join('');
}
