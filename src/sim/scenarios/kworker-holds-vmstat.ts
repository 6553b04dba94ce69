// D6: a kworker that waits for memory without sleeping holds up its pool. Behind it lies
// vmstat_update(), so the counters of its CPU stay as they are: they say that there are pages to
// reclaim when there are none. As long as they say so every attempt counts as progress, and nobody
// is killed.

import { addProgram } from '../boot.ts';
import type { Kernel } from '../core/kernel.ts';
import { afterKills, daemon, eater, grown } from '../programs.ts';
import type { Scenario } from '../scenario.ts';

/** The scenario. */
export const KWORKER_HOLDS_VMSTAT: Scenario = {
  name: 'kworker-holds-vmstat',
  about: 'a kworker that never sleeps keeps vmstat_update from its CPU, counters stay wrong (D6)',
  diagnosis: 'D6',
  needs: ['no sleep of kworkers between attempts', 'progress judged by counters', 'no OOM reaper'],
  features: {
    workerSleeps: false,
    retriesWhileReclaimable: true,
    oomNeedsFs: true,
    kswapdGivesUp: false,
    blockingShrinker: false,
    vmapStack: false,
  },
  requires: ['workerSleeps', 'retriesWhileReclaimable'],
  defaults: { ramMiB: 128, cpus: 1, hz: 1000, dumpSeconds: 25 },
  start,
};

/** Children that a test of the OOM killer starts, and how many of them are there at a time. */
const CHILDREN = 128;
const AT_A_TIME = 3;

function start(k: Kernel): void {
  const managed = k.node.managedPages;
  const protectedHog = { comm: 'mysqld', oomScoreAdj: -1000 };
  const tables = daemon({ sleepUs: 500_000, filePages: 500 });
  addProgram(k, protectedHog, grown(Math.floor(managed * 0.75), tables));
  // One comes for each that was killed, so that memory is hardly ever free, until the kworker asks
  // at a bad moment.
  for (let i = 0; i < CHILDREN; i++) {
    const batch = 24 + k.prng.below(40);
    const hog = eater({ pages: managed, batch, sleepUs: 1_000 + k.prng.below(1_500) });
    addProgram(k, { comm: 'oom01' }, afterKills(Math.max(0, i + 1 - AT_A_TIME), hog));
  }
}
