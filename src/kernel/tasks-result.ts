// The result object of `stallcore tasks`.

import type { Vmcore } from '../target/vmcore.ts';
import { optional } from '../util/optional.ts';
import { allocFlagBits, type AllocFlagBits } from './alloc-flags.ts';
import type { Fact } from './fact.ts';
import { readJiffies } from './jiffies.ts';
import { OffCpuReader } from './sched-info.ts';
import type { FilteredFrom } from './task-filter.ts';
import { readTasks, type Task, type TaskTable } from './task.ts';

/** What of a task matters for a memory stall, as the table has it. */
export type TaskSign =
  'oom' | 'kill' | 'exit' | 'reclaim' | 'memstall' | 'nofs' | 'noio' | 'sched_idle';

/** A task of the table. */
export interface ListedTask extends Task {
  /** Seconds for which it has at least been without a CPU; absent where it has one. */
  readonly offCpu?: Fact<number>;
}

/** All tasks of a dump. */
export interface TasksResult extends TaskTable {
  readonly type: 'tasks';
  readonly tasks: readonly ListedTask[];
  /** Which bits of `flags` are about memory, and how that was found out. */
  readonly allocFlagBits: AllocFlagBits;
  /** What each sign goes by; {@link allocFlagBits} has that of the last two in more detail. */
  readonly signSources: Readonly<Record<TaskSign, string>>;
  /** Of how many these are, where they were filtered. */
  readonly filteredFrom?: FilteredFrom;
}

/**
 * Every task of the dump, with the bits that say what its flags mean.
 *
 * @throws LookupError where the dump has no types or symbols to find tasks by
 */
export function tasksResult(vmcore: Vmcore): TasksResult {
  const table = readTasks(vmcore);
  const bits = allocFlagBits(table.tasks);
  const offCpu = offCpuReader(vmcore);
  const tasks = table.tasks.map((task) => ({ ...task, ...optional('offCpu', offCpu.read(task)) }));
  return { type: 'tasks', ...table, tasks, allocFlagBits: bits, signSources: signSources(bits) };
}

/** Without jiffies it knows what run queues tell. */
function offCpuReader(vmcore: Vmcore): OffCpuReader {
  const clock = vmcore.problems.attempt('jiffies', () => readJiffies(vmcore));
  return new OffCpuReader(vmcore, { jiffies: clock?.jiffies, hz: clock?.hz });
}

/** Members of task_struct, of `signal` its signal_struct; bits of include/linux/sched.h. */
export function signSources({ source }: AllocFlagBits): TasksResult['signSources'] {
  return {
    oom: 'signal->oom_mm',
    kill: 'SIGKILL in pending or signal->shared_pending',
    exit: 'PF_EXITING of task->flags',
    reclaim: 'PF_MEMALLOC of task->flags, kswapd aside',
    memstall: 'task->in_memstall',
    nofs: `PF_MEMALLOC_NOFS of ${source}`,
    noio: 'PF_MEMALLOC_NOIO of task->flags',
    sched_idle: 'SCHED_IDLE in task->policy',
  };
}
