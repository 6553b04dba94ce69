// Which functions on a stack mean that a task is at the page allocator's work: mm/page_alloc.c,
// mm/vmscan.c, mm/oom_kill.c and mm/memcontrol.c of 3.10 to 7.x.

import { functionName } from './function-name.ts';
import type { StackFrame } from './stack.ts';

/**
 * The slow path itself, and what only it calls: before 4.x the compiler may have made it a part of
 * __alloc_pages_nodemask().
 */
const SLOW_PATH = new Set([
  '__alloc_pages_slowpath',
  '__alloc_pages_direct_reclaim',
  '__alloc_pages_direct_compact',
  '__alloc_pages_may_oom',
  '__perform_reclaim',
  'try_to_free_pages',
  'try_to_compact_pages',
  'should_reclaim_retry',
  'wait_iff_congested',
]);

/** Every charge goes through these: one that gets its pages at once, too. */
const MEMCG_CHARGE = new Set(['try_charge', 'try_charge_memcg', 'mem_cgroup_try_charge']);

/** What a charge calls that does not get them at once, and is not in {@link MEMCG_FULL}. */
const MEMCG_WAITS = new Set([
  'drain_all_stock',
  'mem_cgroup_oom',
  'mem_cgroup_wait_acct_move',
  'schedule_timeout',
  'mutex_lock_killable',
]);

/** Charging a memory cgroup that is full. */
const MEMCG_FULL = new Set([
  'try_to_free_mem_cgroup_pages',
  'mem_cgroup_out_of_memory',
  'mem_cgroup_oom_synchronize',
  'mem_cgroup_handle_over_high',
  '__mem_cgroup_handle_over_high',
]);

/** What a task that waits for memory is in. */
export type AllocatorPlace = 'slow path' | 'memory cgroup';

/**
 * Where in the allocator a stack is; undefined where no frame of it is there. Frames that were
 * guessed say nothing: they may be of a request that is over.
 */
export function allocatorPlace(frames: readonly StackFrame[]): AllocatorPlace | undefined {
  let place: AllocatorPlace | undefined;
  let waits = false;
  for (const { name, guessed } of frames) {
    if (name === undefined || guessed === true) continue;
    const called = functionName(name);
    if (SLOW_PATH.has(called)) return 'slow path';
    if (MEMCG_FULL.has(called) || (waits && MEMCG_CHARGE.has(called))) place = 'memory cgroup';
    waits ||= MEMCG_WAITS.has(called);
  }
  return place;
}

/** Whether a frame is one of those that {@link allocatorPlace} goes by. */
export function isAllocatorFrame({ name, guessed }: StackFrame): boolean {
  if (name === undefined || guessed === true) return false;
  const called = functionName(name);
  return SLOW_PATH.has(called) || MEMCG_FULL.has(called) || MEMCG_CHARGE.has(called);
}
