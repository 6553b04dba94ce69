// What is true about a run, found by running on: who moved after the dump was only waiting, who
// never did was stuck. Why they are stuck is read from the kernel's own state: who waits for whom.
// Nothing here looks at ages, masks or stacks, as a reader of dumps has to.

import type { Kernel } from './kernel.ts';
import { isStalling } from './kmallocwd.ts';
import type { Diagnosis } from './scenario.ts';
import type { Task } from './task.ts';

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
  readonly diagnosis: Diagnosis;
  /** pids of requests in flight that never finished. */
  readonly stuck: readonly number[];
  /** pids that were stalling at the dump and moved afterwards. */
  readonly recovered: readonly number[];
  /** The circle of waiting, from its lowest pid; empty where there is none. */
  readonly cycle: readonly WaitsFor[];
}

/** What is remembered of the instant of the dump. */
export interface Snapshot {
  readonly stalling: readonly Task[];
  readonly inFlight: ReadonlyMap<Task, number>;
}

/** Remembers which requests are in flight. */
export function takeSnapshot(k: Kernel, timeout: number): Snapshot {
  const tasks = [...k.threads()].filter(({ memalloc }) => memalloc.valid > 0);
  return {
    stalling: tasks.filter(({ memalloc }) => isStalling(memalloc, k.jiffies - timeout)),
    inFlight: new Map(tasks.map((task) => [task, task.memalloc.sequence])),
  };
}

/** Judges, after the machine has run on. */
export function findTruth(k: Kernel, { stalling, inFlight }: Snapshot): Truth {
  const isStuck = (task: Task): boolean =>
    task.memalloc.valid > 0 && inFlight.get(task) === task.memalloc.sequence;
  const stuck = [...inFlight.keys()].filter(isStuck);
  const recovered = stalling.filter((task) => !isStuck(task));
  const cycle = findCycle(k, stuck);
  const pids = (tasks: readonly Task[]): number[] => tasks.map(({ pid }) => pid);
  return {
    diagnosis: classify(k, { stuck, stalling, cycle }),
    stuck: pids(stuck),
    recovered: pids(recovered),
    cycle,
  };
}

function classify(
  k: Kernel,
  found: { stuck: readonly Task[]; stalling: readonly Task[]; cycle: readonly WaitsFor[] },
): Diagnosis {
  if (found.stuck.length === 0) return found.stalling.length === 0 ? 'D14' : 'D13';
  const victims = new Set(victimTasks(k).map(({ pid }) => pid));
  const isVictimsLock = found.cycle.some(({ pid, what }) => victims.has(pid) && what !== 'memory');
  return isVictimsLock ? 'D3' : 'D13';
}

/** Threads of OOM victims that still have their memory. */
function victimTasks(k: Kernel): Task[] {
  return [...k.threads()].filter(({ isOomVictim, mm }) => isOomVictim && mm !== undefined);
}

/** Who could end the wait of a task. */
function waitsOf(k: Kernel, task: Task): WaitsFor[] {
  const { pid, blockedOn, memalloc } = task;
  if (blockedOn !== undefined) {
    const { owner, name } = blockedOn;
    return owner === undefined ? [] : [{ pid, what: name, onPid: owner.pid }];
  }
  if (memalloc.valid === 0) return [];
  return victimTasks(k).map((victim) => ({ pid, what: 'memory', onPid: victim.pid }));
}

function findCycle(k: Kernel, from: readonly Task[]): WaitsFor[] {
  const byPid = new Map([...k.threads()].map((task) => [task.pid, task]));
  for (const start of from) {
    const path = walk(k, { byPid, path: [], task: start });
    if (path !== undefined) return fromLowest(path);
  }
  return [];
}

/** Follows the waits depth first, until a task is met again. */
function walk(
  k: Kernel,
  at: { byPid: ReadonlyMap<number, Task>; path: readonly WaitsFor[]; task: Task },
): WaitsFor[] | undefined {
  const met = at.path.findIndex(({ pid }) => pid === at.task.pid);
  if (met >= 0) return at.path.slice(met);
  for (const wait of waitsOf(k, at.task)) {
    const next = at.byPid.get(wait.onPid);
    if (next === undefined) continue;
    const found = walk(k, { ...at, path: [...at.path, wait], task: next });
    if (found !== undefined) return found;
  }
  return undefined;
}

function fromLowest(cycle: readonly WaitsFor[]): WaitsFor[] {
  const lowest = Math.min(...cycle.map(({ pid }) => pid));
  const at = cycle.findIndex(({ pid }) => pid === lowest);
  return [...cycle.slice(at), ...cycle.slice(0, at)];
}
