// npm run bench: how long a whole `stallcore tasks` or `stallcore bt --all` takes and how much
// memory, beside the tools that people use today, in one run on one dump. The machine may be busy
// with other things: programs that are compared run in turns, medians are printed, each as a ratio
// to the other.
//
//     npm run bench -- [VMCORE] [--many VMCORE] [--vmlinux FILE] [--runs N]
//
// --many is a dump of some 5,300 tasks, for stacks; a simulated one unless told. crash and drgn
// cannot read a task without the 590 MB of DWARF in a vmlinux; makedumpfile can print the kernel's
// log without, which is the least that any tool can do with a dump.
//
// The simulated kernel has nobody to be compared with, but limits, which stand beside its figures.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { benchCodecs } from './codecs.ts';
import { benchExport } from './export.ts';
import { benchPack } from './pack.ts';
import { benchPrograms } from './programs.ts';
import { benchRawSearch, RAW_IMAGE_SIZE } from './raw-search.ts';
import { benchStacks, type StackDump } from './stacks.ts';
import { benchSimulations, SIMULATION_SIZES, type SimulationSize } from './simulations.ts';

/** What is measured. */
export interface BenchOptions {
  readonly dump: string;
  /** With DWARF; crash and drgn are left out without one. */
  readonly vmlinux: string | undefined;
  /** How often each program runs. */
  readonly runs: number;
  /** How much of the raw image is filled with noise first; the rest is a hole in the file. */
  readonly noiseBytes: number;
  /** Pages that each codec unpacks. */
  readonly pageCount: number;
  /** Whose tasks' stacks are read, all of them. */
  readonly stackDumps: readonly StackDump[];
  readonly simulations: readonly SimulationSize[];
  /** For files that are made on the way. */
  readonly folder: string;
  readonly print: (line: string) => void;
}

/** Measures all and prints a line a figure. */
export async function bench(options: BenchOptions): Promise<void> {
  options.print(`node ${process.version}, ${options.runs} runs, medians`);
  await benchPrograms(options);
  benchExport(options);
  benchPack(options);
  benchStacks(options);
  await benchCodecs(options);
  await benchRawSearch(options);
  benchSimulations(options);
}

const SAMPLE = fileURLToPath(new URL('../../samples/oom-victim-mutex.vmcore', import.meta.url));
const REAL = fileURLToPath(new URL('../../../shared/vmcores/k61-press-d31.kdump', import.meta.url));

/** For 282 tasks and for 5,300, out of a zlib kdump, on a machine that does nothing else. */
const FEW_LIMIT = { seconds: 0.35, memoryMib: 200 };
const MANY_LIMIT = { seconds: 2, memoryMib: 200 };
const MANY_TASKS = 5270;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      vmlinux: { type: 'string' },
      many: { type: 'string' },
      runs: { type: 'string', default: '9' },
    },
  });
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-bench-'));
  const dump = positionals[0] ?? (existsSync(REAL) ? REAL : SAMPLE);
  try {
    await bench({
      dump,
      vmlinux: values.vmlinux,
      runs: Math.max(1, Number(values.runs)),
      noiseBytes: RAW_IMAGE_SIZE,
      pageCount: 4000,
      stackDumps: [
        { path: dump, idleTasks: 0, limit: FEW_LIMIT },
        { path: values.many, idleTasks: MANY_TASKS, limit: MANY_LIMIT },
      ],
      simulations: SIMULATION_SIZES,
      folder,
      print: (line) => process.stdout.write(`${line}\n`),
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
