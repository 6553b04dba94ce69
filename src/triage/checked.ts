// What triage looked at besides single tasks, as it stands in its result: zones, the OOM killer,
// pools of workers, throttled tasks and those that sleep where no signal wakes them. No other verb
// shows it.

import type { LogEventKind } from '../kernel/log-events.ts';
import type { OomState } from '../kernel/oom.ts';
import { meaningfulFrame } from '../kernel/locking/wait-functions.ts';
import { boostedMarks, type NodeState } from '../kernel/mmzone.ts';
import type { MemoryUses } from '../kernel/memory-users.ts';
import type { SwapState } from '../kernel/swap.ts';
import { functionName } from '../kernel/function-name.ts';
import { isKswapdByName } from '../kernel/task-flags.ts';
import { isFrozen } from '../kernel/task-state.ts';
import type { ThrottleReason } from '../kernel/throttled.ts';
import type { PoolStall } from '../kernel/workqueue-stalls.ts';
import { optional } from '../util/optional.ts';
import {
  isBlocked,
  isRequesting,
  mayBeOverdue,
  pidsOf,
  type Facts,
  type TaskFacts,
} from './facts.ts';
import type { LogHistory } from './history.ts';
import { waitingPools } from './pool-waits.ts';

/** What was looked at; what could not be read is absent. */
export interface Checked {
  readonly requests: RequestCheck;
  readonly zones?: readonly ZoneCheck[];
  /** What holds the memory; absent where it could not be read. */
  readonly uses?: MemoryUses;
  /** Pages of swap, all and free; absent where this kernel has none. */
  readonly swap?: Pick<SwapState, 'totalPages' | 'freePages'>;
  /** Pages that are being written (NR_WRITEBACK). */
  readonly writeback?: number;
  readonly kswapd: readonly KswapdCheck[];
  readonly oom?: OomState;
  readonly pools?: PoolCheck;
  /** Empty where nobody is on such a queue; absent where one could not be read. */
  readonly throttled?: readonly ThrottleCheck[];
  /** Tasks in uninterruptible sleep by what they sleep for, the most frequent first. */
  readonly blocked: readonly BlockedCheck[];
  /** Frozen tasks in that state, which are not among those; absent where there is none. */
  readonly frozen?: number;
  /** The kernel's log; absent where it could not be read. */
  readonly log?: LogCheck;
  /** Functions and variables that a diagnosis asked for, and whether this kernel has them. */
  readonly symbols: Readonly<Record<string, boolean>>;
}

/** How many tasks are at the page allocator's work, by records or by stacks. */
export interface RequestCheck {
  readonly tasks: number;
  readonly slowPath: number;
  readonly memoryCgroup: number;
  /** Requests that are older than the timeout, or may be. */
  readonly perhapsOverdue: number;
  /** In uninterruptible or other sleep, or dead: those whose stack could not be read. */
  readonly unreadStacks: number;
}

/** A zone; numbers are pages. */
export interface ZoneCheck {
  readonly node: number;
  readonly name: string;
  /** What the allocator goes by: the counter without what CPUs have not added. */
  readonly free?: number;
  readonly notAdded?: number;
  /** CPUs whose part of `free` could not be read; absent where each could. */
  readonly unreadCpus?: number;
  readonly min?: number;
  readonly low?: number;
  readonly high?: number;
  /** The most that is kept from requests which a higher zone could serve: lowmem_reserve[]. */
  readonly reserve?: number;
}

/** A kswapd. */
export interface KswapdCheck {
  readonly node: number;
  readonly pid?: number;
  readonly comm?: string;
  readonly state?: string;
  /** The function that it is in, schedulers and locks aside. */
  readonly at?: string;
  /** It waits to be woken, for there is nothing to reclaim. */
  readonly isIdle?: boolean;
  /** Runs in a row that reclaimed nothing; at 16 it gives up. */
  readonly failures?: number;
}

/** Pools of workers. */
export interface PoolCheck {
  readonly count: number;
  /** Pools with works that nobody has begun, the one that has waited longest first. */
  readonly waiting: readonly PoolStall[];
}

