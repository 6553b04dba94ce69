// memory.high (mm/memcontrol.c): nobody is refused above it, but whoever charges reclaims, and
// where that does not help is put to sleep on the way to user mode, the longer the farther above.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { MEMCG_CHARGE_BATCH, MEMCG_RETRIES_MAX, type MemCgroup } from './memcontrol.ts';
import { TASK_KILLABLE } from '../kernel/task-bits.ts';
import { schedule_timeout } from '../kernel/timer.ts';
import { try_to_free_mem_cgroup_pages } from './vmscan.ts';

/** MEMCG_MAX_HIGH_DELAY_JIFFIES, in seconds. */
const DELAY_SECONDS_MAX = 2;
/** MEMCG_DELAY_PRECISION_SHIFT and _SCALING_SHIFT: overage is a fraction of 2^20. */
const PRECISION = 2 ** 20;
const SCALING = 2 ** 14;
/** SWAP_CLUSTER_MAX */
const RETRY_PAGES = 32;

/** What the current task owes for being above memory.high. */
export function* mem_cgroup_handle_over_high(k: Kernel, gfp: number): Code {
  const task = k.current;
  const { memcg } = task.process;
  const pages = task.memcgOverHigh;
  if (pages === 0 || memcg === undefined) return;
  task.memcgOverHigh = 0;
  let wanted = pages;
  for (let retries = MEMCG_RETRIES_MAX; ;) {
    const reclaimed = yield* reclaim_high(k, memcg, { gfp, pages: wanted });
    const delay = highDelay(k, memcg, pages);
    if (delay <= k.options.hz / 100) return;
    if (reclaimed === 0 && retries-- === 0) {
      task.state = TASK_KILLABLE;
      yield* call(k, schedule_timeout, delay);
      return;
    }
    wanted = RETRY_PAGES;
  }
}

function* reclaim_high(
  k: Kernel,
  memcg: MemCgroup,
  wanted: { gfp: number; pages: number },
): Code<number> {
  let reclaimed = 0;
  for (const each of memcg.ancestry()) {
    if (each.memory.usage <= each.memory.high) continue;
    each.count('high');
    reclaimed += yield* call(k, try_to_free_mem_cgroup_pages, each, wanted);
  }
  return reclaimed;
}

/** calculate_high_delay(), in jiffies: the square of how far above, in proportion to the charge. */
function highDelay(k: Kernel, memcg: MemCgroup, pages: number): number {
  let overage = 0;
  for (const { memory } of memcg.ancestry()) {
    const above = Math.max(0, memory.usage - memory.high);
    overage = Math.max(overage, Math.floor((above * PRECISION) / Math.max(memory.high, 1)));
  }
  const penalty = Math.floor((overage * overage * k.options.hz) / PRECISION / SCALING);
  const delay = Math.floor((penalty * pages) / MEMCG_CHARGE_BATCH);
  return Math.min(delay, DELAY_SECONDS_MAX * k.options.hz);
}
