// D5, a task that allocates inside do_exit(): a server lets its spare threads go because memory is
// short, and the exit of one needs a page for its statistics. The OOM killer sees somebody who is
// about to give memory back, and kills nobody; so there is no page.

import { addProgram, addThread } from '../boot.ts';
import type { Kernel } from '../core/kernel.ts';
import { daemon, eater, spareWorker } from '../programs.ts';
import type { Scenario } from '../scenario.ts';

/** Servers, each with threads to spare. */
const SERVERS = 12;
const SPARE_THREADS = 2;

/** The scenario. */
export const EXITING_TASK: Scenario = {
  name: 'exiting-task',
  about: 'the OOM killer waits for an exiting task, which waits for memory (D5)',
  diagnosis: 'D5',
  needs: [
    'an OOM killer that chooses nobody while a task is exiting: until Linux 4.6',
    'no reserves for an exiting task that calls it: until Linux 3.9',
  ],
  features: { exitingBlocksOomKiller: true },
  defaults: { ramMiB: 128, cpus: 8, hz: 250, dumpSeconds: 15 },
  start,
};

function start(k: Kernel): void {
  const managed = k.node.managedPages;
  for (let i = 0; i < 3; i++) {
    const pages = Math.floor(managed * 0.5);
    const batch = 32 + k.prng.below(64);
    addProgram(k, { comm: `worker-${i}` }, eater({ pages, batch, sleepUs: 4_000 }));
  }
  for (let i = 0; i < SERVERS; i++) {
    const idle = daemon({ sleepUs: 300_000, filePages: 8 });
    const server = addProgram(k, { comm: `httpd-${i}` }, idle);
    for (let thread = 0; thread < SPARE_THREADS; thread++) {
      const usPerFreePage = 3 + k.prng.below(4);
      addThread(k, server, { comm: `httpd-${i}/${thread}` }, spareWorker({ usPerFreePage }));
    }
  }
}
