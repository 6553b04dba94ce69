// D1, the livelock of kernels before 4.14: kswapd has taken the last pages of files off their list
// and waits for the journal to write one of them. Whoever else would reclaim finds more pages off
// the list than on it, and waits until that is otherwise, so that nobody gets as far as the OOM
// killer. The journal is held by a task that waits in the same place.

import { addProgram } from '../boot.ts';
import type { Kernel } from '../core/kernel.ts';
import { Inode } from '../fs/file-system.ts';
import { unlinker } from '../fs/unlink.ts';
import { eater, writer } from '../programs.ts';
import type { Scenario } from '../scenario.ts';

/** The scenario. */
export const TOO_MANY_ISOLATED: Scenario = {
  name: 'too-many-isolated',
  about: 'all reclaimers wait for pages that kswapd has isolated, and it for the journal (D1)',
  diagnosis: 'D1',
  needs: ['the endless loop in shrink_inactive_list(), up to Linux 4.13 (endlessIsolation)'],
  features: { endlessIsolation: true, activatesDirty: false, blockingShrinker: false },
  requires: ['endlessIsolation'],
  defaults: { ramMiB: 256, cpus: 2, hz: 1000, dumpSeconds: 40 },
  start,
};

function start(k: Kernel): void {
  // Large transactions of metadata, one after the other: the journal is hardly ever free.
  addProgram(k, { comm: 'rm' }, unlinker({ blocks: 3_000, sleepUs: 500 }));
  // Some pages at a time are dirty, and wait for the journal to be free. Were there but two or
  // three of them, kswapd might hold a single one, too little for anybody to wait for. Were there
  // many, the list would be long where they stay on it (activatesDirty), and nobody would wait.
  const log = { inode: new Inode(k, 'messages'), pages: 16, dirty: true };
  addProgram(k, { comm: 'rsyslogd' }, writer({ ...log, sleepUs: 150_000 + k.prng.below(150_000) }));
  keepCompiling(k);
}

/** make starts another compiler for each that has ended, be it that the OOM killer took it. */
function keepCompiling(k: Kernel): void {
  const pages = Math.floor(k.node.managedPages * 0.15);
  const running = k.processes.filter(({ leader }) => leader.comm === 'cc1plus').length;
  for (let i = running; i < JOBS; i++) {
    const sleepUs = 3_000 + k.prng.below(4_000);
    addProgram(k, { comm: 'cc1plus' }, eater({ pages, batch: 48, sleepUs }));
  }
  k.sched.at(k.sched.now + RESTART_US, () => keepCompiling(k));
}

/** make -j16, and how soon it sees that a compiler has ended. */
const JOBS = 16;
const RESTART_US = 500_000;
