// The trace of a stall: what seed 002 would have perf record while kmallocwd sees a stalling
// thread. While it is on, the stacks of all CPUs and of every request in flight are sampled, and
// what happens between two samples is marked: requests, OOM kills, waits, kswapd, the log.

import type { Kernel } from '../core/kernel.ts';
import { watchForStalls, type Tracer } from '../core/hooks.ts';
import { stateLetter } from '../kernel/show-task.ts';
import type { Task } from '../kernel/task.ts';
import { gfpNames } from '../mm/gfp.ts';
import { TraceEvents, type ChromeTrace, type TraceEvent } from './chrome-trace.ts';

/**
 * Of the tracks that are none of a task's: above every pid and tid (PID_MAX_LIMIT, 4 Mi), for a
 * viewer that looks for a thread by its tid alone must find no other. The CPUs' come after it.
 */
const MACHINE_PID = 1 << 22;
const MACHINE = { pid: MACHINE_PID, tid: MACHINE_PID };
/** What its own track is of, so that even a trace without a stall has something to show. */
const NO_STALL = 'no stall';
const STALL = 'stall';
const WHOLE_RUN = 'whole run';
const NO_WATCHDOG = 'no watchdog';
/** Samples are in the category of perf's. */
const SAMPLE = 'sample';
const EVENT = 'event';

/** How a run is traced. */
export interface TraceOptions {
  /** Simulated milliseconds between two samples. */
  readonly sampleMs: number;
  /** The most events, but for the ends of slices. */
  readonly eventsMax: number;
  /**
   * In jiffies: a request of that age switches it on. Infinity where nobody watches, undefined for
   * a trace of the whole run.
   */
  readonly timeout: number | undefined;
}

/** What calls of these are marked with. */
const MARKED: Readonly<Record<string, string>> = {
  __alloc_pages_slowpath: 'request',
  oom_kill_process: 'OOM kill',
  balance_pgdat: 'kswapd run',
  try_charge_memcg: 'memcg charge',
};

interface Track {
  readonly pid: number;
  readonly tid: number;
}

/** Records a kernel's run. */
export class StallTrace implements Tracer {
  readonly #kernel: Kernel;
  readonly #options: TraceOptions;
  readonly #events: TraceEvents;
  /** What the last sample found on each track: outermost function first. */
  readonly #stacks = new Map<string, { track: Track; names: readonly string[] }>();
  readonly #named = new Map<string, TraceEvent>();
  #isOn = false;
  #stalls = 0;
  #samples = 0;
  #generation = 0;

  /** Looks on from now on. */
  constructor(k: Kernel, options: TraceOptions) {
    this.#kernel = k;
    this.#options = options;
    this.#events = new TraceEvents(options.eventsMax);
    k.tracer = this;
    this.#nameTrack(MACHINE, { process: 'machine', thread: 'stalls' });
    this.#phase(firstPhase(options.timeout));
    if (options.timeout === undefined) this.#record();
    else {
      watchForStalls(k, options.timeout, {
        onStallBegin: () => this.#begin(),
        onStallEnd: () => this.#end(),
      });
    }
  }