/** Tasks that reclaim makes wait, by the queue that they are on. */
export interface ThrottleCheck {
  readonly queue: string;
  readonly reason: ThrottleReason;
  readonly pids: readonly number[];
}

/** What the kernel's log tells of the time before; microseconds of the stamps in it. */
export interface LogCheck {
  readonly records: number;
  /** Older records are overwritten, or some are damaged. */
  readonly lost: boolean;
  readonly fromUs?: number;
  /** The dump was taken then, or later. */
  readonly nowUs?: number;
  /** Reports of the watchdog. */
  readonly reports: number;
  /** Stamp of the last of them. */
  readonly lastReportUs?: number;
  /** Lines of each kind that tell of memory or of somebody who does not get on. */
  readonly events: readonly LogEventCheck[];
  /** More than are kept of a log. */
  readonly eventsNotListed?: number;
}

/** Lines of one kind. */
export interface LogEventCheck {
  readonly kind: LogEventKind;
  readonly count: number;
  /** Stamp of the last one. */
  readonly lastUs?: number;
}

/** Tasks that sleep for the same. */
export interface BlockedCheck {
  /** `for mutex 0x…`, a lock, or `in pipe_read()`, the function that they are in. */
  readonly waitsFor: string;
  readonly pids: readonly number[];
}

/** Puts together what was gathered. */
export function checkedOf(facts: Facts): Checked {
  const { writeback, oom, nodes = [] } = facts;
  const frozen = facts.tasks.filter((fact) => isBlocked(fact) && isFrozen(fact.task)).length;
  return {
    requests: requestsOf(facts),
    ...optional('zones', facts.nodes?.flatMap(zonesOf)),
    ...optional('uses', facts.uses),
    ...optional('swap', facts.swap === undefined ? undefined : swapOf(facts.swap)),
    ...optional('writeback', writeback),
    kswapd: nodes.map((node) => kswapdOf(facts, node)),
    ...optional('oom', oom),
    ...optional('pools', poolsOf(facts)),
    ...optional('throttled', throttledOf(facts)),
    blocked: blockedOf(facts),
    ...(frozen === 0 ? {} : { frozen }),
    ...optional('log', facts.history === undefined ? undefined : logOf(facts.history)),
    symbols: Object.fromEntries([...(facts.symbolsAsked ?? [])].sort()),
  };
}

function swapOf({ totalPages, freePages }: SwapState): NonNullable<Checked['swap']> {
  return { totalPages, freePages };
}

function requestsOf({ tasks }: Facts): RequestCheck {
  return {
    tasks: tasks.length,
    slowPath: tasks.filter(isRequesting).length,
    memoryCgroup: tasks.filter(({ place }) => place === 'memory cgroup').length,
    perhapsOverdue: tasks.filter(mayBeOverdue).length,
    unreadStacks: tasks.filter(({ stack }) => stack === undefined).length,
  };
}

function zonesOf({ node, zones }: NodeState): ZoneCheck[] {
  return zones.map(({ name, counters, watermarks, unreadCpus, lowmemReserve = [] }) => ({
    node,
    name,
    ...freeOf(counters.NR_FREE_PAGES),
    ...(unreadCpus.length === 0 ? {} : { unreadCpus: unreadCpus.length }),
    ...(watermarks === undefined ? {} : boostedMarks(watermarks)),
    ...(lowmemReserve.length === 0 ? {} : { reserve: Math.max(0, ...lowmemReserve) }),
  }));
}

function freeOf(
  free: NodeState['zones'][number]['counters'][string] | undefined,
): Pick<ZoneCheck, 'free' | 'notAdded'> {
  return free === undefined ? {} : { free: free.stored, notAdded: free.cpuDiff };
}

