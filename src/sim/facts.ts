// The simulated machine as plain facts, which src/sim/image writes to memory.

import type { Kernel } from './core/kernel.ts';
import type { Frame, StackLocal } from './core/code.ts';
import type {
  FrameFacts,
  LocalFacts,
  MachineFacts,
  MmFacts,
  OomFacts,
  ProcessFacts,
  RecordFacts,
  SchedFacts,
  ThreadFacts,
} from './image/machine-facts.ts';
import { OOM_WAKE_FUNCTION, WAKE_FUNCTION } from './image/stacks.ts';
import { lockFacts, lockTable, waiterFacts, type LockTable } from './locking/lock-facts.ts';
import type { CompactControl } from './mm/compact-retry.ts';
import { queueFacts, queuesInImage } from './facts-queues.ts';
import { workqueueFacts } from './facts-workqueues.ts';
import { memoryFacts } from './facts-memory.ts';
import { optional } from '../util/optional.ts';
import { Prng } from '../util/prng.ts';
import { shared } from '../util/shared.ts';
import { callOffset, FUNCTION_SIZE } from './core/text.ts';
import { bannerOf, type Flavour } from './flavour/flavour.ts';
import type { KernelWords } from './flavour/words.ts';
import {
  PF_IDLE,
  PF_KTHREAD,
  PF_NO_SETAFFINITY,
  SCHED_FIFO,
  TASK_RUNNING,
} from './kernel/task-bits.ts';
import { IDLE_FUNCTIONS, idleFrames } from './kernel/idle.ts';
import type { Mm, Process, Task } from './kernel/task.ts';
import type { WaitQueue } from './kernel/wait.ts';
import { commandLineOf, listedMembers, patchFacts, recordMembers } from './watchdog/patch-facts.ts';

const NS_PER_US = 1000;
/** DEFAULT_PRIO, MAX_RT_PRIO */
const PRIO_DEFAULT = 120;
const PRIO_RT_MAX = 100;

/** Which run of which kernel. */
export interface RunFacts {
  readonly scenario: string;
  readonly seed: number;
  readonly flavour: Flavour;
  /** Frames of another instant: see {@link MachineFacts.otherFrames}. */
  readonly otherFrames?: readonly FrameFacts[];
}

/** The machine at this instant. */
export function machineFacts(k: Kernel, run: RunFacts): MachineFacts {
  const { release, version } = run.flavour;
  const locks = lockTable(k);
  const about = {
    k,
    locks,
    queues: queuesInImage(k, run.flavour),
    stacks: new Map(),
    records: new Map(),
  };
  const { hz, cpuCount, ramBytes } = k.options;
  return {
    nodename: run.scenario,
    release,
    version,
    banner: bannerOf(run.flavour),
    buildId: buildId(run),
    bootId: bootId(k, run),
    hz,
    jiffies: BigInt(k.jiffies),
    clockNs: Math.round(k.sched.now * NS_PER_US),
    cpuCount,
    tscKhz: 2_400_000,
    ramBytes,
    kaslr: run.flavour.kaslr(run.seed),
    kmallocwdTimeout: k.kmallocwdTimeout,
    commandLine: `BOOT_IMAGE=/boot/vmlinuz-${release} root=/dev/vda1 ro${commandLineOf(k)}`,
    idle: k.sched.cpus.map(({ id }) => idleFacts(k, id, runningOn(k, id) === undefined)),
    processes: k.processes.map((process) => processFacts(process, about)),
    functions: [
      ...new Set([
        WAKE_FUNCTION,
        // Part of every kernel with memory cgroups.
        OOM_WAKE_FUNCTION,
        ...k.functions,
        ...idleNames(k),
        ...(patchFacts(k).functions ?? []),
      ]),
    ]
      .sort()
      .map((name) => ({ name, size: FUNCTION_SIZE })),
    ...optional('otherFrames', run.otherFrames),
    locks: locks.locks.map((lock) => lockFacts(lock, locks)),
    log: k.log.records,
    memory: memoryFacts(k),
    oom: oomFacts(k),
    queues: queueFacts(k, run.flavour),
    workqueues: workqueueFacts(k),
  };
}

function oomFacts(k: Kernel): OomFacts {
  const victims = [...k.threads()].filter(({ isMemdie }) => isMemdie);
  // wake_oom_reaper() puts a victim at the head of the list, by whichever thread has the memory.
  const reaperPids = [...k.oomReaperList].reverse().map(({ leader }) => leader.pid);
  return {
    victimCount: victims.length,
    ...(k.options.oomReaper ? { reaperPids } : {}),
  };
}

