// D3 as in seed 000, whose report is the example in the documentation of kmallocwd: oom-write takes
// all memory, and the OOM killer sacrifices its child `write`. That one leaves its address space,
// and closes its file: under the inode's mutex it needs pages, and it is no OOM victim any more. So
// its sister is sacrificed next, and that one waits for the mutex.

import { addProgram, type DaemonPlan } from '../boot.ts';
import type { Kernel } from '../core/kernel.ts';
import { Inode } from '../fs/file-system.ts';
import { startLogWorker } from '../fs/log-worker.ts';
import { eater, grown, later, writer } from '../programs.ts';
import type { Scenario } from '../scenario.ts';

/** When oom-write begins. */
const BEGIN_US = 8_000_000;
/** Seconds between two runs of the worker that keeps the log short. */
const LOG_SECONDS = 2;
const SECOND_US = 1_000_000;

/**
 * A virtual machine with CentOS 7. Some wake up all the time, and find memory gone at once; others
 * look into it once in half a minute, and come into the report when they do.
 */
const DAEMONS: readonly DaemonPlan[] = [
  { comm: 'systemd', ppid: 0, filePages: 400, sleepUs: 600 * SECOND_US },
  { comm: 'systemd-journal', filePages: 300, oomScoreAdj: -250 },
  { comm: 'irqbalance', filePages: 60, sleepUs: 10 * SECOND_US },
  { comm: 'crond', filePages: 80 },
  { comm: 'vmtoolsd', filePages: 120 },
  { comm: 'sshd', filePages: 200, oomScoreAdj: -1000, sleepUs: 600 * SECOND_US },
  { comm: 'master', filePages: 90, sleepUs: 28.5 * SECOND_US },
  { comm: 'nmbd', filePages: 90, sleepUs: 15 * SECOND_US },
  { comm: 'smbd', filePages: 110, sleepUs: 31.5 * SECOND_US },
  { comm: 'smbd', filePages: 110, sleepUs: 32 * SECOND_US },
];

/** The scenario. */
export const SEED_000: Scenario = {
  name: 'seed-000',
  about: 'the report of seed 000: a victim waits for a mutex that an exiting task holds (D3)',
  diagnosis: 'D3',
  needs: [
    'reserves for the thread with TIF_MEMDIE alone (until Linux 4.14)',
    'an OOM killer that kills the child for its parent',
    'no OOM reaper',
  ],
  features: {
    reservesByThread: true,
    oomPrefersChildren: true,
    oomReaper: false,
    blockingShrinker: false,
    vmapStack: false,
    cdrom: false,
  },
  requires: ['reservesByThread', 'oomPrefersChildren', 'oomReaper'],
  daemons: DAEMONS,
  defaults: { ramMiB: 96, cpus: 1, hz: 1000, dumpSeconds: 40 },
  start,
};

function start(k: Kernel): void {
  startLogWorker(k, LOG_SECONDS);
  const managed = k.node.managedPages;
  const hog = eater({ pages: managed, batch: 64 + k.prng.below(64), sleepUs: 200 });
  const parent = addProgram(k, { comm: 'oom-write' }, later(BEGIN_US, hog));
  const file = new Inode(k, 'file', { blocksBehindEnd: 512 });
  // The first child has more memory, and so is the first to be sacrificed.
  for (const pages of [60, 30]) {
    const sleepUs = 100 + k.prng.below(200);
    const overwrite = writer({ inode: file, pages: 1, cached: true, sleepUs });
    const program = later(BEGIN_US, grown(pages + k.prng.below(20), overwrite));
    addProgram(k, { comm: 'write', ppid: parent.leader.pid }, program).files.push(file);
  }
}
