// What every simulated machine runs before its scenario begins: init, kernel threads, daemons.

import { disk_add_events } from './block/disk-events.ts';
import { bdi_init } from './fs/fs-writeback.ts';
import { startJournal } from './fs/journal.ts';
import type { Kernel, ThreadPlan } from './core/kernel.ts';
import type { KernelOptions } from './core/options.ts';
import { Kernel as Machine } from './core/kernel.ts';
import { start_kmallocwd } from './watchdog/kmallocwd.ts';
import type { MemCgroup } from './mm/memcontrol.ts';
import { startOomReaper } from './mm/oom-reaper.ts';
import { daemon, type Program } from './programs.ts';
import { kthreadd, smpboot_thread_fn } from './kernel/kthread.ts';
import { PF_NO_SETAFFINITY, PF_RANDOMIZE, PF_SUPERPRIV, SCHED_FIFO } from './kernel/task-bits.ts';
import { Mm, type Process } from './kernel/task.ts';
import { workqueue_init } from './kernel/workqueue.ts';
import { init_mm_internals } from './mm/vmstat.ts';
import { kswapd_run } from './mm/kswapd.ts';
import { startKreclaimd } from './remedies/no-direct-reclaim.ts';
import { startReclaimThreads } from './remedies/reclaim-threads.ts';
import type { Prng } from '../util/prng.ts';

const DAEMON = PF_RANDOMIZE | PF_SUPERPRIV;
const BOUND = PF_NO_SETAFFINITY;

/** What every machine runs, unless its scenario says otherwise. */
const INIT: DaemonPlan = { comm: 'systemd', ppid: 0, filePages: 400 };
const DAEMONS: readonly DaemonPlan[] = [
  { comm: 'systemd-journal', filePages: 300, oomScoreAdj: -250 },
  { comm: 'cron', filePages: 80 },
  { comm: 'rngd', filePages: 60 },
  { comm: 'sshd', filePages: 200, oomScoreAdj: -1000 },
  { comm: 'agetty', filePages: 40 },
];

/** A booted machine. */
export function boot(options: KernelOptions, prng: Prng, daemons = DAEMONS): Kernel {
  const k = new Machine(options, prng);
  addDaemon(k, daemons.find(({ ppid }) => ppid === 0) ?? INIT);
  k.kthread({ comm: 'kthreadd' }, kthreadd);
  for (let cpu = 0; cpu < options.cpuCount; cpu++) {
    const bound = { flags: BOUND, pinnedCpu: cpu };
    k.kthread({ comm: `ksoftirqd/${cpu}`, ...bound }, smpboot_thread_fn);
    const rt = { policy: SCHED_FIFO, rtPriority: 99 };
    k.kthread({ comm: `migration/${cpu}`, ...bound, ...rt }, smpboot_thread_fn);
  }
  workqueue_init(k);
  init_mm_internals(k);
  bdi_init(k);
  if (k.options.cdrom) disk_add_events(k);
  startJournal(k);
  startOomReaper(k);
  kswapd_run(k);
  startReclaimThreads(k);
  startKreclaimd(k);
  start_kmallocwd(k);
  k.skipPids(120);
  for (const plan of daemons) if (plan.ppid !== 0) addDaemon(k, plan);
  return k;
}

/** A daemon: it wakes up from time to time and needs its text. */
export interface DaemonPlan {
  readonly comm: string;
  /** Of init, unless told. */
  readonly ppid?: number;
  readonly filePages: number;
  readonly oomScoreAdj?: number;
  /** Microseconds between two times that it wakes up; less than a second unless told. */
  readonly sleepUs?: number;
}

function addDaemon(k: Kernel, plan: DaemonPlan): void {
  const { comm, filePages, sleepUs: wanted, ...process } = plan;
  const sleepUs = wanted ?? 200_000 + k.prng.below(400_000);
  addProgram(k, { comm, flags: DAEMON, ...process }, daemon({ sleepUs, filePages }));
}

/** A process of one thread with an address space of its own. */
export interface ProgramPlan extends Pick<ThreadPlan, 'flags' | 'policy' | 'nice'> {
  readonly comm: string;
  readonly ppid?: number;
  readonly oomScoreAdj?: number;
  /** Absent for the root cgroup. */
  readonly memcg?: MemCgroup;
}

/** Starts a program. @returns its process, for {@link addThread} */
export function addProgram(k: Kernel, plan: ProgramPlan, program: Program): Process {
  const { ppid = 1, oomScoreAdj = 0, memcg, ...thread } = plan;
  const process = k.addProcess({ ppid, oomScoreAdj });
  process.memcg = memcg;
  const mm = new Mm(4_000 + k.prng.below(90_000), plan.comm);
  k.locks.add(mm.mmapLock);
  // Others came and went between two programs; init comes first.
  if (ppid !== 0) k.skipPids(1 + k.prng.below(12));
  k.thread({ ...thread, process, mm }, program);
  return process;
}

/** Another thread of a process: it shares the address space, and dies with the others. */
export function addThread(
  k: Kernel,
  process: Process,
  plan: Omit<ThreadPlan, 'process' | 'mm'>,
  program: Program,
): void {
  k.thread({ ...plan, process, mm: process.mm }, program);
}
