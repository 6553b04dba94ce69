// Which task of one dump is which of the other: by pid and by when it was made, so that who got a
// pid of one that has gone is not taken for that one.

import type { TaskInDump } from './dump-state.ts';

/** A task of both dumps, or of one. */
export interface TaskPair {
  readonly before?: TaskInDump;
  readonly now?: TaskInDump;
  /** Its pid is another task's in the other dump. */
  readonly reusedPid?: true;
}

/** Pairs in the order of the second dump, those that have gone behind them. */
export function matchTasks(
  before: readonly TaskInDump[],
  now: readonly TaskInDump[],
): readonly TaskPair[] {
  const left = new Map(before.map((task) => [keyOf(task), task]));
  const oldPids = new Set(before.map(({ pid }) => pid));
  const newPids = new Set(now.map(({ pid }) => pid));
  const pairs = now.map((task): TaskPair => {
    const old = left.get(keyOf(task));
    if (old !== undefined && isSame(old, task)) {
      left.delete(keyOf(task));
      return { before: old, now: task };
    }
    return { now: task, ...reused(task, oldPids) };
  });
  const gone = [...left.values()].map((task) => ({ before: task, ...reused(task, newPids) }));
  return [...pairs, ...gone];
}

function reused(
  { pid }: TaskInDump,
  pids: ReadonlySet<number | undefined>,
): Pick<TaskPair, 'reusedPid'> {
  return pid !== undefined && pids.has(pid) ? { reusedPid: true } : {};
}

/** A task whose pid could not be read is known by where it lies. */
function keyOf({ pid, address }: TaskInDump): number | string {
  return pid ?? address;
}

/** Where a start could not be read, or is none, a task that lies where it lay is the same one. */
function isSame(a: TaskInDump, b: TaskInDump): boolean {
  const starts = [a.startTimeNs, b.startTimeNs];
  return starts.includes(undefined) ? a.address === b.address : starts[0] === starts[1];
}
