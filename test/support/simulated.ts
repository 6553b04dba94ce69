// Runs of the simulated kernel, and what a reader makes of them in the words of the ledger.

import assert from 'node:assert/strict';
import type { MemallocTask } from '../../src/kernel/memalloc-report.ts';
import type { Task } from '../../src/kernel/task.ts';
import { writeElf } from '../../src/sim/image/elf.ts';
import { writeKdump } from '../../src/sim/image/kdump.ts';
import { simulatedTypes } from '../../src/cli/simulated-types.ts';
import type { LedgerTask } from '../../src/sim/ledger.ts';
import { findScenario } from '../../src/sim/scenarios/list.ts';
import { simulate, type Simulation, type SimulationOptions } from '../../src/sim/simulate.ts';
import type { PatchName } from '../../src/sim/watchdog/patch-version.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import type { LayoutTypes } from '../../src/types/layout.ts';
import { orcFunctionsOf } from './orc-stack.ts';
import { vaddr, vaddrAdd } from '../../src/util/address.ts';
import { BytesSink } from '../../src/util/io.ts';

const types = new Map<PatchName, LayoutTypes>();

/** Runs a scenario of the list. */
export function runScenario(
  name: string,
  options: Pick<
    SimulationOptions,
    'seed' | 'kmallocwd' | 'features' | 'unfiltered' | 'trace' | 'patch' | 'knobs'
  >,
): Simulation {
  const { patch = 'v3' } = options;
  const known = types.get(patch) ?? simulatedTypes(patch);
  types.set(patch, known);
  const scenario = findScenario(name);
  assert.ok(scenario !== undefined, name);
  return simulate({ scenario, types: known, ...options });
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
  const switchFrame = vmcore.object('inactive_task_frame', vaddr(sp));
  let ip = switchFrame.member('ret_addr').integer();
  let bp = switchFrame.member('bp').integer();
  const names: string[] = [];
  for (let depth = 0; depth < FRAMES_MAX; depth++) {
    const place = vmcore.symbols.symbolAt(vaddr(ip));
    assert.ok(place !== undefined, `pid ${pid}: no symbol at 0x${ip.toString(16)}`);
    names.push(place.name);
    if (word(bp) === 0n) return names;
    ip = word(vaddrAdd(vaddr(bp), 8));
    bp = word(bp);
  }
  throw new RangeError(`pid ${pid}: the stack does not end`);
}
