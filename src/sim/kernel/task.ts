// Tasks, processes and address spaces, as far as the simulated kernel keeps them: task_struct,
// signal_struct and mm_struct.

import type { Code, Frame } from '../core/code.ts';
import type { Inode } from '../fs/file-system.ts';
import type { MemCgroup } from '../mm/memcontrol.ts';
import type { Page } from '../mm/mmzone.ts';
import { RwSemaphore } from '../locking/rw-semaphore.ts';
import type { WaitTarget } from '../locking/wait-target.ts';
import { noMemallocInfo, type MemallocInfo, type RequestBook } from '../watchdog/memalloc-info.ts';
import {
  MMF_INIT,
  PF_EXITING,
  PF_KTHREAD,
  SCHED_NORMAL,
  SIGKILL,
  TASK_RUNNING,
  TIF_MEMDIE,
  TIF_SIGPENDING,
} from './task-bits.ts';
import type { Worker } from './worker-pool.ts';

/** struct mm_struct. */
export class Mm {
  flags = MMF_INIT;
  /** Tasks that use it. */
  users = 0;
  readonly anonPages = new Set<Page>();
  readonly filePages = new Set<Page>();
  /** Those of them that are mlock()ed: on no list of reclaim. */
  readonly lockedPages = new Set<Page>();
  /** Slots of the swap device that hold its pages, with the page while it is in memory still. */
  readonly swapSlots = new Map<number, Page | undefined>();
  totalPages: number;
  /** Ranges that mmap() added. */
  vmas = 0;
  /** Page tables that mremap() moved ranges to. */
  readonly pageTables: Page[] = [];
  /** Page faults read, whoever changes the address space writes; mmap_sem before Linux 5.8. */
  readonly mmapLock: RwSemaphore;

  constructor(totalPages: number, name = '') {
    this.totalPages = totalPages;
    const within = { struct: 'mm_struct', member: 'mmap_lock' };
    this.mmapLock = new RwSemaphore(`mmap_lock of ${name}`, within);
  }

  /** get_mm_rss() */
  get rss(): number {
    return this.anonPages.size + this.filePages.size;
  }
}

/** A process: struct signal_struct and the threads that share it. */
export class Process {
  readonly threads: Task[] = [];
  /** signal->stats: memory for the statistics of its threads was taken. */
  hasStats = false;
  /** Files that it has open, and writes to. */
  readonly files: Inode[] = [];
  /** What its threads share, until nobody has it any more. */
  mm: Mm | undefined;
  ppid: number;
  readonly oomScoreAdj: number;
  /** SIGNAL_* */
  flags = 0;
  /** Signals of the whole group; signal n is bit n - 1. */
  sharedPending = 0;
  /** signal->oom_mm: what the OOM killer wants back. */
  oomMm: Mm | undefined;
  /** When the OOM killer chose it, in jiffies; see remedies/oom-timeout.ts. */
  oomSince: number | undefined;
  /** signal->group_exit_code: the signal that it dies of. */
  groupExitCode = 0;
  /** Its memory cgroup; undefined for the root cgroup. */
  memcg: MemCgroup | undefined;

  constructor({ ppid, oomScoreAdj = 0 }: { ppid: number; oomScoreAdj?: number }) {
    this.ppid = ppid;
    this.oomScoreAdj = oomScoreAdj;
  }

  /** @throws TypeError never: a process has its leader from the start */
  get leader(): Task {
    return this.threads[0]!;
  }
}

/** What a task is made from. */
export interface TaskOptions {
  readonly pid: number;
  readonly comm: string;
  readonly process: Process;
  readonly mm: Mm | undefined;
  readonly flags: number;
  readonly policy?: number;
  readonly nice?: number;
  /** RT priority of SCHED_FIFO. */
  readonly rtPriority?: number;
  /** The only CPU that it may run on. */
  readonly pinnedCpu?: number;
}

