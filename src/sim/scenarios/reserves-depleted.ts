// D7: the last page is gone before anybody asks the OOM killer. The disk is behind a network, and
// the worker that sends to it may use all of the reserves; the answers that would free those pages
// find nothing to be received into. Everybody else waits for the reserves to come back.

import { addProgram } from '../boot.ts';
import type { Kernel } from '../core/kernel.ts';
import { NetworkCard } from '../drivers/e1000.ts';
import { IscsiDisk } from '../drivers/iscsi-tcp.ts';
import { Inode } from '../fs/file-system.ts';
import { eater, later, writer } from '../programs.ts';
import type { Scenario } from '../scenario.ts';

/**
 * Pages of one write: when memory is gone, more of them are still to be sent than the reserves
 * have room for.
 */
const UPLOAD_PAGES = 1_024;

/** The scenario. */
export const RESERVES_DEPLETED: Scenario = {
  name: 'reserves-depleted',
  about: 'what is to be sent takes the last page, and no answer can be received (D7)',
  diagnosis: 'D7',
  needs: ['vm.dirty_ratio=100: nobody holds back those who dirty memory'],
  features: { dirtyRatio: 100, cdrom: false },
  requires: ['dirtyRatio'],
  defaults: { ramMiB: 128, cpus: 2, hz: 250, dumpSeconds: 25 },
  start,
};

function start(k: Kernel): void {
  const managed = k.node.managedPages;
  const card = new NetworkCard(k);
  const usPerPage = 300 + k.prng.below(300);
  k.fs.device = new IscsiDisk(k, card, { usPerPage, roundTripUs: 20_000 + k.prng.below(30_000) });
  for (let i = 0; i < 2; i++) {
    const upload = { inode: new Inode(k, `upload ${i}`), pages: UPLOAD_PAGES, dirty: true };
    const program = writer({ ...upload, sleepUs: 10_000 + k.prng.below(20_000) });
    addProgram(k, { comm: `nginx-${i}` }, later(1_000_000 + k.prng.below(2_000_000), program));
  }
  for (let i = 0; i < 4; i++) {
    const pages = Math.floor(managed * 0.2);
    const sleepUs = 100_000 + k.prng.below(50_000);
    addProgram(k, { comm: `java-${i}` }, eater({ pages, batch: 64, sleepUs }));
  }
}