/** Twenty bytes that differ from run to run, as those of different builds do. */
function buildId({ scenario, seed }: { scenario: string; seed: number }): string {
  const text = `stallcore ${seed} ${scenario}`.padEnd(20).slice(0, 20);
  return [...text].map((letter) => letter.charCodeAt(0).toString(16).padStart(2, '0')).join('');
}

/**
 * One for each machine: of another size, with another kernel or other boot parameters the same
 * scenario and seed are another boot.
 */
function bootId({ options }: Kernel, { scenario, seed, flavour }: RunFacts): Uint8Array {
  const { words: _words, ...plain } = options;
  const text = JSON.stringify([scenario, seed, flavour.name, plain]);
  const bytes = new Uint8Array(16);
  const prng = new Prng([...text].reduce((hash, c) => Math.imul(hash, 31) + c.charCodeAt(0), seed));
  for (let at = 0; at < bytes.length; at++) bytes[at] = prng.below(256);
  return bytes;
}

/**
 * Whose registers a CPU has; undefined while it is idle. A task that is in the switch to another
 * one has its CPU still, unless it is dead and on no list any more: that one has left it for good.
 */
function runningOn(k: Kernel, cpu: number): Task | undefined {
  const task = k.sched.cpus[cpu]?.task;
  return task?.process.threads.includes(task) === true && k.processes.includes(task.process)
    ? task
    : undefined;
}

function idleFacts({ words }: Kernel, cpu: number, onCpu: boolean): ThreadFacts {
  return {
    pid: 0,
    comm: `swapper/${cpu}`,
    state: 0,
    exitState: 0,
    flags: words.taskFlags(PF_IDLE | PF_KTHREAD | PF_NO_SETAFFINITY),
    cpu,
    onCpu,
    prio: PRIO_DEFAULT,
    staticPrio: PRIO_DEFAULT,
    policy: 0,
    utime: 0,
    stime: 0,
    nvcsw: 0,
    nivcsw: 0,
    startTimeNs: 0,
    threadFlags: 0,
    pending: 0n,
    jobctl: 0,
    inMemstall: false,
    memalloc: {},
    frames: idleStack(words, cpu, onCpu),
  };
}

function idleNames({ words }: Kernel): string[] {
  return IDLE_FUNCTIONS.flatMap((name) => words.functionName(name) ?? []);
}

function idleStack(words: Kernel['words'], cpu: number, onCpu: boolean): FrameFacts[] {
  const names = idleFrames(cpu, onCpu).flatMap((name) => words.functionName(name) ?? []);
  return names.map((name, i) => {
    const callee = names[i + 1];
    return { name, callee, returnOffset: callOffset(name, callee), locals: [] };
  });
}

function processFacts(process: Process, about: FactsOf): ProcessFacts {
  const { mm } = process;
  return {
    ppid: process.ppid,
    mm: mm === undefined ? undefined : mmFacts(mm),
    oomScoreAdj: process.oomScoreAdj,
    signalFlags: process.flags,
    sharedPending: BigInt(process.sharedPending),
    oomVictim: process.oomMm !== undefined,
    threads: process.threads.map((task) => threadFacts(task, about)),
  };
}

function mmFacts({ flags, totalPages, anonPages }: Mm): MmFacts {
  return { flags, totalPages, anonPages: anonPages.size };
}

function threadFacts(task: Task, about: FactsOf): ThreadFacts {
  const { k } = about;
  const { policy, nice, rtPriority } = task;
  const staticPrio = PRIO_DEFAULT + nice;
  return {
    pid: task.pid,
    comm: task.comm,
    state: k.words.taskState(task.state),
    exitState: task.exitState,
    flags: k.words.taskFlags(task.flags),
    cpu: task.cpu,
    onCpu: isOnCpu(k, task),
    prio: policy === SCHED_FIFO ? PRIO_RT_MAX - 1 - rtPriority : staticPrio,
    staticPrio,
    policy,
    utime: task.utime * NS_PER_US,
    stime: Math.round(task.stime * NS_PER_US),
    nvcsw: task.nvcsw,
    nivcsw: task.nivcsw,
    startTimeNs: Math.round(task.startTime * NS_PER_US),
    ...(task.mm === undefined ? { withoutMm: true } : {}),
    threadFlags: task.threadFlags,
    pending: BigInt(task.pending),
    jobctl: 0,
    inMemstall: task.inMemstall,
    faults: { ...task.faults },
    calls: { ...task.calls },
    sched: schedFacts(k, task),
    memalloc: recordFacts(task, about),
    frames: stackFacts(task, about),
  };
}

