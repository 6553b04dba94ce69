// The scheduler: who runs on which CPU, and the virtual time that passes meanwhile. Time is counted
// in microseconds between jiffies; the order of what happens at one instant is the order in which
// it was asked for, so that one seed is one run.
//
// Tasks are chosen as CFS chooses them: least weighted CPU time first, SCHED_IDLE with next to no
// weight, real-time tasks before all. The kernel is one with voluntary preemption: a task in the
// kernel loses the CPU at cond_resched() and on its way back to user mode, nowhere else.

import { assert } from '../../util/assert.ts';
import { call, resume, type Code, type SchedulerRequest } from '../core/code.ts';
import { EventQueue, type SimEvent } from '../core/event-queue.ts';
import type { Kernel } from '../core/kernel.ts';
import { RunQueue } from './run-queue.ts';
import { SCHED_FIFO, SCHED_IDLE, TASK_DEAD, TASK_RUNNING } from './task-bits.ts';
import type { Task } from './task.ts';
import { wq_worker_running, wq_worker_sleeping, type Worker } from './worker-pool.ts';

/** What a context switch takes, in microseconds. */
const SWITCH_US = 2;
/** sysctl_sched_min_granularity */
const SLICE_US = 3_000;
/** How far behind the others a sleeper may be when it wakes: half of sched_latency. */
const SLEEPER_CREDIT_US = 3_000;
/** Below this, time that was spent is not worth a step of its own. */
const DEBT_STEP_US = 1_000;

const WEIGHT_NICE_0 = 1024;
/** WEIGHT_IDLEPRIO */
const WEIGHT_IDLE = 3;
/** A real-time task runs before every other one. */
const RT_KEY = -1e15;

interface Cpu {
  readonly id: number;
  /** Undefined while its idle task runs. */
  task: Task | undefined;
  /** It is on its way from one task to the next. */
  switching: boolean;
  /** When `task` got the CPU. */
  since: number;
}

/** CPUs, run queue and clock. */
export class Scheduler {
  /** Microseconds since boot. */
  now = 0;
  #isStopped = false;
  readonly cpus: readonly Cpu[];
  #current: Task | undefined;
  #minVruntime = 0;
  readonly #events = new EventQueue();
  readonly #runnable = new RunQueue();

  constructor(cpuCount: number) {
    this.cpus = Array.from({ length: cpuCount }, (_, id) => ({
      id,
      task: undefined,
      switching: false,
      since: 0,
    }));
  }

