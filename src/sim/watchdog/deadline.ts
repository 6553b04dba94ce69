// When the watchdog has to look again, in the versions that know it from the requests themselves.

import type { Kernel } from '../core/kernel.ts';

/** Microseconds that looking at one task takes. */
const LOOK_US = 0.05;

/** Jiffies until a request can be as old as `timeout`; 0 or less where one is. */
export function deadlineIn(k: Kernel, timeout: number): number {
  let left = timeout;
  for (const { memalloc } of k.threads()) {
    k.spend(LOOK_US);
    if (memalloc.valid === 0) continue;
    left = Math.min(left, memalloc.start + timeout - k.jiffies);
    if (left <= 0) break;
  }
  return left;
}
