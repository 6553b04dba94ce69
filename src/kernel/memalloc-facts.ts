// What the allocation state of a dump is made from: every task with its record, the words that the
// watchdog has for it, and how much of all this could be read.

import type { Vmcore } from '../target/vmcore.ts';
import { findMember } from '../types/ctype.ts';
import { optional } from '../util/optional.ts';
import { initialJiffies, readJiffies, type Jiffies } from './jiffies.ts';
import { kswapdTest } from './kswapd.ts';
import type { MemallocFormat } from './memalloc-format.ts';
import type { TaskWords, WatchedTask } from './memalloc-lines.ts';
import {
  outermostRequests,
  readMemallocRecords,
  type MemallocLayout,
  type MemallocRecord,
} from './memalloc.ts';
import { isExiting } from './task-flags.ts';
import { TASK_UNINTERRUPTIBLE } from './task-state.ts';
import { readTasks, type Task, type TaskTable } from './task.ts';
import { threadFlagBits, type ThreadFlagBits } from './thread-info.ts';

/** What both the lines and the task table are made from. */
export interface MemallocFacts {
  readonly table: TaskTable;
  readonly bits: ThreadFlagBits;
  readonly time: Clock;
  readonly watched: readonly WatchedTask[];
  /** The entries of memalloc_list; of layout L1 only. */
  readonly listed?: readonly MemallocRecord[];
  readonly listComplete: boolean;
  readonly hasMemstall: boolean;
}

/**
 * The state of a dead task: 64 before v4.14, 128 since. Of an exiting task, as asked for here, the
 * other bit never stands alone: 64 is TASK_PARKED now, 128 was TASK_WAKEKILL.
 */
const TASK_DEAD: ReadonlySet<number> = new Set([64, 128]);

/** How much of what the answer rests on could be read. */
export interface MemallocCoverage {
  /** The walk of the task list came to its end, and the pid IDR knows the same tasks. */
  readonly taskListComplete: boolean;
  /** Tasks whose record, and whose thread_info.flags, could not be read. */
  readonly tasksWithoutRecord: number;
  readonly tasksWithoutFlags: number;
  /** Tasks whose signal_struct, and with it signal->oom_mm, could not be read. */
  readonly tasksWithoutSignal: number;
  /** This kernel marks tasks that stall on memory (CONFIG_PSI, not switched off at boot). */
  readonly countsMemstalls: boolean;
  /** Tasks whose `in_memstall` could not be read. */
  readonly tasksWithoutMemstall: number;
  /** Records that were being updated, of which it is not known what they describe. */
  readonly tornRecords: number;
  /** The list of requests could be walked to its end; of layout L1. */
  readonly requestListComplete: boolean;
  /** TIF_* bits of which it could not be found out where this kernel has them. */
  readonly unknownBits: readonly string[];
}

/** {@link Jiffies}, of which everything may be unknown. */
type Clock = Omit<Jiffies, 'jiffies'> & { readonly jiffies?: bigint };

/** Without jiffies no request has an age; who is in one, and for what, can be read all the same. */
function readClock(vmcore: Vmcore): Clock {
  const time = vmcore.problems.attempt('jiffies_64', () => readJiffies(vmcore));
  return time ?? { hz: undefined, hzSource: 'jiffies_64 could not be read' };
}

export function readMemallocFacts(
  vmcore: Vmcore,
  layout: MemallocLayout | undefined,
  format: MemallocFormat | undefined,
): MemallocFacts {
  const time = readClock(vmcore);
  const table = readTasks(vmcore);
  const bits = threadFlagBits(vmcore);
  const { jiffies } = time;
  const problemsBefore = vmcore.problems.count;
  const read =
    layout === undefined
      ? []
      : readMemallocRecords(vmcore, layout, { tasks: table.tasks, jiffies });
  // Of layout L1 the walk of memalloc_list leaves a problem where it does not reach the end.
  const listComplete = layout?.id !== 'L1' || vmcore.problems.count === problemsBefore;
  const hasMemstall = countsMemstalls(vmcore);
  const requests = withoutImpossibleAges(vmcore, read, time);
  const records = layout?.id === 'L1' ? outermostRequests(requests) : requests;
  const byTask = new Map(records.map((record) => [record.task, record]));
  const isKswapd = kswapdTest(table.tasks);
  const deadIsNotExiting = format?.lists === 'exiting' || format?.lists === 'kswapd';
  const watched = table.tasks.map((task) => ({
    task,
    words: wordsOf(task, bits, deadIsNotExiting),
    kswapd: isKswapd(task),
    record: byTask.get(task.address),
  }));
  reportStrangers(vmcore, table.tasks, byTask);
  // A list of which not even the head could be read says nothing, not that it is empty.
  const isListed = layout?.id === 'L1' && (listComplete || requests.length > 0);
  const listed = isListed ? { listed: requests } : {};
  return { table, bits, time, watched, listComplete, hasMemstall, ...listed };
}

