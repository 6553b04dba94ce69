// D13: memory is full of pages that a dying disk writes back one by one. Every writer gets its page
// in the end, some of them only after longer than the watchdog waits.

import { addProgram } from '../boot.ts';
import { Inode } from '../fs/file-system.ts';
import type { Kernel } from '../core/kernel.ts';
import { eater, later, writer } from '../programs.ts';
import type { Scenario } from '../scenario.ts';

/** The scenario. */
export const OVERLOAD: Scenario = {
  name: 'overload',
  about: 'requests take long because the disk does; all of them finish (D13)',
  diagnosis: 'D13',
  needs: [
    'vm.dirty_ratio=100: writers are not slowed down',
    'reclaim that gives up where too many pages are isolated, since Linux 4.14 (endlessIsolation)',
  ],
  // Where dirty pages stay on the list that reclaim takes them off, too many are always off it.
  features: { dirtyRatio: 100, endlessIsolation: false, activatesDirty: false, cdrom: false },
  requires: ['dirtyRatio', 'endlessIsolation'],
  defaults: { ramMiB: 64, cpus: 1, hz: 100, dumpSeconds: 30 },
  start,
};

function start(k: Kernel): void {
  k.fs.disk.usPerPage = 90_000 + k.prng.below(30_000);
  const managed = k.node.managedPages;
  const pages = Math.floor(managed * 0.65);
  addProgram(
    k,
    { comm: 'mysqld', oomScoreAdj: -1000 },
    eater({ pages, batch: 256, sleepUs: 1_000 }),
  );
  for (let i = 0; i < 24; i++) {
    const inode = new Inode(k, `upload-${i}`);
    const sleepUs = 1_000 + k.prng.below(4_000);
    const upload = writer({ inode, pages: 16, dirty: true, sleepUs });
    addProgram(k, { comm: `ftpd-${i}` }, later(500_000, upload));
  }
}
