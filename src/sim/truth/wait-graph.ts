// Who waits for whom in the simulated machine, read from the kernel's own state: the locks and
// pools that tasks sleep for, and for whoever waits for memory those who would have to give it.

import type { Kernel } from '../core/kernel.ts';
import { MMF_OOM_SKIP, TASK_RUNNING } from '../kernel/task-bits.ts';
import { WAITS_FOR_MEMORY, type WaitTarget } from '../locking/wait-target.ts';
import type { Task } from '../kernel/task.ts';
import { mayUseOomReserves } from '../mm/alloc-flags.ts';
import { __GFP_NOFAIL } from '../mm/gfp.ts';
import { isWaitedFor } from '../mm/oom-kill.ts';
import { mayHaveSomebodyKilled } from '../mm/slowpath.ts';
import { isKswapd } from '../mm/throttle.ts';
import { COUNTERS, whoHoldsCounters } from '../mm/vmstat.ts';

const US_PER_SECOND = 1_000_000;

/** Who got less than this part of the time since the dump, and never slept, got next to nothing. */
const STARVED_SHARE = 1 / 200;

/** What waits for others at work in vain has waited for this part of the time since the dump. */
const ENDLESS_SHARE = 1 / 2;

/** What is waited for where it is no lock. */
export const CPU = 'a CPU';
export const MEMORY = 'memory';
export const CONSOLE = 'the console';

/** Kinds of waits that reclaim itself has: for pages off the lists, for reserves to come back. */
export const ISOLATED = 'NR_ISOLATED';
export const RESERVES = 'pfmemalloc_wait';

/** One task waits for another. */
export interface WaitsFor {
  readonly pid: number;
  /** What it waits for: a lock's name, or `memory`. */
  readonly what: string;
  /** Of {@link WaitTarget}; `cpu` besides. */
  readonly kind: string;
  /** Who would have to move. */
  readonly onPid: number;
}

/** What is remembered of the instant of the dump. */
export interface Snapshot {
  /** Microseconds since boot. */
  readonly time: number;
  /** After how many jiffies a request was stalling. */
  readonly timeout: number;
  /** When the oldest request in flight began; the time itself where none is. */
  readonly oldest: number;
  readonly stalling: readonly Task[];
  /** Which of its requests each task has in flight. */
  readonly inFlight: ReadonlyMap<Task, number>;
  /** What each task slept for that had no request in flight. */
  readonly asleep: ReadonlyMap<Task, WaitTarget>;
  readonly ran: ReadonlyMap<Task, { readonly nvcsw: number; readonly stime: number }>;
}

/** Threads of OOM victims whose memory the OOM killer still waits for. */
export function victimTasks(k: Kernel): Task[] {
  return [...k.threads()].filter(({ isOomVictim, mm }) => {
    return isOomVictim && mm !== undefined && (mm.flags & MMF_OOM_SKIP) === 0;
  });
}

/** Exiting threads that the OOM killer waits for, in kernels where it does. */
export function awaitedExits(k: Kernel): Task[] {
  const processes = k.processes.filter((process) => isWaitedFor(k, process));
  return processes.flatMap(({ threads }) => {
    return threads.filter(({ isExiting, mm }) => isExiting && mm !== undefined);
  });
}

/** Who waits for whom, at the end of the run. */
export class WaitGraph {
  readonly #kernel: Kernel;
  readonly #snapshot: Snapshot;
  readonly #byPid: ReadonlyMap<number, Task>;

  constructor(kernel: Kernel, snapshot: Snapshot) {
    this.#kernel = kernel;
    this.#snapshot = snapshot;
    this.#byPid = new Map([...kernel.threads()].map((task) => [task.pid, task]));
  }

  cycleFrom(tasks: readonly Task[]): WaitsFor[] {
    const done = new Set<Task>();
    for (const task of tasks) {
      const path = this.#walk(task, { path: [], done });
      if (path !== undefined) return fromLowest(path);
    }
    return [];
  }

