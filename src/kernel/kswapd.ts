// Which tasks have PF_KSWAPD (include/linux/sched.h): kswapd of each node, and a kworker of XFS
// that works for it.
//
// The bit was 0x40000, with PF_FSTRANS below it, until commit 7dea19f9ee63 (v4.12) made it 0x20000
// and put PF_MEMALLOC_NOFS where it had been. So both bits are set while kswapd is in a transaction
// of a file system, in either era: `kswapd0(47) flags=0xa60840` in a log of 4.5-rc.

import { isKswapdByName } from './task-flags.ts';
import type { Task } from './task.ts';

const CANDIDATES: readonly number[] = [0x20000, 0x40000];

/**
 * Tells tasks with PF_KSWAPD. The bit is the one that all kswapds have; where they all have both,
 * kswapd is known by its name, and nobody else is.
 */
export function kswapdTest(tasks: readonly Task[]): (task: Task) => boolean {
  const flagsOfKswapds = tasks.flatMap((task) =>
    task.flags !== undefined && isKswapdByName(task) ? [task.flags] : [],
  );
  const common = flagsOfKswapds.reduce((all, flags) => all & flags, flagsOfKswapds.length && ~0);
  const bits = CANDIDATES.filter((bit) => (common & bit) !== 0);
  const [bit = 0] = bits.length === 1 ? bits : [];
  const either = CANDIDATES.reduce((all, candidate) => all | candidate, 0);
  return (task) => {
    const flags = task.flags ?? 0;
    return (flags & bit) !== 0 || ((flags & either) !== 0 && isKswapdByName(task));
  };
}
