// oomTimeout=SECS. Seed 003, last sentence: the OOM killer is to go by a timeout, since what a
// victim waits for is not visible to the allocator. A victim that has not given its memory back in
// time counts as one that never will, and the next one is chosen.

import type { Kernel } from '../core/kernel.ts';
import { LOGLEVEL_ERR } from '../kernel/printk.ts';
import { MMF_OOM_SKIP } from '../kernel/task-bits.ts';
import type { Process } from '../kernel/task.ts';

/** Remembers when a victim was chosen. */
export function startOomTimeout(k: Kernel, victim: Process): void {
  victim.oomSince ??= k.jiffies;
}

/** @returns whether the OOM killer is to look at others from now on */
export function isOverdueVictim(k: Kernel, victim: Process): boolean {
  const { oomTimeout, hz } = k.options;
  const { oomMm, oomSince, leader } = victim;
  if (oomTimeout === 0 || oomMm === undefined || oomSince === undefined) return false;
  if (k.jiffies - oomSince < oomTimeout * hz) return false;
  // As after the reaper: whatever is left of its memory is not waited for.
  oomMm.flags |= MMF_OOM_SKIP;
  k.harm.overdueVictims++;
  k.printk(
    LOGLEVEL_ERR,
    `Out of memory: process ${leader.pid} (${leader.comm}) has not died in ${oomTimeout} s, ` +
      'choosing another one',
  );
  return true;
}