  /**
   * Follows the waits depth first, until a task is met again. From a task that is done no circle
   * was found, and there is none by another way to it either: each wait is followed once.
   */
  #walk(task: Task, { path, done }: { path: WaitsFor[]; done: Set<Task> }): WaitsFor[] | undefined {
    const met = path.findIndex(({ pid }) => pid === task.pid);
    if (met >= 0) return path.slice(met);
    if (done.has(task)) return undefined;
    const { what, kind, others } = this.#waitsOf(task);
    for (const other of others) {
      const next = this.#byPid.get(other.pid);
      if (next === undefined) continue;
      path.push({ pid: task.pid, what, kind, onPid: other.pid });
      const found = this.#walk(next, { path, done });
      if (found !== undefined) return found;
      path.pop();
    }
    done.add(task);
    return undefined;
  }

  /** What a task waits for, and who could end its wait. */
  #waitsOf(task: Task): Wait {
    const { blockedOn } = task;
    // Its requests fail, and it asks again.
    if (blockedOn?.kind === WAITS_FOR_MEMORY) return this.#whoHasMemory(task);
    // Whoever waits for the reserves has a request, which all that gives memory would serve.
    if (blockedOn?.kind === RESERVES && task.request.depth > 0) {
      const wait = this.#whoHasMemory(task);
      return { ...wait, others: [...wait.others, ...blockedOn.holders()] };
    }
    if (this.#isPausing(task) && task.request.depth > 0) return this.#whoHasMemory(task);
    if (blockedOn?.kind === ISOLATED) return this.#whoHasIsolated(task, blockedOn);
    if (blockedOn !== undefined) {
      return { what: blockedOn.name, kind: blockedOn.kind, others: blockedOn.holders() };
    }
    if (this.#isStarved(task)) {
      const others = this.#kernel.sched.cpus.flatMap((cpu) => cpu.task ?? []);
      return { what: CPU, kind: 'cpu', others };
    }
    // It prints what others add to the log, and has no end of it before they have.
    if (this.#hasPrintedAllTheTime(task)) return { what: CONSOLE, kind: 'console', others: [task] };
    if (isKswapd(task)) return this.#whoWrites();
    if (task.request.depth === 0) return { what: '', kind: '', others: [] };
    return this.#whoHasMemory(task);
  }

  /**
   * Whoever has pages off the lists and cannot give them back, for he sleeps or is stuck himself.
   * Where those who have some get on, there are always others who take some: then the task waits
   * for its turn, which nobody keeps from it but the rule.
   */
  #whoHasIsolated(task: Task, target: WaitTarget): Wait {
    const { name: what, kind } = target;
    const stuck = target.holders().filter((other) => !this.#getsOn(other));
    const asleep = stuck.filter(({ blockedOn }) => blockedOn !== undefined);
    const others = [asleep, stuck, [task]].find(({ length }) => length > 0) ?? [];
    return { what, kind, others };
  }

  /** Reclaim goes round and round, and what it meets is being written. */
  #whoWrites(): Wait {
    const devices = new Set(this.#kernel.writeback.inFlight.values());
    const others = [...devices].flatMap((device) => device.workers());
    return { what: 'writeback', kind: 'PG_writeback', others };
  }

  /** Whoever would have to move before this request can be served. */
  #whoHasMemory(task: Task): Wait {
    const memory = { what: MEMORY, kind: WAITS_FOR_MEMORY };
    if (this.#failsByItself(task)) return { ...memory, others: [] };
    const victims = victimTasks(this.#kernel);
    if (victims.length > 0) return { ...memory, others: victims };
    const exiting = awaitedExits(this.#kernel);
    if (exiting.length > 0) return { ...memory, others: exiting };
    const { owner } = this.#kernel.oomLock;
    if (owner !== undefined && owner !== task) {
      return { what: 'oom_lock', kind: 'mutex', others: [owner] };
    }
    if (!mayKill(this.#kernel, task))
      return { ...memory, others: [...this.#killers(), ...this.#reclaimers(task)] };
    const inTheWay = whoHoldsCounters(this.#kernel);
    if (inTheWay.length > 0) return { what: COUNTERS, kind: 'work', others: inTheWay };
    // Nobody is killed: then reclaim is what gives memory, and its threads do not.
    return { ...memory, others: this.#reclaimers(task) };
  }

  /**
   * A victim's request comes to an end without anybody's help, however slow reclaim is until then.
   * Not so where reclaim tells a task that is to die of progress that there was none of, time and
   * again (see waitForIsolated()): it has asked for long enough to show that.
   */
  #failsByItself(task: Task): boolean {
    return mayFailAsVictim(this.#kernel, task) && this.#asksSinceShortly(task);
  }

  /** It is not in the request that it was in at the dump, nor in another for long. */
  #getsOn(task: Task): boolean {
    const { depth, count } = task.request;
    if (depth === 0) return task.blockedOn === undefined && !this.#isStarved(task);
    return this.#snapshot.inFlight.get(task) !== count && this.#asksSinceShortly(task);
  }

  /** For less than most of the time since the dump. */
  #asksSinceShortly({ request }: Task): boolean {
    const { options, jiffies, sched } = this.#kernel;
    const asked = (jiffies - request.start) / options.hz;
    const elapsed = (sched.now - this.#snapshot.time) / US_PER_SECOND;
    return asked < elapsed * ENDLESS_SHARE;
  }

  /** Requests that may have somebody killed: first those that nothing but memory holds up. */
  #killers(): Task[] {
    const killers = [...this.#kernel.threads()].filter(
      (task) => task.request.depth > 0 && !this.#getsOn(task) && mayKill(this.#kernel, task),
    );
    const isFree = (task: Task): boolean => task.blockedOn === undefined && !this.#isStarved(task);
    return [...killers.filter(isFree), ...killers.filter((task) => !isFree(task))];
  }

  /** Threads of reclaim, and who reclaims and waits for others: they would free memory or kill. */
  #reclaimers(task: Task): Task[] {
    const tasks = [...this.#kernel.threads()].filter((other) => !this.#isPausing(other));
    // A pool whose manager waits for another worker has rescuers for all that frees memory.
    const threads = tasks.filter((other) => {
      return other.isKthread && other.blockedOn !== undefined && !isForking(other);
    });
    const throttled = tasks.filter(({ blockedOn }) => isReclaimWait(blockedOn));
    // Who sleeps in the same queue comes no further than the task itself.
    const isElsewhere = ({ blockedOn }: Task): boolean => blockedOn?.kind !== task.blockedOn?.kind;
    return [...throttled.filter(isElsewhere), ...threads];
  }

  /**
   * It waits for isolated pages and has not for long: the loop lets it pass time and again, and
   * what it wants is memory. Where the loop holds it, it has been there since the dump.
   */
  #isPausing({ blockedOn }: Task): boolean {
    if (blockedOn?.kind !== ISOLATED || blockedOn.since === undefined) return false;
    const { now } = this.#kernel.sched;
    return now - blockedOn.since < (now - this.#snapshot.time) * ENDLESS_SHARE;
  }

  /** Since the dump it has done nothing but print. */
  #hasPrintedAllTheTime(task: Task): boolean {
    const { slowConsole, sched } = this.#kernel;
    const since = slowConsole.printsSince(task, sched.now);
    return since !== undefined && since <= this.#snapshot.time;
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
interface Wait {
  readonly what: string;
  readonly kind: string;
  readonly others: readonly Task[];
}

/** Whether somebody is killed for its request, which this kernel's slow path itself is asked. */
export function mayKill(k: Kernel, { request }: Task): boolean {
  const { gfp = 0, order } = request;
  return mayHaveSomebodyKilled(k, { gfp, order });
}

/** A victim's request fails when reclaim and the reserves have nothing, unless it must not. */
function mayFailAsVictim({ options }: Kernel, task: Task): boolean {
  if (((task.request.gfp ?? 0) & __GFP_NOFAIL) !== 0) return false;
  return mayUseOomReserves({ current: task, options });
}

/** Waits for kthreadd to make a thread. */
function isForking({ blockedOn }: Task): boolean {
  return blockedOn?.name === 'kthread_create_info.done';
}

/** Waits of reclaim itself; see mm/throttle.ts. */
function isReclaimWait(target: WaitTarget | undefined): boolean {
  return target?.kind === ISOLATED || target?.kind === RESERVES;
}

function fromLowest(cycle: readonly WaitsFor[]): WaitsFor[] {
  const lowest = Math.min(...cycle.map(({ pid }) => pid));
  const at = cycle.findIndex(({ pid }) => pid === lowest);
  return [...cycle.slice(at), ...cycle.slice(0, at)];
}
