// Some of the tasks: what `stallcore tasks` takes options for, as ps of crash(8) and ps(1) do.

import type { Task } from './task.ts';
import type { TasksResult } from './tasks-result.ts';

/** Which tasks are wanted: those that fit every member that is there. */
export interface TaskFilter {
  /** Letters of {@link Task.state}, any of them: `DR`. */
  readonly states?: string;
  /** Parts of the name, any of them, as it is shown or as it is in memory. */
  readonly comms?: readonly string[];
  /** Of the threads themselves; a process has its leader's. */
  readonly pids?: readonly number[];
  /** Kernel threads, or all others. */
  readonly kthread?: boolean;
}

/** How many tasks there are besides those that fit. */
export interface FilteredFrom {
  readonly tasks: number;
  readonly idle: number;
  /** Tasks that are not shown because what was asked for could not be read of them. */
  readonly undecided: number;
}

/** TASK_COMM_LEN - 1 (include/linux/sched.h): the kernel keeps no more of a name. */
const COMM_MAX = 15;

/** The tasks that fit, with what was said about all of them. */
export function filterTasks(result: TasksResult, filter: TaskFilter): TasksResult {
  let undecided = 0;
  const fits = (task: Task): boolean => {
    const answer = taskMatches(task, filter);
    if (answer === undefined) undecided++;
    return answer === true;
  };
  const tasks = result.tasks.filter((task) => fits(task));
  const idle = result.idle.filter(fits);
  const from = { tasks: result.tasks.length, idle: result.idle.length, undecided };
  return { ...result, tasks, idle, filteredFrom: from };
}

/** Undefined where no member says no, and one could not be compared. */
export function taskMatches(
  task: Task,
  { states, comms, pids, kthread }: TaskFilter,
): boolean | undefined {
  const answers = [
    states === undefined ? true : known(task.state, (state) => states.includes(state)),
    comms === undefined ? true : hasName(task, comms),
    pids === undefined ? true : known(task.pid, (pid) => pids.includes(pid)),
    kthread === undefined ? true : known(task.kthread, (is) => is === kthread),
  ];
  if (answers.includes(false)) return false;
  return answers.includes(undefined) ? undefined : true;
}

function known<T>(value: T | undefined, fits: (value: T) => boolean): boolean | undefined {
  return value === undefined ? undefined : fits(value);
}

/** A name longer than the kernel's is compared as far as the kernel keeps it. */
function hasName({ comm, commHex }: Task, wanted: readonly string[]): boolean | undefined {
  if (comm === undefined || commHex === undefined) return undefined;
  const bytes = Buffer.from(commHex, 'hex');
  return wanted.some(
    (part) => comm.includes(part) || bytes.includes(Buffer.from(part).subarray(0, COMM_MAX)),
  );
}
