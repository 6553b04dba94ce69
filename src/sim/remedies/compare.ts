// What becomes of a stall when something is done against it: each scenario is run as it is, and
// once with each remedy, from the same seed. The truth is what it is everywhere: a machine runs on
// for ten timeouts after the dump, and what has not moved by then hangs.

import type { Kernel } from '../core/kernel.ts';
import { OOM_SCORE_ADJ_MIN } from '../mm/oom-kill.ts';
import type { Scenario } from '../scenario.ts';
import { startScenario, type MachinePlan } from '../start-scenario.ts';
import { hungTasks } from '../truth/hung.ts';
import { findTruth, takeSnapshot, type Truth } from '../truth/truth.ts';
import type { Snapshot } from '../truth/wait-graph.ts';
import { REMEDIES, remedyOptions, type Remedy } from './remedy.ts';

const US_PER_SECOND = 1_000_000;
const TIMEOUTS_AFTER = 10;
/** How often a run is looked at. */
const LOOK_US = US_PER_SECOND / 4;

/** One scenario with one remedy. */
export interface RemedyRun {
  readonly scenario: string;
  /** Undefined for the kernel as the scenario has it. */
  readonly remedy: string | undefined;
  readonly diagnosis: Truth['diagnosis'];
  /** Tasks that had a request older than the timeout at the dump. */
  readonly stalling: number;
  /**
   * Seconds from the dump until every request that was in flight then had moved, to a quarter of a
   * second; undefined where that did not come, or the kernel panicked.
   */
  readonly recoveredSeconds: number | undefined;
  /** Tasks that had not moved when the truth was found, ten timeouts after the dump or more. */
  readonly hung: number;
  /** Seconds that the oldest request was ever seen to take, to a quarter of a second. */
  readonly longestSeconds: number;
  /** By the OOM killer, and by SIGBUS. */
  readonly oomKills: number;
  readonly sigbusKills: number;
  /** comm of tasks with oom_score_adj -1000 that died all the same. */
  readonly protectedKilled: readonly string[];
  readonly failedAllocs: number;
  readonly overdueVictims: number;
  /** How often SysRq-f came upon a victim that was chosen already. */
  readonly chosenAgain: number;
  /** How often direct reclaim was entered. */
  readonly allocStalls: number;
  /** The highest limit, in pages, at which throttle_vm_writeout() held somebody; 0 where none. */
  readonly throttleLimitMax: number;
  /** How often it held a task that had PF_LESS_THROTTLE. */
  readonly lessThrottleHolds: number;
  /** CPU seconds, after the dump, of the tasks that lived through it. */
  readonly cpuSeconds: number;
  readonly panic: string | undefined;
  readonly readOnly: boolean;
  /** comm of tasks with oom_score_adj -1000 whose requests have not moved. */
  readonly protectedHung: readonly string[];
}

/** How runs are made: as the flavour's release has it, where one is named. */
export type CompareOptions = Pick<
  MachinePlan,
  'seed' | 'kmallocwd' | 'knobs' | 'flavour' | 'patch' | 'types'
>;

/** What is compared. */
export interface Comparison extends CompareOptions {
  readonly scenarios: readonly Scenario[];
  readonly remedies?: readonly Remedy[];
}

/** Each scenario without, then with each remedy: a row as soon as it is known. */
export function* compareRemedies(comparison: Comparison): Generator<RemedyRun, void, undefined> {
  for (const scenario of comparison.scenarios) {
    yield runWithRemedy(scenario, undefined, comparison);
    for (const remedy of comparison.remedies ?? REMEDIES) {
      yield runWithRemedy(scenario, remedy, comparison);
    }
  }
}

/** Those that come to a stall by themselves: all but the ones in which nothing is wrong. */
export function stallingScenarios(all: readonly Scenario[]): Scenario[] {
  return all.filter(({ diagnosis }) => diagnosis !== undefined && diagnosis !== 'D14');
}

