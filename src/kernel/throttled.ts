// Tasks that reclaim makes wait, by the wait queue that they are on (mm/vmscan.c,
// mm/backing-dev.c): what the frames of such a task do not tell apart.

import type { Ref } from '../target/ref.ts';
import type { Vmcore } from '../target/vmcore.ts';
import type { StructType } from '../types/ctype.ts';
import { hex } from '../util/address.ts';
import { listEntries } from './list.ts';
import { nodeRefs } from './mmzone.ts';
import type { Task } from './task.ts';

/**
 * - `writeback`, `isolated`, `noprogress`, `congested`: reclaim_throttle() (5.16), by the enum
 *   vmscan_throttle_state: for pages under writeback, for pages that others have taken off the
 *   lists, since nothing was reclaimed, since queues are congested
 * - `congestion`: congestion_wait() of 5.17 and before, for a queue that is congested or a time
 * - `reserves`: throttle_direct_reclaim(), until kswapd has freed half of the reserves
 */
export type ThrottleReason =
  'writeback' | 'isolated' | 'noprogress' | 'congested' | 'congestion' | 'reserves';

/** A task that waits, and where. */
export interface Throttle {
  readonly reason: ThrottleReason;
  /** The wait queue in the kernel's words: `pgdat->reclaim_wait[VMSCAN_THROTTLE_ISOLATED]`. */
  readonly queue: string;
}

/** Enumerators of vmscan_throttle_state and what they are for. */
const RECLAIM_WAITS: readonly [name: string, reason: ThrottleReason][] = [
  ['VMSCAN_THROTTLE_WRITEBACK', 'writeback'],
  ['VMSCAN_THROTTLE_ISOLATED', 'isolated'],
  ['VMSCAN_THROTTLE_NOPROGRESS', 'noprogress'],
  ['VMSCAN_THROTTLE_CONGESTED', 'congested'],
];

/** BLK_RW_ASYNC and BLK_RW_SYNC (include/linux/backing-dev-defs.h). */
const CONGESTION_QUEUES = 2;

/**
 * By the address of the task, who is on such a queue. An entry that names no task of `tasks` is a
 * problem: the queue is damaged, or somebody who is on no list waits.
 */
export function readThrottled(
  vmcore: Vmcore,
  tasks: readonly Task[],
): ReadonlyMap<string, Throttle> {
  const entry = entryType(vmcore);
  const found = new Map<string, Throttle>();
  if (entry === undefined) return found;
  const known = new Set(tasks.map(({ address }) => address));
  for (const { head, ...throttle } of waitQueues(vmcore)) {
    for (const task of waiters(vmcore, { head, subject: throttle.queue, entry })) {
      if (known.has(task)) found.set(task, throttle);
      else {
        vmcore.problems.addMessage(throttle.queue, `an entry of ${task}, which is no task known`);
      }
    }
  }
  return found;
}

/** A wait queue with what waiting on it means. */
interface ReasonQueue extends Throttle {
  /** `struct wait_queue_head` */
  readonly head: Ref;
}

function waitQueues(vmcore: Vmcore): ReasonQueue[] {
  const nodes = nodeRefs(vmcore).flatMap((node) => [...queuesOfNode(vmcore, node)]);
  return [...nodes, ...congestionQueues(vmcore)];
}

function* queuesOfNode(vmcore: Vmcore, node: Ref): Generator<ReasonQueue> {
  if (node.has('reclaim_wait')) {
    const queues = node.member('reclaim_wait');
    const count = queues.type.kind === 'array' ? queues.type.count : 0;
    for (const [name, reason] of RECLAIM_WAITS) {
      const index = vmcore.types.findEnumerator(name);
      if (index === undefined || index >= BigInt(count)) continue;
      yield { reason, queue: `pgdat->reclaim_wait[${name}]`, head: queues.at(Number(index)) };
    }
  }
  if (node.has('pfmemalloc_wait')) {
    const head = node.member('pfmemalloc_wait');
    yield { reason: 'reserves', queue: 'pgdat->pfmemalloc_wait', head };
  }
}

function congestionQueues(vmcore: Vmcore): ReasonQueue[] {
  if (vmcore.symbols.lookup('congestion_wqh') === undefined) return [];
  const queues = vmcore.problems.attempt('congestion_wqh', () => vmcore.global('congestion_wqh'));
  if (queues === undefined) return [];
  return Array.from({ length: CONGESTION_QUEUES }, (_, i) => ({
    reason: 'congestion',
    queue: `congestion_wqh[${i}]`,
    head: queues.at(i),
  }));
}

/** An entry and the member that links it; all were renamed in 4.13. */
interface WaitEntry {
  readonly type: StructType;
  readonly member: string;
  /** The list in the head. */
  readonly list: string;
}

function entryType({ types }: Vmcore): WaitEntry | undefined {
  const now = types.find('struct', 'wait_queue_entry');
  if (now?.kind === 'struct') return { type: now, member: 'entry', list: 'head' };
  const old = types.find('struct', '__wait_queue');
  return old?.kind === 'struct' ? { type: old, member: 'task_list', list: 'task_list' } : undefined;
}

/** `struct task_struct *` of each, as default_wake_function() takes it from `private`. */
function waiters(
  { problems }: Vmcore,
  about: { readonly head: Ref; readonly subject: string; readonly entry: WaitEntry },
): string[] {
  const { head, subject, entry } = about;
  const list = problems.attempt(subject, () => head.member(entry.list));
  if (list === undefined) return [];
  const tasks: string[] = [];
  for (const ref of listEntries(list, entry, { problems, subject })) {
    const task = problems.attempt(subject, () => ref.member('private').pointer());
    if (task !== undefined) tasks.push(hex(task));
  }
  return tasks;
}
