// D14 again, after an accident: a program leaks until the OOM killer takes it, and its memory comes
// back as it should. The log tells of a kill; nothing is stuck.

import { addProgram } from '../boot.ts';
import type { Kernel } from '../core/kernel.ts';
import { eater } from '../programs.ts';
import type { Scenario } from '../scenario.ts';

/** The scenario. */
export const LEAK_THEN_RECOVER: Scenario = {
  name: 'leak-then-recover',
  about: 'the OOM killer takes a leaking program, and all is well again (D14)',
  diagnosis: 'D14',
  needs: [],
  defaults: { ramMiB: 256, cpus: 2, hz: 1000, dumpSeconds: 40 },
  start,
};

function start(k: Kernel): void {
  const managed = k.node.managedPages;
  const batch = 128 + k.prng.below(128);
  addProgram(k, { comm: 'leaky' }, eater({ pages: 2 * managed, batch, sleepUs: 10_000 }));
  const pages = Math.floor(managed * 0.1) + k.prng.below(managed >> 4);
  addProgram(k, { comm: 'postgres' }, eater({ pages, batch: 32, sleepUs: 40_000 }));
}
