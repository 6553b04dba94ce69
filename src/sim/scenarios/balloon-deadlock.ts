// D11, the deadlock of the virtio balloon: its worker takes pages under balloon_lock, and waits in
// direct reclaim for the journal of the file system. Whoever holds the journal waits for memory,
// calls the OOM killer, and in its notifier waits for balloon_lock.

import { addProgram } from '../boot.ts';
import type { Kernel } from '../core/kernel.ts';
import { addBalloon, resizeBalloon } from '../drivers/virtio-balloon.ts';
import { Inode } from '../fs/file-system.ts';
import { eater, writer } from '../programs.ts';
import type { Scenario } from '../scenario.ts';

const US_PER_SECOND = 1_000_000;
/** When the host wants memory. */
const INFLATE_SECONDS = 1;

/** The scenario. */
export const BALLOON_DEADLOCK: Scenario = {
  name: 'balloon-deadlock',
  about: "the OOM killer's caller waits for the lock of a balloon that is being filled (D11)",
  diagnosis: 'D11',
  needs: [
    'a virtio balloon that takes pages under its lock: Linux 3.19 to 4.14',
    'notifiers that hear of requests without __GFP_FS as well: since Linux 4.7',
  ],
  features: { balloonAllocatesUnderLock: true, oomNeedsFs: false },
  defaults: { ramMiB: 256, cpus: 2, hz: 250, dumpSeconds: 30 },
  start,
};

function start(k: Kernel): void {
  const managed = k.node.managedPages;
  const balloon = addBalloon(k);
  k.sched.at(INFLATE_SECONDS * US_PER_SECOND, () => resizeBalloon(k, balloon, managed));
  const inode = new Inode(k, 'server.log');
  const log = { inode, pages: 64 + k.prng.below(64), extends: true, dirty: true };
  addProgram(k, { comm: 'rsyslogd' }, writer({ ...log, sleepUs: 500 }));
  for (let i = 0; i < 2; i++) {
    const sleepUs = 3_000 + k.prng.below(4_000);
    const pages = Math.floor(managed * 0.2);
    addProgram(k, { comm: `worker-${i}` }, eater({ pages, batch: 32, sleepUs }));
  }
}
