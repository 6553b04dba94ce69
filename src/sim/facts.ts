// The simulated machine as plain facts, which src/sim/image writes to memory.

import type { Kernel } from './core/kernel.ts';
import type { Frame, StackLocal } from './core/code.ts';
import type {
  FrameFacts,
  LocalFacts,
  MachineFacts,
  MmFacts,
  ProcessFacts,
  ThreadFacts,
} from './image/machine-facts.ts';
import { lockFacts, lockTable, waiterFacts, type LockTable } from './locking/lock-facts.ts';
import type { CompactControl } from './mm/compact-retry.ts';
import { callOffset, FUNCTION_SIZE } from './core/text.ts';
import { PF_IDLE, PF_KTHREAD, PF_NO_SETAFFINITY, SCHED_FIFO } from './kernel/task-bits.ts';
import type { Mm, Process, Task } from './kernel/task.ts';
import { Prng } from '../util/prng.ts';
import type { MemallocState } from './watchdog/memalloc-info.ts';
import { commandLineOf, listedMembers, patchFacts, recordMembers } from './watchdog/patch-facts.ts';

const NS_PER_US = 1000;
const MIB = 1 << 20;
/** DEFAULT_PRIO, MAX_RT_PRIO */
const PRIO_DEFAULT = 120;
const PRIO_RT_MAX = 100;

/** Numbers of KASLR come from a stream of their own, so that they leave the run as it is. */
const KASLR_STREAM = 0x4b41534c;

/** What the kernel says of itself. */
export const RELEASE = '6.1.192-stallcore-sim';
const VERSION = '#1 SMP PREEMPT_VOLUNTARY Tue Nov 24 15:24:00 UTC 2015';

/** The machine at this instant. */
export function machineFacts(k: Kernel, run: { scenario: string; seed: number }): MachineFacts {
  const locks = lockTable(k);
  const { hz, cpuCount, ramBytes } = k.options;
  const compiler = 'no compiler, src/sim';
  return {
    nodename: run.scenario,
    release: RELEASE,
    version: VERSION,
    banner: `Linux version ${RELEASE} (stallcore@simulation) (${compiler}) ${VERSION}`,
    buildId: buildId(run),
    hz,
    jiffies: BigInt(k.jiffies),
    cpuCount,
    tscKhz: 2_400_000,
    ramBytes,
    kaslr: kaslr(run.seed),
    kmallocwdTimeout: k.kmallocwdTimeout,
    commandLine: `BOOT_IMAGE=/boot/vmlinuz-${RELEASE} root=/dev/vda1 ro${commandLineOf(k)}`,
    idle: k.sched.cpus.map(({ id, task }) => idleFacts(id, task === undefined)),
    processes: k.processes.map((process) => processFacts(k, process, locks)),
    functions: [...new Set([...k.functions, ...(patchFacts(k).functions ?? [])])]
      .sort()
      .map((name) => ({ name, size: FUNCTION_SIZE })),
    locks: locks.locks.map((lock) => lockFacts(lock, locks)),
    log: k.log.records,
  };
}

/** Twenty bytes that differ from run to run, as those of different builds do. */
function buildId({ scenario, seed }: { scenario: string; seed: number }): string {
  const text = `stallcore ${seed} ${scenario}`.padEnd(20).slice(0, 20);
  return [...text].map((letter) => letter.charCodeAt(0).toString(16).padStart(2, '0')).join('');
}

/** Offsets as KASLR draws them; the image stays in the memory that the zones leave to it. */
function kaslr(seed: number): MachineFacts['kaslr'] {
  const prng = new Prng(seed ^ KASLR_STREAM);
  const kernelOffset = prng.below(200) * 2 * MIB;
  const startPaddr = (16 + 2 * prng.below(2)) * MIB;
  const giB = 1n << 30n;
  return {
    kernelOffset: BigInt(kernelOffset),
    physBase: startPaddr - 16 * MIB - kernelOffset,
    pageOffsetBase: 0xffff888000000000n + BigInt(prng.below(4000)) * giB,
    vmallocBase: 0xffffaf0000000000n + BigInt(prng.below(4000)) * giB,
    vmemmapBase: 0xffffe00000000000n + BigInt(prng.below(4000)) * giB,
  };
}

function idleFacts(cpu: number, onCpu: boolean): ThreadFacts {
  return {
    pid: 0,
    comm: `swapper/${cpu}`,
    state: 0,
    exitState: 0,
    flags: PF_IDLE | PF_KTHREAD | PF_NO_SETAFFINITY,
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
  };
}

function processFacts(k: Kernel, process: Process, locks: LockTable): ProcessFacts {
  const { mm } = process;
  return {
    ppid: process.ppid,
    mm: mm === undefined ? undefined : mmFacts(mm),
    oomScoreAdj: process.oomScoreAdj,
    signalFlags: process.flags,
    sharedPending: BigInt(process.sharedPending),
    oomVictim: process.oomMm !== undefined,
    threads: process.threads.map((task) => threadFacts(k, task, locks)),
  };
}

function mmFacts({ flags, totalPages, anonPages }: Mm): MmFacts {
  return { flags, totalPages, anonPages: anonPages.size };
}

function threadFacts(k: Kernel, task: Task, locks: LockTable): ThreadFacts {
  const { memalloc, policy, nice, rtPriority } = task;
  const staticPrio = PRIO_DEFAULT + nice;
  return {
    pid: task.pid,
    comm: task.comm,
    state: task.state,
    exitState: task.exitState,
    flags: task.flags,
    cpu: task.cpu,
    onCpu: k.sched.cpus.some((cpu) => cpu.task === task),
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
    memalloc: recordMembers(k.memalloc.version, memalloc),
    frames: task.frames.map((frame, i) => {
      return frameFacts(frame, task.frames[i + 1], { locks, memalloc: k.memalloc });
    }),
  };
}

function frameFacts(
  { name, locals }: Frame,
  callee: Frame | undefined,
  about: LocalsOf,
): FrameFacts {
  return {
    name,
    callee: callee?.name,
    returnOffset: callOffset(name, callee?.name),
    locals: locals.map((local) => localFacts(local, about)),
  };
}

function compactFacts({ gfpMask, order, mode, migratePfn, freePfn }: CompactControl): LocalFacts {
  const place = { migrate_pfn: migratePfn, free_pfn: Math.max(0, freePfn) };
  // MIGRATE_ASYNC, MIGRATE_SYNC_LIGHT
  const kind = { mode: mode === 'async' ? 0 : 1, direct_compaction: 1, whole_zone: 1 };
  return { type: 'compact_control', fields: { gfp_mask: gfpMask, order, ...place, ...kind } };
}

/** What locals refer to. */
interface LocalsOf {
  readonly locks: LockTable;
  readonly memalloc: MemallocState;
}

function localFacts(local: StackLocal, { locks, memalloc }: LocalsOf): LocalFacts {
  if ('lock' in local) return waiterFacts(local, locks);
  if (local.type === 'compact_control') return compactFacts(local.cc);
  if (local.type === 'memalloc') {
    const { request } = local;
    const place = memalloc.list.indexOf(request);
    return { type: 'memalloc', fields: listedMembers(request), place };
  }
  const { gfpMask, order, priority, nrToReclaim, nrScanned, nrReclaimed } = local.sc;
  return {
    type: 'scan_control',
    fields: {
      gfp_mask: gfpMask,
      order,
      priority,
      nr_to_reclaim: Number.isFinite(nrToReclaim) ? nrToReclaim : 0,
      nr_scanned: nrScanned,
      nr_reclaimed: nrReclaimed,
    },
  };
}
