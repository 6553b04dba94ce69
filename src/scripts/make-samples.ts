// `npm run samples`: makes what lies in samples/, bit for bit the same each time. Give a folder to
// have it written elsewhere.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { writeKdump } from '../sim/image/kdump.ts';
import { buildMachine, type MachineImage } from '../sim/image/machine.ts';
import { readLayout, type LayoutTypes } from '../types/layout.ts';
import { USED_ENUMERATORS, USED_TYPES } from '../types/used-structs.ts';
import { BytesSink } from '../util/io.ts';
import { sampleLedger, type SampleLedger } from './sample-ledger.ts';
import { threeStalls } from './three-stalls.ts';

/** The types of the sample's kernel: those of a real 6.1 with the patch. */
const LAYOUT = new URL('../../structs/6.1.192-kmallocwd2-x86_64.json', import.meta.url);

const ABOUT = [
  'A machine that nobody booted: its memory was written by src/sim/image from the facts in',
  'src/scripts/three-stalls.ts, and this file was worked out from the same facts.',
  'backup(412) holds a lock and asks for memory with GFP_NOFS; java(530), an OOM victim, waits for',
  'that lock. sshd(288) and batch\\x09job(601) wait for memory as well. kmallocwd=0.',
];

/** A sample: the file, what it is made of and the truth about it. */
export interface Sample {
  readonly name: string;
  readonly image: MachineImage;
  readonly vmcore: Uint8Array;
  readonly ledger: SampleLedger;
}

/** The types of the kernel that the samples have. */
export function sampleTypes(): LayoutTypes {
  return readLayout(readFileSync(LAYOUT, 'utf8'), 'the layout of the sample kernel');
}

/** samples/three-stalls.vmcore and its ledger, in memory. */
export function makeThreeStalls(): Sample {
  const name = 'three-stalls';
  const image = buildMachine(threeStalls(), {
    types: sampleTypes(),
    btfNames: USED_TYPES,
    btfEnumerators: USED_ENUMERATORS,
    pageCountMax: 16 << 10,
  });
  const sink = new BytesSink();
  // Not zlib: what it makes differs between releases of node and between processors. Our own lzo
  // encoder gives the same bytes everywhere, and every build of makedumpfile and crash reads lzo.
  writeKdump(image, sink, { codec: 'lzo' });
  const ledger = sampleLedger(image, { sample: `${name}.vmcore`, about: ABOUT });
  return { name, image, vmcore: sink.bytes(), ledger };
}

/** The ledger's text. */
export function ledgerText(ledger: SampleLedger): string {
  return `${JSON.stringify(ledger, null, 1)}\n`;
}

function main(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const { name, vmcore, ledger } = makeThreeStalls();
  writeFileSync(join(folder, `${name}.vmcore`), vmcore);
  writeFileSync(join(folder, `${name}.json`), ledgerText(ledger));
}

const [, script, folder] = process.argv;
if (script === fileURLToPath(import.meta.url)) {
  main(folder ?? fileURLToPath(new URL('../../samples', import.meta.url)));
}
