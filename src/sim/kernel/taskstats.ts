// What a thread leaves behind for statistics when it exits (kernel/taskstats.c): the first one of a
// process with several threads takes memory for it, with PF_EXITING set and its address space still
// in hand. Nobody waits for this allocation but the exit itself.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { GFP_KERNEL } from '../mm/gfp.ts';
import { kmem_cache_alloc, kmem_cache_free } from '../mm/slab.ts';

/** Called by do_exit(), before exit_mm(). */
export function* taskstats_exit(k: Kernel): Code {
  const { process, isKthread } = k.current;
  // taskstats_tgid_alloc() is inlined: a process of one thread has no use for a sum of its threads.
  if (isKthread || process.hasStats || process.threads.length === 1) return;
  const request = { cache: k.taskstatsCache, gfp: GFP_KERNEL };
  const hasStats = yield* call(k, kmem_cache_alloc, request);
  // Another thread may have been faster while this one slept.
  if (hasStats && process.hasStats) kmem_cache_free(k.taskstatsCache);
  process.hasStats ||= hasStats;
}