  /** The task whose code runs this very moment. */
  get current(): Task {
    assert(this.#current !== undefined, 'no task runs');
    return this.#current;
  }

  /** smp_processor_id(); what interrupts do is done on the first CPU. */
  get processorId(): number {
    return this.#current?.cpu ?? 0;
  }

  /** Calls `action` at that time. */
  at(time: number, action: () => void): SimEvent {
    return this.#events.add(Math.max(time, this.now), action);
  }

  /** Adds a new task to the run queue. */
  start(task: Task): void {
    task.startTime = this.now;
    task.vruntime = this.#minVruntime;
    this.#enqueue(task);
  }

  /** try_to_wake_up() @returns whether it slept */
  wake(task: Task, states = -1): boolean {
    if (task.state === TASK_RUNNING || task.state === TASK_DEAD) return false;
    if ((task.state & states) === 0) return false;
    task.state = TASK_RUNNING;
    // A task that has not left its CPU yet finds its new state when it calls schedule().
    if (this.#cpuOf(task) !== undefined) return true;
    task.vruntime = Math.max(task.vruntime, this.#minVruntime - SLEEPER_CREDIT_US);
    this.#enqueue(task);
    return true;
  }

  /** need_resched() of the current task. */
  get needsResched(): boolean {
    const { current } = this;
    const next = this.#runnable.first(current.cpu);
    if (next === undefined) return false;
    const ran = this.now + current.debt - (this.#cpuOf(current)?.since ?? this.now);
    if (key(next) < RT_KEY / 2) return key(current) > key(next);
    return ran >= SLICE_US || next.vruntime + SLICE_US < current.vruntime;
  }

  /** Nothing runs any more, and time stands still. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Lets the machine run until `time`. */
  run(time: number): void {
    while (!this.#isStopped) {
      this.#fillIdleCpus();
      const event = this.#events.takeUntil(time);
      if (event === undefined) break;
      this.now = event.key;
      event.action();
    }
    if (!this.#isStopped) this.now = time;
  }

  #fillIdleCpus(): void {
    for (;;) {
      const idle = this.#idleCpus();
      const next = this.#runnable.takeFirst(idle);
      if (next === undefined) return;
      const wanted = next.pinnedCpu ?? next.cpu;
      const cpu = this.cpus[idle.includes(wanted) ? wanted : idle[0]!]!;
      cpu.task = next;
      cpu.since = this.now;
      next.cpu = cpu.id;
      next.lastArrival = this.now;
      this.#step(cpu, next);
    }
  }

  #idleCpus(): readonly number[] {
    let idle = NO_CPUS;
    for (const { id, task, switching } of this.cpus) {
      if (task !== undefined || switching) continue;
      if (idle === NO_CPUS) idle = [];
      idle.push(id);
    }
    return idle;
  }

  #step(cpu: Cpu, task: Task): void {
    this.#current = task;
    const request = resume(task);
    this.#current = undefined;
    this.#grant(cpu, task, request);
  }

  #grant(cpu: Cpu, task: Task, request: SchedulerRequest): void {
    if (request.kind === 'run') {
      this.#charge(task, request.us);
      this.at(this.now + request.us, () => this.#step(cpu, task));
      return;
    }
    const us = task.debt + SWITCH_US;
    task.debt = 0;
    this.#charge(task, us);
    cpu.switching = true;
    this.at(this.now + us, () => this.#leave(cpu, task, request.preempted));
  }

  #leave(cpu: Cpu, task: Task, preempted: boolean): void {
    cpu.task = undefined;
    cpu.switching = false;
    task.lastRan = this.now;
    const sleeps = task.state !== TASK_RUNNING && !preempted;
    if (sleeps) task.nvcsw++;
    else task.nivcsw++;
    if (!sleeps) this.#enqueue(task);
  }

  #charge(task: Task, us: number): void {
    task.stime += us;
    task.vruntime += (us * WEIGHT_NICE_0) / weight(task);
    const least = Math.min(task.vruntime, this.#runnable.leastKey ?? Infinity);
    this.#minVruntime = Math.max(this.#minVruntime, least);
  }

  #enqueue(task: Task): void {
    task.lastQueued = this.now;
    this.#runnable.add(task, key(task));
  }

  /** Where it runs right now; undefined where it does not. */
  #cpuOf(task: Task): Cpu | undefined {
    const cpu = this.cpus[task.cpu];
    return cpu?.task === task ? cpu : undefined;
  }
}

const NO_CPUS: number[] = [];

function key(task: Task): number {
  return task.policy === SCHED_FIFO ? RT_KEY - task.rtPriority : task.vruntime;
}

/** sched_prio_to_weight: each nice level is worth a quarter. */
function weight({ policy, nice }: Task): number {
  if (policy === SCHED_IDLE) return WEIGHT_IDLE;
  return nice === 0 ? WEIGHT_NICE_0 : WEIGHT_NICE_0 / 1.25 ** nice;
}

const VOLUNTARY: SchedulerRequest = { kind: 'switch', preempted: false };
const PREEMPTED: SchedulerRequest = { kind: 'switch', preempted: true };

/** Leaves the CPU; the task's state says whether it sleeps. */
export function schedule(k: Kernel): Code {
  const { worker } = k.current;
  return worker === undefined ? call(k, __schedule, VOLUNTARY) : scheduleWorker(k, worker);
}

/** The pool of a worker that sleeps wakes another one. */
function* scheduleWorker(k: Kernel, worker: Worker): Code {
  if (k.current.state !== TASK_RUNNING) wq_worker_sleeping(k, worker);
  yield* call(k, __schedule, VOLUNTARY);
  wq_worker_running(worker);
}

function* __schedule(_k: Kernel, request: SchedulerRequest): Code {
  yield request;
}

/** Gives way to others where they have waited long enough. */
export function* cond_resched(k: Kernel): Code {
  if (k.current.debt >= DEBT_STEP_US) yield* passTime(k);
  if (k.sched.needsResched) yield* call(k, __cond_resched);
}

function __cond_resched(k: Kernel): Code {
  return call(k, preempt_schedule_common);
}

function preempt_schedule_common(k: Kernel): Code {
  return call(k, __schedule, PREEMPTED);
}

/** Lets the time pass that the code has spent. */
export function* passTime(k: Kernel): Code {
  const { current: task, slowConsole, sched } = k;
  // While it prints others may leave it more to print.
  for (;;) {
    const us = slowConsole.stepOf(task, sched.now);
    if (us === 0) return;
    task.debt -= us;
    yield { kind: 'run', us };
  }
}
