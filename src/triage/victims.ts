// Who was chosen by the OOM killer, and who could not be asked.

import type { MemallocResult, MemallocTask } from '../kernel/memalloc-report.ts';

/** Who was chosen by the OOM killer. */
export interface Victims {
  readonly tasks: readonly MemallocTask[];
  readonly source: string;
  /** Whether a task could have been seen to be one. */
  readonly isKnown: boolean;
}

/**
 * The tasks with TIF_MEMDIE, and one of each other process with signal->oom_mm (v4.9), which stays
 * when the marked thread has gone. That there is none is known only where each task was asked.
 */
export function victimsOf({ tasks, coverage }: MemallocResult): Victims {
  const marked = tasks.filter(({ words }) => words.victim === true);
  const signals = new Set(marked.map(({ signal }) => signal));
  const chosen = chosenOf({ tasks });
  const others = chosen.filter(({ signal }) => !signals.has(signal));
  const source = [
    ...(marked.length > 0 ? ['TIF_MEMDIE'] : []),
    ...(others.length > 0 ? ['signal->oom_mm'] : []),
  ].join(', ');
  const isKnown =
    coverage.taskListComplete &&
    tasks.every(({ words, oomMm, oomScoreAdj }) =>
      // A signal_struct that was read and has no oom_mm is that of a kernel before v4.9.
      oomMm === undefined ? oomScoreAdj !== undefined && words.victim === false : true,
    );
  return { tasks: [...marked, ...others], source, isKnown };
}

/** A task of each process with signal->oom_mm. */
export function chosenOf({ tasks }: Pick<MemallocResult, 'tasks'>): MemallocTask[] {
  return processes(tasks.filter(({ oomMm }) => (oomMm ?? '0x0') !== '0x0'));
}

/** A sleep that SIGKILL does not end: TASK_UNINTERRUPTIBLE without TASK_WAKEKILL. */
export function sleepsUnkillably({ words, stateBits }: MemallocTask): boolean {
  return words.uninterruptible === true && ((stateBits ?? 0) & TASK_WAKEKILL) === 0;
}

/** 0x100, and 0x80 before v4.14; the other of the two never goes with TASK_UNINTERRUPTIBLE. */
const TASK_WAKEKILL = 0x180;

/** One task for each process: its leader where it is among them. */
export function processes(tasks: readonly MemallocTask[]): MemallocTask[] {
  const bySignal = new Map<string, MemallocTask>();
  for (const task of tasks) {
    const key = task.signal ?? task.address;
    if (!bySignal.has(key) || task.pid === task.tgid) bySignal.set(key, task);
  }
  return [...bySignal.values()];
}
