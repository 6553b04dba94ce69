// D2: nobody who waits for memory may invoke the OOM killer. rm holds the journal and asks
// with GFP_NOFS; the flusher and kswapd, who could free memory, wait for the journal, and so does
// everyone whose own request could invoke the OOM killer, in the file system's shrinker.

import { addProgram } from '../boot.ts';
import { Inode } from '../fs/file-system.ts';
import type { Kernel } from '../core/kernel.ts';
import { unlinker } from '../fs/unlink.ts';
import { eater, writer } from '../programs.ts';
import type { Scenario } from '../scenario.ts';

/** The scenario. */
export const NOFS_ONLY: Scenario = {
  name: 'nofs-only',
  about: 'the holder of the journal asks with GFP_NOFS, all others wait for the journal (D2)',
  diagnosis: 'D2',
  needs: ["a file system's shrinker that waits for the journal (blockingShrinker)"],
  features: { blockingShrinker: true },
  defaults: { ramMiB: 256, cpus: 2, hz: 1000, dumpSeconds: 40 },
  start,
};

function start(k: Kernel): void {
  const managed = k.node.managedPages;
  // Metadata of large files, in one transaction each: the journal is hardly ever free.
  addProgram(k, { comm: 'rm' }, unlinker({ blocks: 20_000, sleepUs: 100 }));
  const log = { inode: new Inode(k, 'messages'), pages: 4, dirty: true };
  addProgram(k, { comm: 'rsyslogd' }, writer({ ...log, sleepUs: 20_000 + k.prng.below(20_000) }));
  for (let i = 0; i < 4; i++) {
    const pages = Math.floor(managed * 0.3);
    const sleepUs = 3_000 + k.prng.below(4_000);
    addProgram(k, { comm: `cc1plus-${i}` }, eater({ pages, batch: 48, sleepUs }));
  }
}
