// The truth about a run, next to its vmcore: what every task is, holds and waits for, what
// kmallocwd would print at that instant, and what became of it all. The simulation works it out
// from its own state; no reader of dumps has a part in it.

import {
  ledgerPools,
  ledgerRescuers,
  type LedgerPool,
  type LedgerRescuer,
} from './facts-workqueues.ts';
import type { LockFacts } from './image/machine-facts.ts';
import type { MachineImage } from './image/machine.ts';
import type { PlacedProcess, PlacedThread } from './image/tasks.ts';
import type { Kernel } from './core/kernel.ts';
import { FEATURES_DEFAULT, type KernelOptions, type Remedies } from './core/options.ts';
import { remediesOf } from './remedies/remedy.ts';
import { optional } from '../util/optional.ts';
import { shared } from '../util/shared.ts';
import type { PatchName } from './watchdog/patch-version.ts';
import { ledgerRecord, type LedgerRecord } from './watchdog/ledger-record.ts';
import { lookAt, stallReport, type StallCounts } from './watchdog/stall-report.ts';
import type { Diagnosis, Features, Knobs, Scenario } from './scenario.ts';
import { lackedFeatures } from './needs.ts';
import { stateLetter } from './kernel/show-task.ts';
import { fatal_signal_pending, type Task } from './kernel/task.ts';
import { SIGKILL, TASK_UNINTERRUPTIBLE } from './kernel/task-bits.ts';
import type { Truth } from './truth/truth.ts';

/** What the patch waits for where nobody says otherwise. */
export const TIMEOUT_SECONDS_DEFAULT = 10;

/** One lock. */
export interface LedgerLock {
  readonly name: string;
  /** The kernel's struct. */
  readonly kind: LockFacts['kind'];
  readonly address: string;
  /** Of a mutex, and the writer of an rw_semaphore. */
  readonly ownerPid?: number | undefined;
  /** Of an rw_semaphore. */
  readonly readerPids?: readonly number[];
  /** Who has taken a semaphore; that is nowhere in memory. */
  readonly takerPids?: readonly number[];
  /** `count` of rw_semaphore and semaphore, in hex. */
  readonly count?: string;
  /** In the order of the wait list. */
  readonly waiterPids: readonly number[];
}

/** One mempool. */
export interface LedgerMempool {
  readonly name: string;
  readonly address: string;
  /** Elements of a full reserve, and those that are in it. */
  readonly minNr: number;
  readonly currNr: number;
  /** Who sleeps until an element comes back, the first that came first. */
  readonly waiterPids: readonly number[];
}

/** One task. Addresses are `0x…`. */
export interface LedgerTask {
  readonly address: string;
  readonly pid: number;
  readonly tgid: number;
  readonly ppid: number;
  readonly comm: string;
  readonly commHex: string;
  readonly state: string;
  readonly stateBits: number;
  readonly exitState: number;
  readonly flags: number;
  readonly cpu: number;
  readonly onCpu: boolean;
  readonly prio: number;
  readonly nvcsw: number;
  readonly nivcsw: number;
  readonly stack: string;
  readonly mm: string;
  readonly oomScoreAdj: number;
  readonly sigkillPending: boolean;
  readonly oomVictim: boolean;
  readonly words: { uninterruptible: boolean; exiting: boolean; dying: boolean; victim: boolean };
  /** Absent where the kernel keeps none of this task. */
  readonly record?: LedgerRecord;
  /** Functions that have not returned, innermost first. */
  readonly functions: readonly string[];
  readonly holds: readonly string[];
  readonly waitsFor: string | undefined;
}

/** What a run is meant to come to. */
export interface Expected {
  /** What the scenario is for; not to come about where the kernel lacks something. */
  readonly diagnosis: Diagnosis;
  /** Features that the scenario needs, and that this kernel does not have as needed. */
  readonly lacks: readonly string[];
}