  /** Looks no more. @returns what was seen */
  finish(): ChromeTrace {
    this.#isOn = false;
    this.#events.endAll(this.#now);
    this.#kernel.tracer = undefined;
    const events = this.#events.finish();
    return {
      otherData: {
        stalls: this.#stalls,
        samples: this.#samples,
        sampleMs: this.#options.sampleMs,
        eventsLeftOut: this.#events.dropped,
      },
      traceEvents: [...this.#named.values(), ...events],
    };
  }

  enter(task: Task, name: string, args: readonly unknown[]): void {
    if (!this.#isOn) return;
    const marked = MARKED[name];
    if (marked !== undefined) this.#mark(task, `${marked} begins`, requestArgs(args));
    else if (name === 'schedule' && task.blockedOn !== undefined) {
      const { name: what, kind } = task.blockedOn;
      this.#mark(task, 'wait begins', { what, kind });
    }
  }

  leave(task: Task, name: string): void {
    if (!this.#isOn) return;
    const marked = MARKED[name];
    if (marked !== undefined) this.#mark(task, `${marked} ends`);
    else if (name === 'schedule' && task.blockedOn !== undefined) {
      this.#mark(task, 'wait ends', { what: task.blockedOn.name });
    }
  }

  printk(task: Task, text: string): void {
    if (this.#isOn) this.#mark(task, 'printk', { text });
  }

  #begin(): void {
    this.#stalls++;
    this.#phase(STALL);
    this.#machineMark('stall begins');
    this.#record();
  }

  #end(): void {
    this.#isOn = false;
    this.#machineMark('stall ends');
    this.#phase(NO_STALL);
    for (const { track } of this.#stacks.values()) this.#move(track, []);
  }

  /** Samples from now on. */
  #record(): void {
    this.#isOn = true;
    const generation = ++this.#generation;
    const sample = (): void => {
      if (!this.#isOn || generation !== this.#generation) return;
      this.#sample();
      this.#kernel.sched.at(this.#now + this.#options.sampleMs * 1000, sample);
    };
    sample();
  }

  /** What the time from now on is. */
  #phase(name: string): void {
    this.#events.end({ ...MACHINE, ts: this.#now });
    this.#events.begin({ ...MACHINE, ts: this.#now, name, cat: EVENT });
  }

  get #now(): number {
    return Math.round(this.#kernel.sched.now);
  }

  #sample(): void {
    this.#samples++;
    const seen = new Set<string>();
    for (const { id, task } of this.#kernel.sched.cpus) {
      const track = { pid: MACHINE_PID, tid: MACHINE_PID + 1 + id };
      this.#nameTrack(track, { process: 'machine', thread: `CPU ${id}` });
      seen.add(this.#move(track, task === undefined ? [] : [`${task.comm}(${task.pid})`]));
    }
    const onCpu = new Set(this.#kernel.sched.cpus.map(({ task }) => task));
    for (const task of this.#kernel.threads()) {
      if (task.request.depth === 0 && !onCpu.has(task) && task.blockedOn === undefined) continue;
      seen.add(this.#move(this.#trackOf(task), stackOf(task)));
    }
    for (const [key, { track }] of this.#stacks) if (!seen.has(key)) this.#move(track, []);
    this.#count();
  }

  /** Slices end and begin where the stack is not what it was at the last sample. */
  #move(track: Track, names: readonly string[]): string {
    const key = `${track.pid}/${track.tid}`;
    const before = this.#stacks.get(key)?.names ?? [];
    let same = 0;
    while (same < names.length && names[same] === before[same]) same++;
    const at = { ...track, ts: this.#now };
    for (let i = before.length; i > same; i--) this.#events.end(at);
    for (const name of names.slice(same)) this.#events.begin({ ...at, name, cat: SAMPLE });
    if (names.length === 0) this.#stacks.delete(key);
    else this.#stacks.set(key, { track, names });
    return key;
  }

  #count(): void {
    const { freePages, isolated, nrDirty, nrWriteback } = this.#kernel.node;
    const inFlight = [...this.#kernel.threads()].filter(({ request }) => request.depth > 0).length;
    const counters: Readonly<Record<string, Record<string, number>>> = {
      'free pages': { free: freePages },
      isolated: { anon: isolated.anon, file: isolated.file },
      'dirty and writeback': { dirty: nrDirty, writeback: nrWriteback },
      requests: { 'in flight': inFlight },
    };
    for (const [name, args] of Object.entries(counters)) {
      this.#events.add({ name, ph: 'C', ts: this.#now, ...MACHINE, args });
    }
  }

  #mark(task: Task, name: string, args: TraceEvent['args'] = {}): void {
    const track = this.#trackOf(task);
    this.#events.add({ name, ph: 'i', ts: this.#now, ...track, cat: EVENT, s: 't', args });
  }

  #machineMark(name: string): void {
    const ts = this.#now;
    this.#events.add({ name, ph: 'i', ts, ...MACHINE, cat: EVENT, s: 'g' });
  }

  #trackOf(task: Task): Track {
    const { leader } = task.process;
    const track = { pid: leader.pid, tid: task.pid };
    this.#nameTrack(track, { process: leader.comm, thread: task.comm });
    return track;
  }

  /** Viewers show names where there would be numbers. */
  #nameTrack({ pid, tid }: Track, names: { process: string; thread: string }): void {
    const key = `${pid}/${tid}`;
    if (this.#named.has(key)) return;
    const meta = { ph: 'M', ts: 0, pid, tid } as const;
    this.#named.set(key, { ...meta, name: 'thread_name', args: { name: names.thread } });
    const process = { ...meta, name: 'process_name', args: { name: names.process } };
    if (!this.#named.has(`${pid}`)) this.#named.set(`${pid}`, process);
  }
}

function firstPhase(timeout: number | undefined): string {
  if (timeout === undefined) return WHOLE_RUN;
  return timeout === Infinity ? NO_WATCHDOG : NO_STALL;
}

/** The state comes last, as a leaf: it tells a task that runs from one that sleeps. */
function stackOf(task: Task): string[] {
  return [...task.frames.map(({ name }) => name), `(${stateLetter(task)})`];
}

/** Of a request: its gfp_mask and order, where it has some. */
function requestArgs(args: readonly unknown[]): TraceEvent['args'] {
  for (const arg of args) {
    if (typeof arg !== 'object' || arg === null || !('gfp' in arg)) continue;
    const { gfp } = arg;
    if (typeof gfp !== 'number') continue;
    const order = 'order' in arg && typeof arg.order === 'number' ? { order: arg.order } : {};
    return { gfp: `0x${gfp.toString(16)}(${gfpNames(gfp)})`, ...order };
  }
  return {};
}