/** By pgdat->kswapd, else by its name. */
function kswapdOf({ tasks }: Facts, { node, kswapd, kswapdFailures }: NodeState): KswapdCheck {
  const fact =
    tasks.find(({ task }) => task.address === kswapd) ??
    tasks.find(({ task }) => isKswapdByName(task) && task.comm === `kswapd${node}`);
  const { pid, comm, state } = fact?.task ?? {};
  return {
    node,
    ...optional('pid', pid),
    ...optional('comm', comm),
    ...optional('state', state),
    ...optional('at', fact === undefined ? undefined : doing(fact)),
    ...optional('isIdle', isIdle(fact)),
    ...optional('failures', kswapdFailures),
  };
}

function isIdle(kswapd: TaskFacts | undefined): boolean | undefined {
  if (kswapd === undefined || kswapd.calls.length === 0) return undefined;
  return kswapd.task.state === 'S' && !kswapd.calls.includes('balance_pgdat');
}

function poolsOf(facts: Facts): PoolCheck | undefined {
  const { workqueues } = facts;
  if (workqueues === undefined || workqueues.pools.length === 0) return undefined;
  return { count: workqueues.pools.length, waiting: waitingPools(facts) };
}

/** Where reclaim makes tasks wait: throttled.ts of kernel/. */
const THROTTLE_QUEUES = /reclaim_wait|pfmemalloc_wait|congestion_wqh/;

function throttledOf({ tasks, unread = [] }: Facts): ThrottleCheck[] | undefined {
  const subjects = unread.flatMap((part) => part.subjects);
  if (subjects.some((subject) => THROTTLE_QUEUES.test(subject))) return undefined;
  const byQueue = new Map<string, { reason: ThrottleReason; facts: TaskFacts[] }>();
  for (const fact of tasks) {
    const { source, value: reason } = fact.task.evidence?.throttled ?? byStack(fact) ?? {};
    if (source === undefined || reason === undefined) continue;
    const known = byQueue.get(source);
    if (known === undefined) byQueue.set(source, { reason, facts: [fact] });
    else known.facts.push(fact);
  }
  return [...byQueue].map(([queue, { reason, facts }]) => ({ queue, reason, pids: pidsOf(facts) }));
}

/** congestion_wqh is static: without CONFIG_KALLSYMS_ALL who is on it is told by stacks alone. */
function byStack({ calls }: TaskFacts): { source: string; value: ThrottleReason } | undefined {
  if (!calls.includes('congestion_wait')) return undefined;
  return { source: 'congestion_wait(), by their stacks', value: 'congestion' };
}

function blockedOf({ tasks }: Facts): BlockedCheck[] {
  const byWait = new Map<string, TaskFacts[]>();
  for (const fact of tasks.filter(isBlocked)) {
    if (isFrozen(fact.task)) continue;
    const { waitsFor: wait } = fact;
    const waitsFor = wait === undefined ? `in ${doing(fact)}()` : `for ${wait.lock}`;
    const alike = byWait.get(waitsFor);
    if (alike === undefined) byWait.set(waitsFor, [fact]);
    else alike.push(fact);
  }
  return [...byWait]
    .map(([waitsFor, facts]) => ({ waitsFor, pids: pidsOf(facts) }))
    .sort((a, b) => b.pids.length - a.pids.length);
}

function logOf({ timeline, ...history }: LogHistory): LogCheck {
  const { events, eventsNotListed, reports, reportsNotListed } = timeline;
  const byKind = new Map<LogEventKind, LogEventCheck>();
  for (const { kind, timeUs } of events) {
    const { count = 0 } = byKind.get(kind) ?? {};
    byKind.set(kind, { kind, count: count + 1, ...optional('lastUs', timeUs) });
  }
  return {
    ...history,
    reports: reports.length + reportsNotListed,
    ...optional('lastReportUs', reports.at(-1)?.timeUs),
    events: [...byKind.values()],
    ...(eventsNotListed === 0 ? {} : { eventsNotListed }),
  };
}

/** The innermost function that is neither the scheduler's nor a lock's; `?` where none was read. */
export function doing({ stack }: TaskFacts): string {
  const frames = stack === undefined || stack.freed === true ? [] : stack.frames;
  const frame = meaningfulFrame(frames.filter(({ guessed }) => guessed !== true)) ?? frames[0];
  return frame?.name === undefined ? '?' : functionName(frame.name);
}
