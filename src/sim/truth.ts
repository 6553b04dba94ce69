// What is true about a run, found by running on: who moved after the dump was only waiting, who
// never did was stuck. Why they are stuck is read from the kernel's own state: who waits for whom.
// Nothing here looks at ages, masks or stacks, as a reader of dumps has to.

import type { Kernel } from './kernel.ts';
import { isStalling } from './kmallocwd.ts';
import type { Diagnosis } from './scenario.ts';
import { TASK_RUNNING } from './task-bits.ts';
import type { Task } from './task.ts';

/** Who got less than this part of the time since the dump, and never slept, got next to nothing. */
const STARVED_SHARE = 1 / 200;

/** One task waits for another. */
export interface WaitsFor {
  readonly pid: number;
  /** What it waits for: a lock's name, or `memory`. */
  readonly what: string;
  /** Who would have to move. */
  readonly onPid: number;
}

/** What a run came to. */
export interface Truth {
  /** `unknown` where tasks are stuck and nothing is known to hold them. */
  readonly diagnosis: Diagnosis | 'unknown';
  /** pids of requests in flight that never finished. */
  readonly stuck: readonly number[];
  /** pids that were stalling at the dump and moved afterwards. */
  readonly recovered: readonly number[];
  /** The circle of waiting, from its lowest pid; empty where there is none. */
  readonly cycle: readonly WaitsFor[];
}

/** What is remembered of the instant of the dump. */
export interface Snapshot {
  /** Microseconds since boot. */
  readonly time: number;
  readonly stalling: readonly Task[];
  /** The sequence of each request in flight. */
  readonly inFlight: ReadonlyMap<Task, number>;
  readonly ran: ReadonlyMap<Task, { readonly nvcsw: number; readonly stime: number }>;
}

/** Remembers which requests are in flight. */
export function takeSnapshot(k: Kernel, timeout: number): Snapshot {
  const tasks = [...k.threads()].filter(({ memalloc }) => memalloc.valid > 0);
  return {
    time: k.sched.now,
    stalling: tasks.filter(({ memalloc }) => isStalling(memalloc, k.jiffies - timeout)),
    inFlight: new Map(tasks.map((task) => [task, task.memalloc.sequence])),
    ran: new Map([...k.threads()].map((task) => [task, { nvcsw: task.nvcsw, stime: task.stime }])),
  };
}

/** Judges, after the machine has run on. */
export function findTruth(k: Kernel, snapshot: Snapshot): Truth {
  const { stalling, inFlight } = snapshot;
  const isStuck = (task: Task): boolean =>
    task.memalloc.valid > 0 && inFlight.get(task) === task.memalloc.sequence;
  const stuck = [...inFlight.keys()].filter(isStuck);
  const recovered = stalling.filter((task) => !isStuck(task));
  const cycle = new WaitGraph(k, snapshot).cycleFrom(stuck);
  const pids = (tasks: readonly Task[]): number[] => tasks.map(({ pid }) => pid);
  return {
    diagnosis: classify(k, { stuck, stalling, recovered, cycle }),
    stuck: pids(stuck),
    recovered: pids(recovered),
    cycle,
  };
}

const CPU = 'a CPU';
const MEMORY = 'memory';

function classify(
  k: Kernel,
  found: {
    stuck: readonly Task[];
    stalling: readonly Task[];
    recovered: readonly Task[];
    cycle: readonly WaitsFor[];
  },
): Truth['diagnosis'] {
  const { stuck, stalling, cycle } = found;
  if (stuck.length === 0) return stalling.length === 0 ? 'D14' : 'D13';
  // Others got on, and nothing goes round in a circle: it was bad luck, and more time would do.
  if (cycle.length === 0 && found.recovered.length > 0) return 'D13';
  const victims = new Set(victimTasks(k).map(({ pid }) => pid));
  const waits = cycle.map(({ what }) => what);
  if (waits.includes(CPU)) return 'D8';
  if (cycle.some(({ pid, what }) => victims.has(pid) && what !== MEMORY)) return 'D3';
  return waits.includes(MEMORY) && waits.some((what) => what !== MEMORY) ? 'D2' : 'unknown';
}

/** Threads of OOM victims that still have their memory. */
function victimTasks(k: Kernel): Task[] {
  return [...k.threads()].filter(({ isOomVictim, mm }) => isOomVictim && mm !== undefined);
}

/** Who waits for whom, at the end of the run. */
class WaitGraph {
  readonly #kernel: Kernel;
  readonly #snapshot: Snapshot;
  readonly #byPid: ReadonlyMap<number, Task>;

  constructor(kernel: Kernel, snapshot: Snapshot) {
    this.#kernel = kernel;
    this.#snapshot = snapshot;
    this.#byPid = new Map([...kernel.threads()].map((task) => [task.pid, task]));
  }

  cycleFrom(tasks: readonly Task[]): WaitsFor[] {
    for (const task of tasks) {
      const path = this.#walk([], task);
      if (path !== undefined) return fromLowest(path);
    }
    return [];
  }

  /** Follows the waits depth first, until a task is met again. */
  #walk(path: readonly WaitsFor[], task: Task): WaitsFor[] | undefined {
    const met = path.findIndex(({ pid }) => pid === task.pid);
    if (met >= 0) return path.slice(met);
    const [what, others] = this.#waitsOf(task);
    for (const other of others) {
      const next = this.#byPid.get(other.pid);
      if (next === undefined) continue;
      const found = this.#walk([...path, { pid: task.pid, what, onPid: other.pid }], next);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** What a task waits for, and who could end its wait. */
  #waitsOf(task: Task): Wait {
    const { blockedOn } = task;
    if (blockedOn !== undefined) {
      return [blockedOn.name, blockedOn.owner === undefined ? [] : [blockedOn.owner]];
    }
    if (this.#isStarved(task)) {
      return [CPU, this.#kernel.sched.cpus.flatMap((cpu) => cpu.task ?? [])];
    }
    return task.memalloc.valid === 0 ? ['', []] : this.#whoHasMemory(task);
  }

  /** Whoever would have to move before this request can be served. */
  #whoHasMemory(task: Task): Wait {
    const victims = victimTasks(this.#kernel);
    if (victims.length > 0) return [MEMORY, victims];
    const { owner } = this.#kernel.oomLock;
    if (owner !== undefined && owner !== task) return ['oom_lock', [owner]];
    // Nobody is killed: then reclaim is what gives memory, and its threads do not.
    const tasks = [...this.#kernel.threads()];
    return [MEMORY, tasks.filter((other) => other.isKthread && other.blockedOn !== undefined)];
  }

  /** It never slept, and still did not run. */
  #isStarved(task: Task): boolean {
    const then = this.#snapshot.ran.get(task);
    if (then?.nvcsw !== task.nvcsw || task.state !== TASK_RUNNING) return false;
    const elapsed = this.#kernel.sched.now - this.#snapshot.time;
    return task.stime - then.stime < elapsed * STARVED_SHARE;
  }
}

/** What is waited for, and who could give it. */
type Wait = readonly [what: string, tasks: readonly Task[]];

function fromLowest(cycle: readonly WaitsFor[]): WaitsFor[] {
  const lowest = Math.min(...cycle.map(({ pid }) => pid));
  const at = cycle.findIndex(({ pid }) => pid === lowest);
  return [...cycle.slice(at), ...cycle.slice(0, at)];
}