/** The whole file. */
export interface Ledger {
  readonly scenario: string;
  readonly seed: number;
  readonly knobs: Knobs & { readonly kmallocwd: number };
  /** The version of the kmallocwd patch. */
  readonly patch: PatchName;
  /** What the seed drew besides, where it draws more than a scenario's programs do. */
  readonly parameters?: Scenario['parameters'];
  readonly features: Features;
  /** What was tried against the stall; absent for a kernel as it was released. */
  readonly remedies?: Partial<Remedies>;
  /** Absent where the seed decides what the run comes to. */
  readonly expected?: Expected;
  readonly kernel: Readonly<Record<string, string | number>>;
  readonly jiffies: string;
  readonly hz: number;
  readonly timeoutSeconds: number;
  /**
   * What `truth` is by, and how old a request must have been at the dump to be among those that
   * recovered: a tenth of what the machine ran on for. Absent where it is `timeoutSeconds`.
   */
  readonly judgedBySeconds?: number;
  readonly truth: Truth;
  /** What the kernel said when it stopped the machine, at the instant of the dump. */
  readonly panic?: string;
  /** What kmallocwd would have printed at the instant of the dump, without time stamps. */
  readonly lines: readonly string[];
  readonly counts: StallCounts;
  /** No request was as old as the timeout: it would have printed nothing, not even `lines`. */
  readonly silent: boolean;
  /** What it did print until then. */
  readonly logLines: readonly string[];
  readonly memory: Readonly<Record<string, number>>;
  readonly locks: readonly LedgerLock[];
  /** In the order of their making. */
  readonly mempools: readonly LedgerMempool[];
  /** Worker pools by id: what kworkers execute, and what waits for one. */
  readonly pools: readonly LedgerPool[];
  /** Threads that help where no worker can be made. */
  readonly rescuers: readonly LedgerRescuer[];
  /** In the order of for_each_process_thread(). */
  readonly tasks: readonly LedgerTask[];
}

/** A run at the instant of its dump. */
export interface RunAtDump {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly knobs: Knobs & { readonly kmallocwd: number };
  readonly kernel: Kernel;
  readonly image: MachineImage;
}

/** Writes everything down but what only the future tells. */
export function ledgerAtDump(run: RunAtDump): Omit<Ledger, 'truth'> {
  const { kernel: k, image, knobs } = run;
  const { hz } = k.options;
  const timeoutSeconds = timeoutSecondsOf(k);
  const timeout = timeoutSeconds * hz;
  const { lines, counts, silent } = stallReport(k, timeout);
  const tasks = [...k.threads()];
  const places = placesOf(image);
  const parts = new Map<string, unknown>();
  return {
    scenario: run.scenario.name,
    seed: run.seed,
    knobs,
    patch: k.memalloc.version.name,
    ...(run.scenario.parameters === undefined ? {} : { parameters: run.scenario.parameters }),
    features: featuresOf(k.options),
    ...optional('remedies', someRemedies(k.options)),
    ...optional('expected', expectedOf(run)),
    kernel: identity(image),
    jiffies: String(k.jiffies),
    hz,
    timeoutSeconds,
    ...(k.panicText === undefined ? {} : { panic: k.panicText }),
    lines,
    counts,
    silent,
    logLines: k.log.records.map(({ text }) => text).filter((text) => text.startsWith('MemAlloc')),
    memory: memoryCounters(k),
    locks: lockEntries(image),
    mempools: mempoolEntries(image),
    pools: ledgerPools(k),
    rescuers: ledgerRescuers(k),
    tasks: tasks.map((task) => {
      return taskEntry(k, task, { placed: places.get(task.pid)!, timeout, parts });
    }),
  };
}

/** What requests are measured by: what the kernel waits for, if it waits at all. */
function timeoutSecondsOf({ memalloc, options, kmallocwdTimeout }: Kernel): number {
  const { reporter } = memalloc.version;
  if (options.kmallocwd === 0 || reporter === undefined) return TIMEOUT_SECONDS_DEFAULT;
  if (reporter.knob !== 'kmallocwd') return options.kmallocwd;
  // The parameter has been clamped to LONG_MAX jiffies, or has come round to 0.
  if (kmallocwdTimeout === 0n) return TIMEOUT_SECONDS_DEFAULT;
  return Number(kmallocwdTimeout) / options.hz;
}

function expectedOf({ scenario, kernel }: RunAtDump): Expected | undefined {
  const { diagnosis } = scenario;
  if (diagnosis === undefined) return undefined;
  return { diagnosis, lacks: lackedFeatures(scenario, kernel.options) };
}

function someRemedies(options: KernelOptions): Partial<Remedies> | undefined {
  const remedies = remediesOf(options);
  return Object.keys(remedies).length > 0 ? remedies : undefined;
}

/** Every option that is a feature of the kernel. */
function featuresOf(options: KernelOptions): Features {
  const names = Object.keys(FEATURES_DEFAULT) as (keyof Features)[];
  return Object.fromEntries(names.map((name) => [name, options[name]]));
}

