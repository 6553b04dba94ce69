// Which tasks hang: one definition for the summary of a run and for the table of remedies.

import type { Truth } from './truth.ts';

/** pids of tasks that had not moved when the machine had run on. */
export interface Hung {
  /** In a request for memory. */
  readonly requesting: readonly number[];
  /** Asleep for something else, those first who are in the circle of waiting. */
  readonly asleep: readonly number[];
}

/**
 * Who has not moved since the dump. A task that sleeps for a lock hangs only where somebody waits
 * in a circle: else its holder is busy, and it waits its turn.
 */
export function hungTasks({ stuck, asleep, cycle }: Omit<Truth, 'diagnosis' | 'recovered'>): Hung {
  const inCircle = new Set(cycle.map(({ pid }) => pid));
  const first = asleep.filter((pid) => inCircle.has(pid));
  const others = asleep.filter((pid) => !inCircle.has(pid));
  return { requesting: stuck, asleep: cycle.length > 0 ? [...first, ...others] : [] };
}
