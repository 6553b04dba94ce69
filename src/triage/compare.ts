// Two dumps of one boot: what became of each task, what the counters did, which locks changed
// hands, and what follows from it all.

import type { SystemState } from '../kernel/system.ts';
import { InvalidError } from '../util/errors.ts';
import { optional } from '../util/optional.ts';
import { counterChanges, type CounterChanges } from './compare/counters.ts';
import type { DumpState } from './compare/dump-state.ts';
import { lockChanges, type LockChange } from './compare/lock-changes.ts';
import { matchTasks } from './compare/match-tasks.ts';
import { pairVerdict, type PairVerdict } from './compare/pair-verdict.ts';
import { sameBoot, type SameBoot } from './compare/same-boot.ts';
import { compareTask, type TaskComparison } from './compare/task-comparison.ts';
import type { TaskProgress } from './compare/task-progress.ts';
import type { Finding } from './finding.ts';
import type { Verdict } from './verdict.ts';

export { readDumpState, type DumpState } from './compare/dump-state.ts';
export type { CounterChange, CounterChanges, CpuShare, LevelChange } from './compare/counters.ts';
export type { LockChange, LockFate } from './compare/lock-changes.ts';
export { compareReports, type CompareLogResult, type ReportedTask } from './compare/log-pair.ts';
export type { PairClass, PairVerdict } from './compare/pair-verdict.ts';
export { sameBoot, type BootCheck, type SameBoot } from './compare/same-boot.ts';
export type { TaskComparison, TaskSide } from './compare/task-comparison.ts';
export type { RequestStep, TaskProgress } from './compare/task-progress.ts';

/** The time between two dumps, by the kernel's own clocks. */
export interface Elapsed {
  readonly seconds: number;
  readonly source: 'jiffies' | 'rq->clock';
  readonly jiffies?: number;
}

/** One of the dumps, as triage sees it alone. */
export interface DumpSummary {
  readonly machine: SystemState;
  readonly verdict: Pick<Verdict, 'class' | 'sentence' | 'diagnosis' | 'confidence'>;
  /** What fits it best, where anything does. */
  readonly finding?: Finding;
}

/** The result object of `stallcore compare`. */
export interface CompareResult {
  readonly type: 'compare';
  readonly verdict: PairVerdict;
  /** The dump that was named first is the later one: it is `now`. */
  readonly swapped?: true;
  readonly boot: SameBoot;
  /** Absent where neither clock could be read in both. */
  readonly elapsed?: Elapsed;
  readonly before: DumpSummary;
  readonly now: DumpSummary;
  /** How many tasks became what. */
  readonly counts: Readonly<Partial<Record<TaskProgress, number>>>;
  /** In the order of the second dump, those that have gone behind them. */
  readonly tasks: readonly TaskComparison[];
  readonly counters: CounterChanges;
  /** Absent where the locks of a dump could not be read. */
  readonly locks?: readonly LockChange[];
}

/**
 * Compares two dumps, in whichever order they are given.
 *
 * @throws InvalidError with the reason where they are of different kernels or boots
 */
export function compareDumps(first: DumpState, second: DumpState): CompareResult {
  const swapped = isLater(first, second);
  const [before, now] = swapped ? [second, first] : [first, second];
  const boot = sameBoot(before.boot, now.boot);
  if (boot.reason !== undefined) throw new InvalidError(boot.reason);
  const elapsed = elapsedBetween(before, now);
  const interval = {
    seconds: elapsed?.seconds,
    schedNs: now.clock.schedNs,
    isNothingAllocated: isNothingAllocated(before, now),
  };
  const isWhole = { before: before.isWhole, now: now.isWhole };
  const tasks = matchTasks(before.tasks, now.tasks).map((pair) =>
    compareTask(pair, interval, isWhole),
  );
  const counters = counterChanges(before, now, elapsed?.seconds ?? 0);
  return {
    type: 'compare',
    verdict: pairVerdict({ before, now, boot, tasks, counters, seconds: elapsed?.seconds }),
    ...(swapped ? { swapped } : {}),
    boot,
    ...optional('elapsed', elapsed),
    before: summaryOf(before),
    now: summaryOf(now),
    counts: countsOf(tasks),
    tasks,
    counters,
    ...optional('locks', locksOf(before, now, tasks)),
  };
}

/** By jiffies, which stand still in no dump of a machine that runs; else by the run queues. */
function isLater(a: DumpState, b: DumpState): boolean {
  const [x, y] = [a.clock, b.clock];
  if (x.jiffies !== undefined && y.jiffies !== undefined && x.jiffies !== y.jiffies) {
    return x.jiffies > y.jiffies;
  }
  return x.schedNs !== undefined && y.schedNs !== undefined && x.schedNs > y.schedNs;
}

const NS_PER_S = 1e9;

function elapsedBetween(before: DumpState, now: DumpState): Elapsed | undefined {
  const [a, b] = [before.clock, now.clock];
  const jiffies =
    a.jiffies === undefined || b.jiffies === undefined ? undefined : Number(b.jiffies - a.jiffies);
  const { hz } = b;
  // Within one jiffy the finer clock tells the dumps apart.
  if (jiffies !== undefined && jiffies > 0 && hz !== undefined) {
    return { seconds: jiffies / hz, source: 'jiffies', jiffies };
  }
  if (a.schedNs === undefined || b.schedNs === undefined) {
    return jiffies === 0 ? { seconds: 0, source: 'jiffies', jiffies } : undefined;
  }
  const seconds = Math.max(0, b.schedNs - a.schedNs) / NS_PER_S;
  return { seconds, source: 'rq->clock', ...optional('jiffies', jiffies) };
}

/** PGALLOC of each zone, of all CPUs; undefined where the kernel does not count it. */
function isNothingAllocated(
  { events: a }: DumpState,
  { events: b }: DumpState,
): boolean | undefined {
  const names = Object.keys(b ?? {}).filter((name) => name.startsWith('PGALLOC'));
  if (a === undefined || b === undefined || names.length === 0) return undefined;
  return names.every((name) => a[name] === b[name]);
}

function summaryOf({ machine, verdict, finding }: DumpState): DumpSummary {
  const { class: verdictClass, sentence, diagnosis, confidence } = verdict;
  return {
    machine,
    verdict: {
      class: verdictClass,
      sentence,
      ...optional('diagnosis', diagnosis),
      ...optional('confidence', confidence),
    },
    ...optional('finding', finding),
  };
}

function countsOf(tasks: readonly TaskComparison[]): CompareResult['counts'] {
  const counts: Partial<Record<TaskProgress, number>> = {};
  for (const { progress } of tasks) counts[progress] = (counts[progress] ?? 0) + 1;
  return counts;
}

function locksOf(
  before: DumpState,
  now: DumpState,
  tasks: readonly TaskComparison[],
): LockChange[] | undefined {
  if (before.locks === undefined || now.locks === undefined) return undefined;
  const inBoth = new Set(
    tasks.flatMap((task) =>
      task.before === undefined || task.now === undefined ? [] : [task.pid],
    ),
  );
  return lockChanges(before.locks, now.locks, (pid) => inBoth.has(pid));
}