/** Runs one scenario with one remedy, or with none. */
export function runWithRemedy(
  chosen: Scenario,
  remedy: Remedy | undefined,
  options: CompareOptions,
): RemedyRun {
  const {
    kernel: k,
    scenario,
    knobs,
  } = startScenario({
    ...options,
    ...(remedy === undefined ? {} : remedyOptions(remedy)),
    asReleased: options.flavour !== undefined,
    scenario: chosen,
  });
  const { kmallocwd } = options;
  const { hz, dumpSeconds } = knobs;
  const watch = new RunWatch(k);
  watch.runTo(dumpSeconds * US_PER_SECOND);
  const snapshot = takeSnapshot(k, kmallocwd * hz);
  const timesBefore = cpuTimes(k);
  const end = (dumpSeconds + TIMEOUTS_AFTER * kmallocwd) * US_PER_SECOND;
  let recoveredAt: number | undefined;
  const runOn = (to: number): void => {
    recoveredAt ??= watch.runUntilMoved(snapshot, to);
    watch.runTo(to);
  };
  runOn(end);
  // Of the same time for all, however long the truth is looked for.
  const costs = { ...harmOf(k), cpuSeconds: cpuSince(k, timesBefore) };
  const truth = findTruth(k, snapshot, runOn);
  return {
    scenario: scenario.name,
    remedy: remedy?.name,
    ...whatHangs(k, truth),
    ...costs,
    panic: k.panicText,
    stalling: snapshot.stalling.length,
    recoveredSeconds: secondsToRecover(k, snapshot.time, recoveredAt),
    longestSeconds: watch.longestJiffies / hz,
  };
}

/** A machine that panicked afterwards has not recovered. */
function secondsToRecover(
  { panicText }: Kernel,
  dumpedAt: number,
  recoveredAt: number | undefined,
): number | undefined {
  if (panicText !== undefined || recoveredAt === undefined) return undefined;
  return (recoveredAt - dumpedAt) / US_PER_SECOND;
}

/** Lets a machine run, and looks at it now and then. */
class RunWatch {
  readonly kernel: Kernel;
  longestJiffies = 0;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  runTo(end: number): void {
    while (this.#step(end));
  }

  /** @returns when every request of that time had moved; undefined where that did not come */
  runUntilMoved(snapshot: Snapshot, end: number): number | undefined {
    const { sched } = this.kernel;
    while (!hasMoved(this.kernel, snapshot)) {
      if (!this.#step(end)) return undefined;
    }
    return sched.now;
  }

  #step(end: number): boolean {
    const { kernel: k } = this;
    if (k.sched.now >= end || k.panicText !== undefined) return false;
    k.sched.run(Math.min(end, k.sched.now + LOOK_US));
    for (const { request } of k.threads()) {
      if (request.depth === 0) continue;
      this.longestJiffies = Math.max(this.longestJiffies, k.jiffies - request.start);
    }
    return true;
  }
}

/** Nobody is in the request, or asleep for the thing, that it was in then; the dead have moved. */
function hasMoved(k: Kernel, { inFlight, asleep, ran }: Snapshot): boolean {
  if (k.panicText !== undefined) return false;
  for (const task of k.threads()) {
    if (task.request.depth > 0 && inFlight.get(task) === task.request.count) return false;
    const target = asleep.get(task);
    if (target === undefined || task.blockedOn !== target) continue;
    if (ran.get(task)?.nvcsw === task.nvcsw) return false;
  }
  return true;
}

type Hanging = Pick<RemedyRun, 'diagnosis' | 'hung' | 'protectedHung'>;

function whatHangs(k: Kernel, truth: Truth): Hanging {
  const { requesting, asleep } = hungTasks(truth);
  const pids = new Set([...requesting, ...asleep]);
  const tasks = [...k.threads()].filter(({ pid }) => pids.has(pid));
  const spared = tasks.filter(({ process }) => process.oomScoreAdj === OOM_SCORE_ADJ_MIN);
  const protectedHung = spared.map(({ comm }) => comm);
  return { diagnosis: truth.diagnosis, hung: tasks.length, protectedHung };
}

type Harmed = Omit<
  RemedyRun,
  | keyof Hanging
  | 'scenario'
  | 'remedy'
  | 'stalling'
  | 'recoveredSeconds'
  | 'longestSeconds'
  | 'cpuSeconds'
  | 'panic'
>;

function harmOf({ harm, oomKills, fs }: Kernel): Harmed {
  const { sigbus, failedAllocs, overdueVictims, chosenAgain, allocStalls } = harm;
  const { throttleLimitMax, lessThrottleHolds } = harm;
  const spared = sigbus.filter(({ oomScoreAdj }) => oomScoreAdj === OOM_SCORE_ADJ_MIN);
  return {
    oomKills,
    sigbusKills: sigbus.length,
    protectedKilled: spared.map(({ comm }) => comm),
    failedAllocs,
    overdueVictims,
    chosenAgain,
    allocStalls,
    throttleLimitMax,
    lessThrottleHolds,
    readOnly: fs.readOnly,
  };
}

/** Microseconds of each task. */
function cpuTimes(k: Kernel): ReadonlyMap<number, number> {
  return new Map([...k.threads()].map(({ pid, stime }) => [pid, stime]));
}

function cpuSince(k: Kernel, before: ReadonlyMap<number, number>): number {
  let us = 0;
  for (const { pid, stime } of k.threads()) us += stime - (before.get(pid) ?? 0);
  return us / US_PER_SECOND;
}
