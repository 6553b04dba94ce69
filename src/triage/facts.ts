// What diagnoses are made from: the tasks with their stacks and requests, gathered once.

import type { AllocatorPlace } from '../kernel/alloc-frames.ts';
import { inSentence, nameOf as nameOfTask } from './words.ts';
import { functionName } from '../kernel/function-name.ts';
import type { LocksResult } from '../kernel/locking/lock.ts';
import type { MemoryUses } from '../kernel/memory-users.ts';
import type { NodeState } from '../kernel/mmzone.ts';
import type { OomState } from '../kernel/oom.ts';
import type { MemallocResult, MemallocTask } from '../kernel/memalloc-report.ts';
import type { TaskStack } from '../kernel/stack.ts';
import type { SwapState } from '../kernel/swap.ts';
import type { WorkqueuesResult } from '../kernel/workqueue.ts';
import type { LogHistory } from './history.ts';

/** One task with all that is known of it. */
export interface TaskFacts {
  readonly task: MemallocTask;
  /** undefined where its stack could not be read. */
  readonly stack: TaskStack | undefined;
  /** The functions on it, the innermost first, guessed ones left out, clones by their function. */
  readonly calls: readonly string[];
  /** Where in the allocator it is. */
  readonly place: AllocatorPlace | undefined;
  /** The lock that it waits for, where that was proved. */
  readonly waitsFor?: LockWait;
  /** The age in seconds from which on a request of this dump is overdue; else the default. */
  readonly overdueSeconds?: number;
  /**
   * Of a victim: nothing more is expected of its memory (MMF_OOM_SKIP), and the OOM killer may
   * choose another; absent where this kernel has no such mark, or it could not be read.
   */
  readonly isReaped?: boolean;
}

/** A wait for a lock. */
export interface LockWait {
  /** `mutex 0xffff…`, or the name of a lock that has one, or `the end of` a work. */
  readonly lock: string;
  /** Who has it, as far as that is known. */
  readonly holders: readonly number[];
  /** False where the kernel's own word on a holder may be out of date: the last reader's. */
  readonly isCertain: boolean;
}

/** All that is known of a dump. */
export interface Facts {
  readonly memalloc: MemallocResult;
  readonly tasks: readonly TaskFacts[];
  readonly byPid: ReadonlyMap<number, TaskFacts>;
  /** Whether the kernel has a function or variable of that name. */
  readonly kernelHas: (symbol: string) => boolean;
  /** Zones and their free pages; undefined where they could not be read. */
  readonly zones: readonly ZoneFacts[] | undefined;
  /** Pages that are being written (NR_WRITEBACK); undefined where that could not be read. */
  readonly writeback: number | undefined;
  /** Works that wait for a worker, by function; undefined where workqueues could not be read. */
  readonly pendingWorks: ReadonlyMap<string, number> | undefined;
  /** What is known of the OOM killer; undefined where nothing could be read. */
  readonly oom: OomState | undefined;
  /** Who holds oom_lock; undefined where nobody does or it is not known. */
  readonly oomLockHolder: number | undefined;
  /** Locks that tasks wait for; undefined where they could not be read. */
  readonly locks: LocksResult | undefined;
  /** Nodes with their zones and kswapds; absent where none could be read. */
  readonly nodes?: readonly NodeState[];
  /** Pools of workers and workqueues; absent where they could not be read. */
  readonly workqueues?: WorkqueuesResult;
  /** What holds the memory; absent where no node could be read. */
  readonly uses?: MemoryUses;
  /** Absent where this kernel has none, or it could not be read. */
  readonly swap?: SwapState;
  /** What the kernel's log tells; absent where it could not be read. */
  readonly history?: LogHistory;
  /** What {@link kernelHas} was asked, and what it said. */
  readonly symbolsAsked?: ReadonlyMap<string, boolean>;
  /** What could not be read, or not whole, in the order in which it was read. */
  readonly unread?: readonly UnreadPart[];
  /** That a file of the dump ends before the dump does, in words. */
  readonly cut?: string;
}

/** What is read one after the other; `dump`: what every reading needs, as the files themselves. */
export type FactPart = 'dump' | 'tasks' | 'locks' | 'zones' | 'OOM killer' | 'workqueues' | 'log';

/** A part that is not whole. */
export interface UnreadPart {
  readonly part: FactPart;
  /** How many problems there were. */
  readonly problems: number;
  /** What they were with, as far as problems are kept: `pgdat->pfmemalloc_wait`. */
  readonly subjects: readonly string[];
}

/** One zone, in pages. */
export interface ZoneFacts {
  readonly name: string;
  readonly free: number;
  readonly min: number;
  /** Pages that CPUs have counted and not yet added to `free`. */
  readonly freeNotAdded: number;
}