/**
 * A request in flight that began before the boot or after the dump has a damaged record: what else
 * is in it is shown, its age is not.
 */
function withoutImpossibleAges(
  { problems }: Vmcore,
  records: readonly MemallocRecord[],
  { jiffies, hz }: Clock,
): readonly MemallocRecord[] {
  if (jiffies === undefined) return records;
  const first = hz === undefined ? 0n : initialJiffies(hz);
  return records.map((record) => {
    const { delay, ...ageless } = record;
    if (record.depth === 0 || delay === undefined) return record;
    const start = BigInt(record.start);
    if (start >= first && start <= jiffies) return record;
    const what = `start is ${start}, expected jiffies from ${first} to ${jiffies}`;
    problems.addMessage(`memalloc of task ${record.task}`, what);
    return ageless;
  });
}

/** The entries of memalloc_list name their tasks, and one may name what is no task. */
function reportStrangers(
  { problems }: Vmcore,
  tasks: readonly Task[],
  byTask: ReadonlyMap<string, MemallocRecord>,
): void {
  const known = new Set(tasks.map(({ address }) => address));
  for (const address of byTask.keys()) {
    if (known.has(address)) continue;
    problems.addMessage('memalloc_list', `an entry of task ${address}, which no list leads to`);
  }
}

function wordsOf(task: Task, bits: ThreadFlagBits, deadIsNotExiting: boolean): TaskWords {
  const threadFlags = task.threadFlags === undefined ? undefined : BigInt(task.threadFlags);
  const isSet = (bit: { bit: number } | undefined): boolean | undefined => {
    if (bit === undefined) return undefined;
    return threadFlags === undefined ? undefined : ((threadFlags >> BigInt(bit.bit)) & 1n) === 1n;
  };
  const { stateBits: state, sigkillPending } = task;
  const exiting = isExiting(task);
  const dead = deadIsNotExiting && state !== undefined && TASK_DEAD.has(state);
  const killed = [isSet(bits.sigpending), sigkillPending];
  const dying = killed.includes(false) ? false : killed.includes(undefined) ? undefined : true;
  return {
    ...optional(
      'uninterruptible',
      state === undefined ? undefined : (state & TASK_UNINTERRUPTIBLE) !== 0,
    ),
    ...optional('exiting', exiting === undefined ? undefined : exiting && !dead),
    ...optional('dying', dying),
    ...optional('victim', isSet(bits.memdie)),
  };
}

/** PSI marks tasks unless it was switched off: the static key psi_disabled (kernel/sched/psi.c). */
function countsMemstalls(vmcore: Vmcore): boolean {
  if (findMember(vmcore.struct('task_struct'), 'in_memstall') === undefined) return false;
  const key = vmcore.symbols.lookup('psi_disabled');
  if (key === undefined) return true;
  const bytes = vmcore.problems.attempt('psi_disabled', () => vmcore.readBytes(key, 4));
  return bytes?.every((byte) => byte === 0) === true;
}

/** A record is of no use without its age where it has a request in flight. */
function isUnread(record: MemallocRecord | undefined): boolean {
  return record === undefined || (record.depth > 0 && record.delay === undefined);
}

/** How complete the facts are. */
export function coverageOf(
  { bits, table, watched, listComplete, hasMemstall }: MemallocFacts,
  layout: MemallocLayout | undefined,
): MemallocCoverage {
  const count = (test: (each: WatchedTask) => boolean): number => watched.filter(test).length;
  // Of layout L1 a task without an entry on the list has no request in flight.
  const hasRecords = layout !== undefined && layout.id !== 'L1';
  return {
    taskListComplete: table.complete,
    tasksWithoutRecord: hasRecords ? count(({ record }) => isUnread(record)) : 0,
    tasksWithoutFlags: count(({ task }) => task.threadFlags === undefined),
    tasksWithoutSignal: count(({ task }) => task.oomScoreAdj === undefined),
    countsMemstalls: hasMemstall,
    tasksWithoutMemstall: hasMemstall ? count(({ task }) => task.inMemstall === undefined) : 0,
    tornRecords: count(({ record }) => record?.torn === true && record.depth > 0),
    requestListComplete: listComplete,
    unknownBits: [
      ...(bits.memdie === undefined ? ['TIF_MEMDIE'] : []),
      ...(bits.sigpending === undefined ? ['TIF_SIGPENDING'] : []),
    ],
  };
}
