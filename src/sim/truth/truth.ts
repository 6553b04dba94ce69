// What is true about a run, found by running on: who moved after the dump was only waiting, who
// never did was stuck. Why they are stuck is read from the kernel's own state: who waits for whom.
// Nothing here looks at ages, masks or stacks, as a reader of dumps has to. Where some have not
// moved and nobody is known to hold them, the machine runs on further, for they may be only slow.

import type { Kernel } from '../core/kernel.ts';
import { RECEIVE_RING } from '../drivers/e1000.ts';
import { isOverdue } from '../watchdog/memalloc-info.ts';
import type { Diagnosis } from '../scenario.ts';
import type { Task } from '../kernel/task.ts';
import { classify } from './classify.ts';
import { WaitGraph, type Snapshot, type WaitsFor } from './wait-graph.ts';

const US_PER_SECOND = 1_000_000;
/** How much longer a machine runs on at most: so many timeouts, and this where they are short. */
const FURTHER_TIMEOUTS = 10;
const FURTHER_US = 600 * US_PER_SECOND;
/** How often it is looked at then. */
const LOOK_US = US_PER_SECOND;

/** What a run came to. */
export interface Truth {
  /**
   * `panic` where the kernel itself stopped the machine before the dump, which is of that instant;
   * `unknown` where tasks are stuck and nothing is known to hold them.
   */
  readonly diagnosis: Diagnosis | 'panic' | 'unknown';
  /** pids of requests in flight that never finished. */
  readonly stuck: readonly number[];
  /** pids of tasks without a request that slept for one thing since the dump, and never woke. */
  readonly asleep: readonly number[];
  /** pids that were stalling at the dump and moved afterwards. */
  readonly recovered: readonly number[];
  /** The circle of waiting, from its lowest pid; empty where there is none. */
  readonly cycle: readonly WaitsFor[];
  /** Seconds beyond the ten timeouts for which the machine ran on, where those did not tell. */
  readonly furtherSeconds?: number;
}

/** Remembers which requests are in flight. */
export function takeSnapshot(k: Kernel, timeout: number): Snapshot {
  const tasks = [...k.threads()].filter(({ request }) => request.depth > 0);
  const longest = Math.max(0, ...tasks.map(({ request }) => k.jiffies - request.start));
  return {
    time: k.sched.now,
    timeout,
    oldest: k.sched.now - (longest * US_PER_SECOND) / k.options.hz,
    stalling: tasks.filter(({ request }) => isOverdue(request, k.jiffies - timeout)),
    inFlight: new Map(tasks.map((task) => [task, task.request.count])),
    asleep: new Map(
      [...k.threads()].flatMap((task) => {
        const { blockedOn, request } = task;
        return blockedOn === undefined || request.depth > 0 ? [] : [[task, blockedOn] as const];
      }),
    ),
    ran: new Map([...k.threads()].map((task) => [task, { nvcsw: task.nvcsw, stime: task.stime }])),
  };
}

/**
 * Judges, after the machine has run on.
 *
 * @param runTo lets the machine run to a time, in microseconds since boot
 */
export function findTruth(
  k: Kernel,
  snapshot: Snapshot,
  runTo: (us: number) => void = (us) => k.sched.run(us),
): Truth {
  k.dumpTime = snapshot.time;
  const truth = judge(k, snapshot);
  if (!mayGetOn(truth)) return truth;
  const from = k.sched.now;
  const timeoutUs = (snapshot.timeout * US_PER_SECOND) / k.options.hz;
  const end = from + Math.max(FURTHER_US, FURTHER_TIMEOUTS * timeoutUs);
  while (k.sched.now < end && k.panicText === undefined && stuckTasks(snapshot).length > 0) {
    runTo(Math.min(end, k.sched.now + LOOK_US));
  }
  return { ...judge(k, snapshot), furtherSeconds: (k.sched.now - from) / US_PER_SECOND };
}

/** Nobody is known to hold those who have not moved: they may be only slow. */
function mayGetOn({ stuck, diagnosis, cycle }: Truth): boolean {
  if (stuck.length === 0) return false;
  return diagnosis === 'unknown' || (cycle.length === 0 && WITHOUT_CIRCLE.includes(diagnosis));
}

/** What a stall without a circle may be called, once it has not ended by itself. */
const WITHOUT_CIRCLE: readonly Truth['diagnosis'][] = ['D2', 'D10'];

/** Whose request of that time is still in flight. */
function stuckTasks({ inFlight }: Snapshot): Task[] {
  return [...inFlight.keys()].filter((task) => {
    return task.request.depth > 0 && task.request.count === inFlight.get(task);
  });
}

function judge(k: Kernel, snapshot: Snapshot): Truth {
  const { stalling } = snapshot;
  // Nobody can move any more, and that says nothing about who would have.
  if (k.panicText !== undefined)
    return { diagnosis: 'panic', stuck: [], asleep: [], recovered: [], cycle: [] };
  const stuck = stuckTasks(snapshot);
  const recovered = stalling.filter((task) => !stuck.includes(task));
  const asleep = [...snapshot.asleep].flatMap(([task, target]) => {
    const slept = task.blockedOn === target && snapshot.ran.get(task)?.nvcsw === task.nvcsw;
    return slept ? [task] : [];
  });
  // A circle may hold tasks that need no memory; those who do are looked at first.
  // Before both, who waits for memory without a request, and keeps others from freeing any.
  const rings = [...k.threads()].filter(({ blockedOn }) => blockedOn?.kind === RECEIVE_RING);
  const cycle = new WaitGraph(k, snapshot).cycleFrom([...rings, ...stuck, ...asleep]);
  const pids = (tasks: readonly Task[]): number[] => tasks.map(({ pid }) => pid);
  return {
    diagnosis: classify({ kernel: k, stuck, stalling, oldest: snapshot.oldest, cycle }),
    stuck: pids(stuck),
    asleep: pids(asleep),
    recovered: pids(recovered),
    cycle,
  };
}
