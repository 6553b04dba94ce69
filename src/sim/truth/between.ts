// What became of each task between two instants, by the simulation's own books: its requests are
// counted in RequestBook, its turns on a CPU by the scheduler, and it is the same object or is not.
// Nothing here looks at records, stacks or what an image has, as a reader of two dumps has to.

import type { Kernel } from '../core/kernel.ts';
import { stateLetter } from '../kernel/show-task.ts';
import type { Task } from '../kernel/task.ts';
import { TASK_RUNNING } from '../kernel/task-bits.ts';

const US_PER_SECOND = 1_000_000;
const NS_PER_US = 1000;

/**
 * - `progressing`: a request that it had has ended, or it has begun another one
 * - `livelocked`: it is in the request that it was in, and had a CPU
 * - `blocked`: it slept all the time, in that request or where no signal wakes it
 * - `starved`: it was runnable for most of the time, and had no CPU
 * - `ran`, `asleep`: it asked for no memory, and had a CPU or slept
 */
export type TaskFate =
  'progressing' | 'livelocked' | 'blocked' | 'starved' | 'ran' | 'asleep' | 'gone' | 'new';

/** One task. */
export interface LedgerFate {
  readonly pid: number;
  readonly comm: string;
  readonly startTimeNs: number;
  readonly fate: TaskFate;
  /** Requests of the page allocator's slow path that it has begun since. */
  readonly requestsBegun: number;
}

/** What is remembered of an instant. */
export interface Moment {
  /** Microseconds since boot. */
  readonly time: number;
  readonly tasks: ReadonlyMap<Task, TaskThen>;
}

/** What a task was at. */
interface TaskThen {
  readonly begun: number;
  readonly depth: number;
  readonly isDead: boolean;
}

/** Remembers what each task is at. */
export function rememberMoment(k: Kernel): Moment {
  return {
    time: k.sched.now,
    tasks: new Map(
      [...k.threads()].map((task) => {
        const { count: begun, depth } = task.request;
        return [task, { begun, depth, isDead: task.exitState !== 0 }];
      }),
    ),
  };
}

/** What became of each task since, in the order of the task list, those that have gone last. */
export function fatesSince(k: Kernel, moment: Moment): LedgerFate[] {
  const living = new Set(k.threads());
  const gone = [...moment.tasks.keys()].filter((task) => !living.has(task));
  return [
    ...[...living].map((task) => entry(task, moment, fateOf(k, task, moment))),
    ...gone.map((task) => entry(task, moment, 'gone')),
  ];
}

function entry(task: Task, { tasks }: Moment, fate: TaskFate): LedgerFate {
  const { pid, comm, startTime, request } = task;
  const requestsBegun = request.count - (tasks.get(task)?.begun ?? 0);
  return { pid, comm, startTimeNs: Math.round(startTime * NS_PER_US), fate, requestsBegun };
}

function fateOf(k: Kernel, task: Task, moment: Moment): TaskFate {
  const then = moment.tasks.get(task);
  if (then === undefined) return 'new';
  // A leader that is dead waits for the other threads of its process.
  if (task.exitState !== 0) return then.isDead ? 'asleep' : 'gone';
  const { count, depth } = task.request;
  if (count !== then.begun || (then.depth > 0 && depth === 0)) return 'progressing';
  const asks = then.depth > 0;
  if (hadCpu(k, task, moment)) return asks ? 'livelocked' : 'ran';
  return withoutCpu(k, task, { moment, asks });
}

/** Of a turn that had begun before what counts is this part of the time and more. */
const TURN_SHARE = 1 / 100;

/** It had a turn on a CPU since, or went on with one for more than a moment. */
function hadCpu({ sched }: Kernel, task: Task, { time }: Moment): boolean {
  if (task.lastArrival > time || sched.cpus[task.cpu]?.task === task) return true;
  return task.lastRan - time > (sched.now - time) * TURN_SHARE;
}

/** A wait for a CPU counts where it is this part of the time. */
const STARVED_SHARE = 1 / 2;

function withoutCpu(
  { sched }: Kernel,
  task: Task,
  { moment: { time }, asks }: { moment: Moment; asks: boolean },
): TaskFate {
  const waited = sched.now - task.lastQueued;
  if (task.state === TASK_RUNNING && waited >= (sched.now - time) * STARVED_SHARE) return 'starved';
  return asks || stateLetter(task) === 'D' ? 'blocked' : 'asleep';
}

/** The time that has passed, in seconds. */
export function secondsSince({ sched }: Kernel, { time }: Moment): number {
  return (sched.now - time) / US_PER_SECOND;
}
