// Runs of the simulated kernel, and what a reader makes of them in the words of the ledger.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MemallocTask } from '../../src/kernel/memalloc-report.ts';
import type { Task } from '../../src/kernel/task.ts';
import { simulatedTypes } from '../../src/cli/simulated-types.ts';
import { UnfinishedFiles, writeTextFile } from '../../src/cli/unfinished-files.ts';
import { FLAVOURS, type FlavourName } from '../../src/sim/flavour/flavours.ts';
import { writeElf } from '../../src/sim/image/elf.ts';
import { writeKdump } from '../../src/sim/image/kdump.ts';
import type { MachineImage } from '../../src/sim/image/machine.ts';
import type { LedgerTask } from '../../src/sim/ledger.ts';
import { findScenario } from '../../src/sim/scenarios/list.ts';
import {
  simulate,
  systemMap,
  writeSimulation,
  type Simulation,
  type SimulationOptions,
  type VmcoreFormat,
} from '../../src/sim/simulate.ts';
import { openVmcore } from '../../src/target/open.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import type { LayoutTypes } from '../../src/types/layout.ts';
import { THREAD_SIZE } from '../../src/sim/image/areas.ts';
import { orcFunctionsOf } from './orc-stack.ts';
import { vaddr, vaddrAdd } from '../../src/util/address.ts';
import { BytesSink } from '../../src/util/io.ts';

const types = new Map<string, LayoutTypes>();

/** Runs a scenario of the list. */
export function runScenario(
  name: string,
  options: Pick<
    SimulationOptions,
    | 'seed'
    | 'kmallocwd'
    | 'judgedBy'
    | 'features'
    | 'unfiltered'
    | 'trace'
    | 'patch'
    | 'knobs'
    | 'again'
  > & { flavour?: FlavourName },
): Simulation {
  const { flavour: flavourName = '6.1-kmallocwd', ...others } = options;
  const { flavour, patch: own } = FLAVOURS[flavourName];
  const { patch = own } = others;
  const key = `${flavour.name} ${patch}`;
  const known = types.get(key) ?? simulatedTypes(patch, flavour.name);
  types.set(key, known);
  const scenario = findScenario(name);
  assert.ok(scenario !== undefined, name);
  const asReleased = options.flavour !== undefined;
  return simulate({ scenario, types: known, flavour, asReleased, ...others, patch });
}

/** Writes a run to files, with its System.map where a reader needs that. */
export function writeRun(
  run: Simulation,
  path: string,
  { format, lz4 = false }: { format: VmcoreFormat; lz4?: boolean },
): RunFiles {
  const files = new UnfinishedFiles(path);
  writeSimulation(run, format, (suffix) => files.create(suffix));
  if (lz4) files.wrapAll();
  const paths = files.finish();
  const map = systemMap(run);
  if (map === undefined) return { paths };
  writeTextFile(`${path}.System.map`, map);
  return { paths, systemMap: `${path}.System.map` };
}

/** Where a run was written to. */
export interface RunFiles {
  readonly paths: readonly string[];
  readonly systemMap?: string;
}

/** Opens a vmcore for the time of `use`. */
export async function withRun<T>(
  { paths, ...options }: RunFiles,
  use: (vmcore: Vmcore) => T,
): Promise<T> {
  const vmcore = await openVmcore([...paths], options);
  try {
    return use(vmcore);
  } finally {
    vmcore.close();
  }
}

/** Writes an image to an ELF file and opens that for the time of `use`. */
export async function withImage<T>(image: MachineImage, use: (vmcore: Vmcore) => T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-image-'));
  try {
    const path = join(folder, 'vmcore');
    const sink = new BytesSink();
    writeElf(image, sink);
    writeFileSync(path, sink.bytes());
    return await withRun({ paths: [path] }, use);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The containers that runs are written to. */
export const CONTAINERS: readonly ContainerCase[] = [
  { name: 'elf', bytes: ({ image }) => written((sink) => writeElf(image, sink)) },
  {
    name: 'kdump',
    bytes: ({ image }) => written((sink) => writeKdump(image, sink, { codec: 'lzo' })),
  },
];

/** A container and how a run is written to it. */
export interface ContainerCase {
  readonly name: string;
  readonly bytes: (run: Simulation) => Uint8Array;
}

function written(write: (sink: BytesSink) => void): Uint8Array {
  const sink = new BytesSink();
  write(sink);
  return sink.bytes();
}

/** What the ledger alone knows. */
const LEDGER_ONLY = new Set(['record', 'words', 'functions', 'holds', 'waitsFor']);

/** A task of the ledger, as far as `tasks` shows it. */
export function ledgerFields(task: LedgerTask): Record<string, unknown> {
  return Object.fromEntries(Object.entries(task).filter(([key]) => !LEDGER_ONLY.has(key)));
}

/** A task as `tasks` shows it, under the ledger's names. */
export function taskFields(task: Task, like: LedgerTask): Record<string, unknown> {
  const all: Record<string, unknown> = { ...task, oomVictim: task.oomMm !== '0x0' };
  return Object.fromEntries(Object.keys(ledgerFields(like)).map((key) => [key, all[key]]));
}

/** A record as `memalloc` shows it, under the ledger's names. */
export function recordFields({ record }: MemallocTask, like: LedgerTask): Record<string, unknown> {
  const all: Record<string, unknown> = { ...record };
  return Object.fromEntries(Object.keys(like.record ?? {}).map((key) => [key, all[key]]));
}

/** More calls than any stack of 16 KiB has. */
const FRAMES_MAX = 256;

/** The functions on the stack of a task that does not run, by ORC, else by frame pointers. */
export function functionsOf(vmcore: Vmcore, { address, pid }: LedgerTask): string[] {
  const task = vmcore.object('task_struct', vaddr(BigInt(address)));
  const word = (at: bigint): bigint => {
    const bytes = vmcore.readBytes(vaddr(at), 8);
    return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  };
  const sp = task.member('thread.sp').integer();
  if (vmcore.symbols.lookup('orc_lookup') !== undefined) return orcFunctionsOf(vmcore, vaddr(sp));
  const stackEnd = task.member('stack').integer() + BigInt(THREAD_SIZE);
  const regs = vmcore.types.find('struct', 'pt_regs');
  // Nobody but a task that has not run yet has nothing but registers.
  if (regs?.kind === 'struct' && sp === stackEnd - BigInt(regs.size)) return ['ret_from_fork'];
  // Who switches goes on in __schedule(), whose frame pointer switch_to() has pushed; that is no
  // call.
  const names = ['__schedule'];
  for (let bp = word(sp); word(bp) !== 0n; bp = word(bp)) {
    assert.ok(names.length < FRAMES_MAX, `pid ${pid}: the stack does not end`);
    const ip = word(vaddrAdd(vaddr(bp), 8));
    const place = vmcore.symbols.symbolAt(vaddr(ip));
    assert.ok(place !== undefined, `pid ${pid}: no symbol at 0x${ip.toString(16)}`);
    names.push(place.name);
  }
  return names;
}
