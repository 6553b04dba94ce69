// D14: a machine with work and memory enough. The proof that nothing is wrong.

import { addProgram } from '../boot.ts';
import { Inode } from '../fs/file-system.ts';
import type { Kernel } from '../core/kernel.ts';
import { eater, writer } from '../programs.ts';
import type { Scenario } from '../scenario.ts';

/** The scenario. */
export const QUIET: Scenario = {
  name: 'quiet',
  about: 'nothing is wrong (D14)',
  diagnosis: 'D14',
  needs: [],
  defaults: { ramMiB: 256, cpus: 2, hz: 250, dumpSeconds: 20 },
  start,
};

function start(k: Kernel): void {
  const managed = k.node.managedPages;
  const inode = new Inode(k, 'access.log');
  addProgram(k, { comm: 'httpd' }, writer({ inode, pages: 4, extends: true, sleepUs: 20_000 }));
  for (let i = 0; i < 3; i++) {
    const pages = Math.floor(managed * 0.1) + k.prng.below(managed >> 4);
    addProgram(k, { comm: `php-fpm-${i}` }, eater({ pages, batch: 64, sleepUs: 50_000 }));
  }
}
