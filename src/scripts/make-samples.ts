// `npm run samples`: makes what lies in samples/, bit for bit the same each time. Give a folder to
// have it written elsewhere. Each sample is a run of the simulated kernel, as `stallcore simulate`
// makes one with the options that samples/README.md gives.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { simulatedTypes } from '../cli/simulated-types.ts';
import {
  findScenario,
  FLAVOURS,
  ledgerText,
  simulate,
  systemMap,
  writeSimulation,
  type FlavourName,
  type Knobs,
} from '../sim/simulate.ts';
import { assert } from '../util/assert.ts';
import { BytesSink } from '../util/io.ts';

/** A run that lies in samples/. */
export interface Sample {
  readonly scenario: string;
  readonly seed: number;
  readonly flavour: FlavourName;
  /** The kernel as it was released, whatever the scenario would rather have. */
  readonly asReleased?: boolean;
  readonly kmallocwd: number;
  readonly knobs: Partial<Knobs>;
}

/** One section of memory is enough, and half of it keeps the files small. */
const KNOBS = { ramMiB: 64 };

const PATCHED = { seed: 1, flavour: '6.1-kmallocwd', knobs: KNOBS } as const;

/** Each kernel, watchdog on and off, stalls and none. */
export const SAMPLES: readonly Sample[] = [
  // What the README begins with: nothing was ever logged.
  { ...PATCHED, scenario: 'oom-victim-mutex', kmallocwd: 0 },
  // The log has the MemAlloc lines.
  { ...PATCHED, scenario: 'nofs-only', kmallocwd: 10 },
  // Nothing is wrong any more.
  { ...PATCHED, scenario: 'leak-then-recover', kmallocwd: 10 },
  // A kernel without the patch.
  {
    scenario: 'oom-lock-starved',
    seed: 1,
    flavour: '6.1',
    asReleased: true,
    kmallocwd: 0,
    knobs: KNOBS,
  },
  // A kernel whose types and symbols are not in its memory.
  {
    scenario: 'too-many-isolated',
    seed: 2,
    flavour: '4.4',
    asReleased: true,
    kmallocwd: 10,
    knobs: KNOBS,
  },
];

/** Runs it. @returns the files by their names */
export function makeSample(sample: Sample): Map<string, Uint8Array> {
  const { scenario: name, seed, kmallocwd, knobs, asReleased = false } = sample;
  const { flavour, patch } = FLAVOURS[sample.flavour];
  const scenario = findScenario(name);
  assert(scenario !== undefined, `there is no scenario ${name}`);
  const types = simulatedTypes(patch, flavour.name);
  const run = simulate({ scenario, seed, kmallocwd, knobs, flavour, asReleased, patch, types });
  const vmcore = new BytesSink();
  // Our zlib packs struct pages best, and every build of makedumpfile and crash reads it.
  writeSimulation(run, 'kdump-zlib', () => vmcore);
  const text = new TextEncoder();
  const files = new Map([
    [`${name}.vmcore`, vmcore.bytes()],
    [`${name}.ledger.json`, text.encode(ledgerText(run.ledger))],
  ]);
  const map = systemMap(run);
  if (map !== undefined) files.set(`${name}.System.map`, text.encode(map));
  return files;
}

function main(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const sample of SAMPLES) {
    for (const [name, bytes] of makeSample(sample)) writeFileSync(join(folder, name), bytes);
  }
}

const [, script, folder] = process.argv;
if (script === fileURLToPath(import.meta.url)) {
  main(folder ?? fileURLToPath(new URL('../../samples', import.meta.url)));
}
