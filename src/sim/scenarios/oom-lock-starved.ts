// D8: a task of SCHED_IDLE takes oom_lock and begins to print; the console is slow, and it gives
// way between two lines. Everybody else runs in circles, because whoever holds oom_lock is at work.

import { addProgram } from '../boot.ts';
import type { Kernel } from '../core/kernel.ts';
import { eater, lateEater } from '../programs.ts';
import type { Scenario } from '../scenario.ts';
import { SCHED_IDLE } from '../kernel/task-bits.ts';

/** The scenario. */
export const OOM_LOCK_STARVED: Scenario = {
  name: 'oom-lock-starved',
  about: 'the holder of oom_lock is runnable and gets no CPU (D8)',
  diagnosis: 'D8',
  needs: ['a serial console of 9600 baud'],
  features: { consoleUs: 100_000 },
  defaults: { ramMiB: 128, cpus: 2, hz: 250, dumpSeconds: 30 },
  start,
};

function start(k: Kernel): void {
  const managed = k.node.managedPages;
  const hog = eater({ pages: 2 * managed, batch: 4_096, sleepUs: 10 });
  addProgram(k, { comm: 'batch', policy: SCHED_IDLE }, hog);
  for (let i = 0; i < 40; i++) {
    const sleepUs = 500 + k.prng.below(1_000);
    addProgram(k, { comm: `httpd-${i}` }, lateEater({ pages: 500, batch: 16, sleepUs }));
  }
}
