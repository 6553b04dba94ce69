// D4, the OOM reaper defeated: a thread of the victim is in mremap() with mmap_lock for writing,
// and waits in direct reclaim for the journal of the file system. Whoever holds the journal waits
// for memory that nobody takes from the victim: the reaper cannot get mmap_lock for reading.

import { addProgram, addThread } from '../boot.ts';
import { Inode } from '../fs/file-system.ts';
import type { Kernel } from '../core/kernel.ts';
import { daemon, grown, later, remapper, writer } from '../programs.ts';
import type { Scenario } from '../scenario.ts';

/** When the others have grown. */
const GC_AFTER_US = 2_500_000;
const CHECKPOINT_AFTER_US = 3_000_000;

/** The scenario. */
export const REAPER_DEFEATED: Scenario = {
  name: 'reaper-defeated',
  about: "the OOM reaper cannot get its victim's mmap_lock (D4)",
  diagnosis: 'D4',
  needs: [
    'an OOM reaper after whose failure nobody else is chosen: Linux 4.6',
    '__GFP_NOFAIL that has somebody killed although the caller may not enter the file system',
  ],
  features: { oomReaper: true, oomReaperDelay: 0, skipsUnreapable: false, nofailInvokesOom: true },
  requires: ['oomReaper', 'skipsUnreapable', 'nofailInvokesOom'],
  defaults: { ramMiB: 96, cpus: 4, hz: 250, dumpSeconds: 20 },
  start,
};

function start(k: Kernel): void {
  const managed = k.node.managedPages;
  const idle = daemon({ sleepUs: 50_000, filePages: 0 });
  // The largest process: its memory is what the OOM killer wants.
  const pages = Math.floor(managed * 0.45) + k.prng.below(managed >> 5);
  const java = addProgram(k, { comm: 'java' }, grown(pages, idle));
  for (let i = 0; i < 2; i++) {
    const sleepUs = 300 + k.prng.below(300);
    addThread(
      k,
      java,
      { comm: `GC Thread#${i}` },
      later(GC_AFTER_US, remapper({ pages, sleepUs })),
    );
  }
  for (let i = 0; i < 2; i++) {
    const size = Math.floor(managed * 0.14);
    addProgram(k, { comm: `memcached-${i}` }, grown(size, idle));
  }
  // A transaction that is larger than what is left, and no allocation in it may fail.
  const inode = new Inode(k, 'index.db');
  const log = { inode, pages: Math.floor(managed * 0.3), extends: true, dirty: true, nofail: true };
  const checkpoint = writer({ ...log, sleepUs: 10_000_000 });
  addProgram(k, { comm: 'postgres' }, later(CHECKPOINT_AFTER_US, checkpoint));
}