function identity({ facts }: MachineImage): Ledger['kernel'] {
  return {
    release: facts.release,
    banner: facts.banner,
    nodename: facts.nodename,
    buildId: facts.buildId,
    kaslrOffset: hex(facts.kaslr.kernelOffset),
    physBase: facts.kaslr.physBase,
    pageOffsetBase: hex(facts.kaslr.pageOffsetBase),
    cpus: facts.cpuCount,
    kmallocwdTimeout: facts.kmallocwdTimeout.toString(),
  };
}

function memoryCounters({ node, swap, oomCalls, oomKills }: Kernel): Ledger['memory'] {
  const { lru, isolated, zones, nrDirty, nrWriteback, kswapdFailures } = node;
  return {
    ...Object.fromEntries(zones.map(({ name, freePages }) => [`${name} free`, freePages])),
    ...Object.fromEntries(zones.map(({ name, watermark }) => [`${name} min`, watermark.min])),
    ...Object.fromEntries(Object.entries(lru).map(([name, list]) => [name, list.length])),
    isolatedAnon: isolated.anon,
    isolatedFile: isolated.file,
    dirty: nrDirty,
    writeback: nrWriteback,
    swapTotal: swap?.pages ?? 0,
    swapFree: swap?.freePages ?? 0,
    kswapdFailures,
    oomCalls,
    oomKills,
  };
}

function lockEntries({ facts, locks }: MachineImage): LedgerLock[] {
  return (facts.locks ?? []).map((lock, i) => {
    const { name, kind, waiterPids } = lock;
    return { name, kind, address: hex(locks[i]!), ...lockHolders(lock), waiterPids };
  });
}

function mempoolEntries({ facts, mempools }: MachineImage): LedgerMempool[] {
  return (facts.queues?.mempools ?? []).map(({ name, minNr, currNr, waiterPids }, i) => {
    return { name, address: hex(mempools[i]!), minNr, currNr, waiterPids };
  });
}

function lockHolders(lock: LockFacts): Partial<LedgerLock> {
  if (lock.kind === 'mutex') return { ownerPid: lock.ownerPid };
  const count = hex(lock.count);
  if (lock.kind === 'semaphore') return { takerPids: lock.takerPids, count };
  return { ownerPid: lock.ownerPid, readerPids: lock.readerPids, count };
}

interface Placed {
  readonly thread: PlacedThread;
  readonly process: PlacedProcess;
}

/** Where each task lies, by its pid. */
function placesOf({ tasks }: MachineImage): ReadonlyMap<number, Placed> {
  const pairs = tasks.processes.flatMap((process) =>
    process.threads.map((thread) => [thread.facts.pid, { thread, process }] as const),
  );
  return new Map(pairs);
}

function taskEntry(
  k: Kernel,
  task: Task,
  { placed, timeout, parts }: { placed: Placed; timeout: number; parts: Map<string, unknown> },
): LedgerTask {
  const common = <T>(part: T): T => shared(parts, JSON.stringify(part), () => part) as T;
  const { thread, process } = placed;
  const { facts } = thread;
  const state = k.words.taskState(task.state);
  return {
    address: hex(thread.task),
    pid: task.pid,
    tgid: task.process.leader.pid,
    ppid: task.process.ppid,
    comm: task.comm,
    commHex: Buffer.from(task.comm, 'latin1').toString('hex'),
    state: stateLetter({ state, exitState: task.exitState }),
    stateBits: state,
    exitState: task.exitState,
    flags: k.words.taskFlags(task.flags),
    cpu: task.cpu,
    onCpu: facts.onCpu,
    prio: facts.prio,
    nvcsw: task.nvcsw,
    nivcsw: task.nivcsw,
    stack: hex(thread.stack),
    mm: hex(task.mm === undefined ? 0n : (process.mm ?? 0n)),
    oomScoreAdj: task.process.oomScoreAdj,
    sigkillPending: (task.pending & (1 << (SIGKILL - 1))) !== 0,
    oomVictim: task.isOomVictim,
    words: common({
      uninterruptible: (state & TASK_UNINTERRUPTIBLE) !== 0,
      exiting: lookAt(k, task, 0).exiting,
      dying: fatal_signal_pending(task),
      victim: task.isMemdie,
    }),
    ...optional('record', common(ledgerRecord(k, task, timeout))),
    functions: common((facts.frames ?? []).map(({ name }) => name).reverse()),
    holds: common(task.holds.map(({ name }) => name)),
    waitsFor: task.blockedOn?.name,
  };
}

function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}
