// D9: a file system on an encrypted disk, whose driver takes the bios for the disk below from the
// same set as the file system takes its own. When memory is gone all of them wait for the driver,
// and the driver waits for one of them.

import { addProgram } from '../boot.ts';
import type { Kernel } from '../core/kernel.ts';
import { crypt_ctr } from '../drivers/dm-crypt.ts';
import { Inode } from '../fs/file-system.ts';
import { eater, later, writer } from '../programs.ts';
import type { Scenario } from '../scenario.ts';

/** The scenario. */
export const BIO_POOL_EMPTY: Scenario = {
  name: 'bio-pool-empty',
  about: 'all bios of a set wait for a driver that waits for one of them (D9)',
  diagnosis: 'D9',
  needs: ['a stacked driver that allocates from fs_bio_set, as bio_alloc_bioset() forbids'],
  features: { sharedBioSet: true },
  requires: ['sharedBioSet'],
  defaults: { ramMiB: 128, cpus: 2, hz: 250, dumpSeconds: 20 },
  start,
};

function start(k: Kernel): void {
  const managed = k.node.managedPages;
  k.fs.disk.usPerPage = 200;
  k.fs.device = crypt_ctr(k, '254:1', k.fs.disk);
  k.fs.submitsInTransaction = true;
  for (let i = 0; i < 6; i++) {
    const inode = new Inode(k, `spool-${i}`);
    const sleepUs = 1_000 + k.prng.below(3_000);
    const log = { inode, pages: 64, dirty: true, sync: i > 3 };
    addProgram(k, { comm: `exim-${i}` }, later(200_000, writer({ ...log, sleepUs })));
  }
  for (let i = 0; i < 4; i++) {
    // Together a little less than there is: what is missing is page cache, and that is dirty.
    const pages = Math.floor(managed * 0.24);
    const sleepUs = 3_000 + k.prng.below(4_000);
    addProgram(k, { comm: `clamd-${i}` }, eater({ pages, batch: 48, sleepUs }));
  }
}
