// Options that say which tasks are meant.

import type { TaskFilter } from '../kernel/task-filter.ts';
import { UsageError } from './usage.ts';

/** May be repeated; any of them is meant. */
const MANY = { type: 'string', array: true, nargs: 1 } as const;

/** Which tasks to show. */
export const FILTER_OPTIONS = {
  state: { ...MANY, describe: 'tasks in one of these states, letters as of ps(1): D, RD' },
  comm: { ...MANY, describe: 'tasks whose name contains this, or one of these: NAME[,NAME…]' },
  pid: { ...MANY, describe: 'these threads: PID[,PID…]' },
  kthreads: { type: 'boolean', describe: 'kernel threads only', conflicts: 'user' },
  user: { type: 'boolean', describe: 'all but kernel threads' },
} as const;

/** Their values. */
export interface FilterArguments {
  readonly state: readonly string[] | undefined;
  readonly comm: readonly string[] | undefined;
  readonly pid: readonly string[] | undefined;
  readonly kthreads: boolean | undefined;
  readonly user: boolean | undefined;
}

/**
 * undefined where no option narrows the tasks down.
 *
 * @throws UsageError for what is no state or pid
 */
export function filterOf(args: FilterArguments): TaskFilter | undefined {
  const { state, comm, pid, kthreads, user } = args;
  const isKthread = kthreads === true ? true : user === true ? false : undefined;
  const filter = {
    ...(state === undefined ? {} : { states: stateLetters(state.join(',')) }),
    ...(comm === undefined ? {} : { comms: comm.flatMap(namesIn) }),
    ...(pid === undefined ? {} : { pids: pidList(pid.join(',')) }),
    ...(isKthread === undefined ? {} : { kthread: isKthread }),
  };
  return Object.keys(filter).length === 0 ? undefined : filter;
}

/** A name may have a comma of its own, so that the whole is one of them. */
function namesIn(given: string): string[] {
  const parts = given.split(',').filter((part) => part !== '');
  return parts.length > 1 ? [given, ...parts] : [given];
}

/** Every letter that /proc/PID/stat of some kernel shows (fs/proc/array.c, task_state_array). */
const STATE_LETTERS = 'RSDTtXxZPIKW';

function stateLetters(text: string): string {
  const letters = text.replaceAll(',', '');
  if (letters !== '' && [...letters].every((letter) => STATE_LETTERS.includes(letter))) {
    return letters;
  }
  throw new UsageError(`--state ${text}: expected letters of ${STATE_LETTERS}, such as D or RD`);
}

function pidList(text: string): number[] {
  if (/^\d+(,\d+)*$/.test(text)) return text.split(',').map(Number);
  throw new UsageError(`--pid ${text}: expected PID[,PID…], such as 1 or 1,42`);
}
