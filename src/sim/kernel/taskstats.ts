// What a thread leaves behind for statistics when it exits (kernel/taskstats.c): the first one of a
// process with several threads takes memory for their sum, and where somebody listens each sends a
// message about itself. Both are asked for with PF_EXITING set and the address space still in hand;
// nobody waits for them but the exit itself.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { GFP_KERNEL } from '../mm/gfp.ts';
import { KmemCache, kmem_cache_alloc, kmem_cache_free } from '../mm/slab.ts';
import { schedule } from './sched.ts';
import { TASK_INTERRUPTIBLE } from './task-bits.ts';
import { fatal_signal_pending } from './task.ts';
import { finish_wait, prepare_to_wait, wake_up, WaitQueue } from './wait.ts';

/** A message with the statistics of a thread and of its process, and struct skb_shared_info. */
const MESSAGE_BYTES = 2048;
/** net.core.rmem_default is 208 kB: so many messages wait for a listener at most. */
const MESSAGES_MAX = 92;
/** Microseconds to fill in a message, and to copy it to a listener. */
const FILL_US = 2;

/** listener_array, and what waits in the sockets of those who are in it. */
export class TaskstatsListeners {
  /** kmalloc-2k, as far as messages take it. */
  readonly skbs = new KmemCache('kmalloc-2k', MESSAGE_BYTES);
  readonly wait = new WaitQueue('sk_sleep of a taskstats listener');
  isHeard = false;
  /** Messages that the listener has not read. */
  queued = 0;
}

/** Called by do_exit(), before exit_mm(). */
export function* taskstats_exit(k: Kernel): Code {
  const { isKthread } = k.current;
  if (isKthread) return;
  yield* taskstats_tgid_alloc(k);
  if (k.taskstats.isHeard && (yield* call(k, prepare_reply))) send_cpu_listeners(k);
}

/** Inlined: a process of one thread has no use for a sum of its threads. */
function* taskstats_tgid_alloc(k: Kernel): Code {
  const { process } = k.current;
  if (process.hasStats || process.threads.length === 1) return;
  const request = { cache: k.taskstatsCache, gfp: GFP_KERNEL };
  const hasStats = yield* call(k, kmem_cache_alloc, request);
  // Another thread may have been faster while this one slept.
  if (hasStats && process.hasStats) kmem_cache_free(k.taskstatsCache);
  process.hasStats ||= hasStats;
}

/** @returns whether there was memory for a message */
function* prepare_reply(k: Kernel): Code<boolean> {
  return yield* call(k, __alloc_skb);
}

function* __alloc_skb(k: Kernel): Code<boolean> {
  return yield* call(k, kmem_cache_alloc, { cache: k.taskstats.skbs, gfp: GFP_KERNEL });
}

function send_cpu_listeners(k: Kernel): void {
  const { taskstats } = k;
  k.spend(FILL_US);
  if (taskstats.queued >= MESSAGES_MAX) kmem_cache_free(taskstats.skbs);
  else {
    taskstats.queued++;
    wake_up(k, taskstats.wait);
  }
}

/** recvmsg(2) of a listener (TASKSTATS_CMD_ATTR_REGISTER_CPUMASK): the next message. */
export function* netlink_recvmsg(k: Kernel): Code {
  const { taskstats } = k;
  taskstats.isHeard = true;
  while (taskstats.queued === 0 && !fatal_signal_pending(k.current)) {
    prepare_to_wait(k, taskstats.wait, TASK_INTERRUPTIBLE);
    yield* call(k, schedule);
    finish_wait(k, taskstats.wait);
  }
  if (taskstats.queued === 0) return;
  taskstats.queued--;
  k.spend(FILL_US);
  kmem_cache_free(taskstats.skbs);
}
