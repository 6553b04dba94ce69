// The result object of `stallcore tasks`.

import type { Vmcore } from '../target/vmcore.ts';
import { allocFlagBits, type AllocFlagBits } from './alloc-flags.ts';
import type { FilteredFrom } from './task-filter.ts';
import { readTasks, type Task, type TaskTable } from './task.ts';

/** All tasks of a dump. */
export interface TasksResult extends TaskTable {
  readonly type: 'tasks';
  readonly tasks: readonly Task[];
  /** Which bits of `flags` are about memory, and how that was found out. */
  readonly allocFlagBits: AllocFlagBits;
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
  return { type: 'tasks', ...table, allocFlagBits: allocFlagBits(table.tasks) };
}
