// The machine of three-stalls-facts.ts as an image, and as a kdump file that is made once a run.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { simulatedTypes } from '../../src/cli/simulated-types.ts';
import { writeKdump } from '../../src/sim/image/kdump.ts';
import { buildMachine, type MachineImage } from '../../src/sim/image/machine.ts';
import type { LayoutTypes } from '../../src/types/layout.ts';
import { USED_ENUMERATORS, USED_TYPES } from '../../src/types/used-structs.ts';
import { BytesSink } from '../../src/util/io.ts';
import { statedLedger, type StatedLedger } from './stated-ledger.ts';
import { threeStalls } from './three-stalls-facts.ts';

/** The machine, a dump of it and the truth about it. */
export interface ThreeStalls {
  readonly image: MachineImage;
  readonly vmcore: Uint8Array;
  readonly ledger: StatedLedger;
}

/** The types of the machine's kernel: those of a real 6.1 with the patch v3. */
export function threeStallsTypes(): LayoutTypes {
  return simulatedTypes('v3');
}

/** Makes the machine; its dump is kdump-compressed with lzo. */
export function makeThreeStalls(): ThreeStalls {
  const image = buildMachine(threeStalls(), {
    types: threeStallsTypes(),
    btfNames: USED_TYPES,
    btfEnumerators: USED_ENUMERATORS,
    pageCountMax: 16 << 10,
  });
  const sink = new BytesSink();
  writeKdump(image, sink, { codec: 'lzo' });
  return { image, vmcore: sink.bytes(), ledger: statedLedger(image) };
}

let path: string | undefined;

/** The dump as a file, which is there until this process ends. */
export function threeStallsPath(): string {
  if (path !== undefined) return path;
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-three-stalls-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  path = join(folder, 'three-stalls.vmcore');
  writeFileSync(path, makeThreeStalls().vmcore);
  return path;
}
