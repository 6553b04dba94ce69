// What is true about a run, found by running on: who moved after the dump was only waiting, who
// never did was stuck. Why they are stuck is read from the kernel's own state: who waits for whom.
// Nothing here looks at ages, masks or stacks, as a reader of dumps has to.

import type { Kernel } from '../core/kernel.ts';
import { RECEIVE_RING } from '../drivers/e1000.ts';
import { isOverdue } from '../watchdog/memalloc-info.ts';
import type { Diagnosis } from '../scenario.ts';
import type { Task } from '../kernel/task.ts';
import { classify } from './classify.ts';
import { WaitGraph, type Snapshot, type WaitsFor } from './wait-graph.ts';

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
}

/** Remembers which requests are in flight. */
export function takeSnapshot(k: Kernel, timeout: number): Snapshot {
  k.dumpTime = k.sched.now;
  const tasks = [...k.threads()].filter(({ request }) => request.depth > 0);
  return {
    time: k.sched.now,
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

/** Judges, after the machine has run on. */
export function findTruth(k: Kernel, snapshot: Snapshot): Truth {
  const { stalling, inFlight } = snapshot;
  // Nobody can move any more, and that says nothing about who would have.
  if (k.panicText !== undefined)
    return { diagnosis: 'panic', stuck: [], asleep: [], recovered: [], cycle: [] };
  const isStuck = (task: Task): boolean =>
    task.request.depth > 0 && inFlight.get(task) === task.request.count;
  const stuck = [...inFlight.keys()].filter(isStuck);
  const recovered = stalling.filter((task) => !isStuck(task));
  const finished = [...inFlight.keys()].filter((task) => !isStuck(task));
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
    diagnosis: classify({ kernel: k, stuck, stalling, finished, cycle }),
    stuck: pids(stuck),
    asleep: pids(asleep),
    recovered: pids(recovered),
    cycle,
  };
}