/** The names of the calls on a stack. */
export function callsOf(stack: TaskStack | undefined): string[] {
  if (stack === undefined || stack.freed === true) return [];
  return stack.frames.flatMap(({ name, guessed }) =>
    name === undefined || guessed === true ? [] : [functionName(name)],
  );
}

/** Whether one of the functions is on the stack. */
export function calls({ calls: names }: TaskFacts, ...wanted: readonly string[]): boolean {
  return names.some((name) => wanted.includes(name));
}

/** Whether one of the functions `inner` was called on behalf of `outer`. */
export function callsWithin(
  { calls: names }: TaskFacts,
  inner: readonly string[],
  outer: readonly string[],
): boolean {
  const from = names.findIndex((name) => inner.includes(name));
  return from >= 0 && names.slice(from + 1).some((name) => outer.includes(name));
}

/** The task can still do something: it is no zombie. */
export function isAlive({ task }: TaskFacts): boolean {
  return task.state !== 'Z' && task.state !== 'X';
}

/** In uninterruptible sleep. */
export function isBlocked({ task }: TaskFacts): boolean {
  return task.state === 'D' && task.onCpu !== true;
}

/** Its process was chosen by the OOM killer, and it has not gone. */
export function isVictim(fact: TaskFacts): boolean {
  const { words, oomMm } = fact.task;
  return isAlive(fact) && (words.victim === true || (oomMm !== undefined && oomMm !== '0x0'));
}

/** It has a request for memory in the slow path: by its record, else by its stack. */
export function isRequesting({ task: { record }, place }: TaskFacts): boolean {
  return record === undefined ? place === 'slow path' : record.inFlight || place === 'slow path';
}

/**
 * It is in the allocator's slow path: by its stack, or by its record where no stack could be read,
 * as of a task on a CPU whose registers the dump lacks. A mempool's request is in the pool's code.
 */
export function isInSlowPath({ task: { record }, place, calls: names }: TaskFacts): boolean {
  if (place !== undefined || names.length > 0) return place === 'slow path';
  return record?.inFlight === true && !record.mempool;
}

/** The watchdog's own default; for how long a request waits at least where nothing records it. */
const OVERDUE_SECONDS = 10;

/**
 * Its request is older than the watchdog's timeout; undefined where this kernel does not record
 * when requests begin, and what it keeps does not show that it is so old.
 */
export function isOverdue(fact: TaskFacts): boolean | undefined {
  const { record, evidence } = fact.task;
  if (record !== undefined) return record.overdue;
  if (!isRequesting(fact)) return false;
  return (evidence?.age?.value ?? 0) >= overdueAge(fact) ? true : undefined;
}

/** From how many seconds on its request is overdue. */
export function overdueAge({ overdueSeconds = OVERDUE_SECONDS }: TaskFacts): number {
  return overdueSeconds;
}

/** It has a request that is overdue, or may be: see {@link isOverdue}. */
export function mayBeOverdue(fact: TaskFacts): boolean {
  return isRequesting(fact) && isOverdue(fact) !== false;
}

/**
 * It is known to have been without a CPU, asleep or not, for less than the watchdog's timeout;
 * undefined where it is not known for how long.
 */
export function hasRunLately({ memalloc }: Facts, fact: TaskFacts): boolean | undefined {
  const { task, overdueSeconds = OVERDUE_SECONDS } = fact;
  const timeout = memalloc.record?.timeoutSeconds?.value ?? overdueSeconds;
  const seconds = task.evidence?.offCpu?.value;
  return seconds === undefined ? undefined : seconds < timeout;
}

/** `java(187)` */
export function nameOf({ task }: TaskFacts): string {
  return nameOfTask(task);
}

/** block/disk-events.c (block/genhd.c before that), drivers/scsi/sr.c. */
const POLLS = ['disk_events_workfn', 'disk_check_events', 'sr_check_events'];

/** The worker that polls a drive for a medium: see canary.ts. */
export function isCanary(fact: TaskFacts): boolean {
  return calls(fact, ...POLLS);
}

/** Who only shows that something is wrong comes after those who matter. */
function canariesLast(facts: readonly TaskFacts[]): TaskFacts[] {
  return [...facts].sort((a, b) => Number(isCanary(a)) - Number(isCanary(b)));
}

const NAMES_SHOWN = 3;

/** `a(1), b(2), c(3) and 4 more` */
export function namesOf(facts: readonly TaskFacts[]): string {
  return inSentence(canariesLast(facts).map(nameOf), NAMES_SHOWN);
}

/** `bt 187 179`, for as many tasks as fit into a line. */
export function btVerb(facts: readonly TaskFacts[]): string {
  return `bt ${canariesLast(facts)
    .slice(0, NAMES_SHOWN)
    .map(({ task }) => task.pid ?? '?')
    .join(' ')}`;
}

/** Pids that are known. */
export function pidsOf(facts: readonly TaskFacts[]): number[] {
  return facts.flatMap(({ task: { pid } }) => (pid === undefined ? [] : [pid]));
}