/** struct task_struct. */
export class Task {
  readonly pid: number;
  readonly comm: string;
  readonly process: Process;
  readonly policy: number;
  readonly nice: number;
  readonly rtPriority: number;
  mm: Mm | undefined;
  state = TASK_RUNNING;
  exitState = 0;
  flags: number;
  /** TIF_* */
  threadFlags = 0;
  /** Signals of this thread. */
  pending = 0;
  cpu = 0;
  /** Of a task that is bound to one CPU: `cpus_mask`. */
  pinnedCpu: number | undefined;
  /** kthread_data() of a kworker or rescuer. */
  worker: Worker | undefined;
  /** Its kernel stack, where it was allocated after boot. */
  stackPages: readonly Page[] = [];
  nvcsw = 0;
  nivcsw = 0;
  /** CPU time in microseconds. */
  utime = 0;
  stime = 0;
  /** CPU time that was spent and has not passed yet, in microseconds. */
  debt = 0;
  /** Microseconds since boot. */
  startTime = 0;
  /** When it last got a CPU, and when it last became runnable. */
  lastArrival = 0;
  lastQueued = 0;
  /** When it last left a CPU. */
  lastRan = 0;
  /** Weighted CPU time: who has least runs next. */
  vruntime = 0;
  inMemstall = false;
  /** min_flt and maj_flt: page faults that ended well. */
  readonly faults = { minor: 0, major: 0 };
  /** ioac.syscr and syscw. */
  readonly calls = { reads: 0, writes: 0 };
  /** Pages that it has made dirty since it last looked at the limits. */
  nrDirtied = 0;
  /** Microseconds that throttle_vm_writeout() has held it up. */
  throttledUs = 0;
  /** Pages that it has taken off the LRU lists. */
  isolated = 0;
  /** How deep in reclaim it is, or whom it works for; see remedies/phased-watermarks.ts. */
  reclaimStage = 0;
  /** It is in a page fault of user mode, which can wait where a system call must fail. */
  inUserFault = false;
  /** Where a page fault has failed, and for whom: memcg_in_oom, memcg_oom_gfp_mask, _order. */
  memcgOom: { readonly memcg: MemCgroup; readonly gfp: number; readonly order: number } | undefined;
  /** memcg_nr_pages_over_high: what it must reclaim or wait for before it is back in user mode. */
  memcgOverHigh = 0;
  memalloc: MemallocInfo = noMemallocInfo();
  readonly request: RequestBook = { depth: 0, count: 0, start: 0, order: 0 };
  /** The kernel stack, outermost function first. */
  readonly frames: Frame[] = [];
  #held: Set<WaitTarget> | undefined;
  /** What it sleeps for, until somebody else gives it. */
  blockedOn: WaitTarget | undefined;
  /** What runs for it: its program or thread function, and each function that was entered. */
  readonly code: Code<unknown>[] = [];

  constructor(options: TaskOptions) {
    this.pid = options.pid;
    this.comm = options.comm;
    this.process = options.process;
    this.mm = options.mm;
    this.flags = options.flags;
    this.policy = options.policy ?? SCHED_NORMAL;
    this.nice = options.nice ?? 0;
    this.rtPriority = options.rtPriority ?? 0;
    this.pinnedCpu = options.pinnedCpu;
    this.cpu = options.pinnedCpu ?? 0;
    options.process.threads.push(this);
    if (options.mm !== undefined) {
      options.process.mm = options.mm;
      options.mm.users++;
    }
  }

  /** Locks that it has; made when it takes the first one, which most tasks never do. */
  get held(): Set<WaitTarget> {
    this.#held ??= new Set();
    return this.#held;
  }

  /** {@link held} for who only looks, in the order of taking. */
  get holds(): readonly WaitTarget[] {
    return this.#held === undefined ? [] : [...this.#held];
  }

  get isKthread(): boolean {
    return (this.flags & PF_KTHREAD) !== 0;
  }

  get isExiting(): boolean {
    return (this.flags & PF_EXITING) !== 0;
  }

  /** test_tsk_thread_flag(task, TIF_MEMDIE) */
  get isMemdie(): boolean {
    return (this.threadFlags & TIF_MEMDIE) !== 0;
  }

  /** tsk_is_oom_victim(): every thread of a process that the OOM killer chose. */
  get isOomVictim(): boolean {
    return this.process.oomMm !== undefined;
  }
}

/** fatal_signal_pending() */
export function fatal_signal_pending(task: Task): boolean {
  const killed = (task.pending & (1 << (SIGKILL - 1))) !== 0;
  return killed && (task.threadFlags & TIF_SIGPENDING) !== 0;
}