/** Most tasks never asked for memory, and their records are one. */
function recordFacts({ memalloc }: Task, { k, records }: FactsOf): RecordFacts {
  const members = recordMembers(k.memalloc.version, memalloc);
  return shared(records, Object.values(members).join(), () => members);
}

/** Stacks without local variables differ in nothing but their functions. */
function stackFacts(task: Task, about: FactsOf): readonly FrameFacts[] {
  const { frames } = task;
  if (frames.length === 0 && !isOnCpu(about.k, task)) return NEVER_RAN;
  const facts = (): FrameFacts[] =>
    frames.map((frame, i) => frameFacts(frame, frames[i + 1], about));
  if (frames.some(({ locals }) => locals.length > 0)) return facts();
  return shared(about.stacks, frames.map(({ name }) => name).join(), facts);
}

/** copy_thread(): where a task goes on that has been forked and has had no CPU since. */
const NEVER_RAN: readonly FrameFacts[] = [
  { name: 'ret_from_fork', callee: undefined, returnOffset: 0, locals: [] },
];

function isOnCpu({ sched }: Kernel, task: Task): boolean {
  return sched.cpus[task.cpu]?.task === task;
}

function schedFacts(k: Kernel, task: Task): SchedFacts {
  const isQueued = task.state === TASK_RUNNING && task.exitState === 0 && !isOnCpu(k, task);
  return {
    vruntimeNs: Math.round(task.vruntime * NS_PER_US),
    lastArrivalNs: Math.round(task.lastArrival * NS_PER_US),
    lastRanNs: Math.round(task.lastRan * NS_PER_US),
    lastQueuedNs: isQueued ? Math.round(task.lastQueued * NS_PER_US) : 0,
  };
}

function frameFacts(
  { name, locals }: Frame,
  callee: Frame | undefined,
  about: FactsOf,
): FrameFacts {
  return {
    name,
    callee: callee?.name,
    returnOffset: callOffset(name, callee?.name),
    locals: locals
      .filter((local) => isInImage(local, about))
      .map((local) => localFacts(local, about)),
  };
}

function compactFacts(
  { gfpMask, order, mode, migratePfn, freePfn }: CompactControl,
  words: KernelWords,
): LocalFacts {
  const place = { migrate_pfn: migratePfn, free_pfn: Math.max(0, freePfn) };
  // MIGRATE_ASYNC, MIGRATE_SYNC_LIGHT
  const kind = { mode: mode === 'async' ? 0 : 1, direct_compaction: 1, whole_zone: 1 };
  const gfp_mask = words.gfp(gfpMask);
  return { type: 'compact_control', fields: { gfp_mask, order, ...place, ...kind } };
}

/** What the facts of threads refer to. */
interface FactsOf {
  readonly k: Kernel;
  readonly locks: LockTable;
  /** Wait queues that the image has. */
  readonly queues: ReadonlySet<WaitQueue>;
  /** What threads have in common: one copy for each of 100,000 would be most of the heap. */
  readonly stacks: Map<string, readonly FrameFacts[]>;
  readonly records: Map<string, RecordFacts>;
}

/** What sleeps on a wait queue that the image does not have cannot be linked to it. */
function isInImage(local: StackLocal, { queues }: FactsOf): boolean {
  return local.type !== 'wait_queue_entry' || queues.has(local.queue);
}

function localFacts(local: StackLocal, { k, locks }: FactsOf): LocalFacts {
  const { memalloc, words } = k;
  if ('lock' in local) return waiterFacts(local, locks);
  if (local.type === 'wait_queue_entry') {
    const isOomWait = local.queue === k.memcgs.oomWait;
    return { type: isOomWait ? 'oom_wait_info' : 'wait_queue_entry' };
  }
  if (local.type === 'compact_control') return compactFacts(local.cc, words);
  if (local.type === 'memalloc') {
    const { request } = local;
    const place = memalloc.list.indexOf(request);
    return { type: 'memalloc', fields: listedMembers(request), place };
  }
  const { gfpMask, order, priority, nrToReclaim, nrScanned, nrReclaimed } = local.sc;
  return {
    type: 'scan_control',
    fields: {
      gfp_mask: words.gfp(gfpMask),
      order,
      priority,
      nr_to_reclaim: Number.isFinite(nrToReclaim) ? nrToReclaim : 0,
      nr_scanned: nrScanned,
      nr_reclaimed: nrReclaimed,
    },
  };
}
