// What `pack` costs beside the `triage` that it follows, of which it may take twice the time; and
// how small the packed dump is.

import { statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { stallcore } from './cost.ts';
import type { BenchOptions } from './main.ts';
import { compare } from './programs.ts';

/** Runs both in turns on the dump. */
export function benchPack(options: BenchOptions): void {
  const { dump, folder, print } = options;
  const packed = join(folder, 'packed');
  const pack = {
    ...stallcore('stallcore pack', ['pack', dump, '-o', packed]),
    answered: (output: string) => output.includes(' of memory in '),
  };
  const triage = {
    ...stallcore('stallcore triage', ['triage', dump]),
    answered: (output: string) => output !== '',
  };
  const [cost] = compare([pack, triage], options);
  if (cost === undefined) return;
  const [before, after] = [dump, packed].map((path) => statSync(path).size);
  print(`${basename(dump)} packed: ${after} bytes of ${before}`);
}
