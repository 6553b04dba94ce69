// D3, the classic OOM deadlock: the OOM killer chooses a process that waits for an inode's mutex,
// and whoever holds that mutex waits for memory with GFP_NOFS. The victim cannot die before the
// holder gets a page, and there is none before the victim dies.

import { addProgram } from '../boot.ts';
import { Inode } from '../fs/file-system.ts';
import type { Kernel } from '../core/kernel.ts';
import { eater, grown, writer } from '../programs.ts';
import type { Scenario } from '../scenario.ts';

/** The scenario. */
export const OOM_VICTIM_MUTEX: Scenario = {
  name: 'oom-victim-mutex',
  about: 'an OOM victim waits for a mutex whose holder waits for memory (D3)',
  diagnosis: 'D3',
  needs: ['no OOM reaper'],
  features: { oomReaper: false },
  defaults: { ramMiB: 256, cpus: 2, hz: 250, dumpSeconds: 30 },
  start,
};

function start(k: Kernel): void {
  const managed = k.node.managedPages;
  const inode = new Inode(k, 'server.log');
  // Fills the page cache under the mutex, which it lets go of only for moments.
  addProgram(k, { comm: 'backup' }, writer({ inode, pages: 1024, sleepUs: 200 }));
  // The largest process, which is what the OOM killer looks for; its own writes need no memory.
  const pages = Math.floor(managed * 0.4) + k.prng.below(managed >> 5);
  const log = writer({ inode, pages: 8, cached: true, sleepUs: 300 });
  addProgram(k, { comm: 'java' }, grown(pages, log));
  for (let i = 0; i < 3; i++) {
    const batch = 32 + k.prng.below(64);
    const hog = eater({ pages: Math.floor(managed * 0.3), batch, sleepUs: 4_000 });
    addProgram(k, { comm: `worker-${i}` }, hog);
  }
}
