// The machine as its kernel sees it: clock, scheduler, memory, tasks, log. What the kernel does
// with them stands in the files that are named as the kernel's own are.

import type { Prng } from '../../util/prng.ts';
import { call, type Code, type KernelFunction } from './code.ts';
import type { SimEvent } from './event-queue.ts';
import type { Tracer } from './hooks.ts';
import type { KernelOptions } from './options.ts';
import { BIO_POOL_SIZE, BioSet } from '../block/bio.ts';
import { Congestion } from '../block/congestion.ts';
import { WORDS_6_1 } from '../flavour/words-6-1.ts';
import type { KernelWords } from '../flavour/words.ts';
import { FileSystem } from '../fs/file-system.ts';
import { BdiWriteback } from '../fs/fs-writeback.ts';
import { Mutex } from '../locking/mutex.ts';
import type { Lock } from '../locking/wait-target.ts';
import { PcpuDrain } from '../mm/drain.ts';
import { MemoryCgroups } from '../mm/memcontrol.ts';
import type { Mempool } from '../mm/mempool.ts';
import { free_area_init } from '../mm/free-area-init.ts';
import type { Node } from '../mm/mmzone.ts';
import { PageWaits } from '../mm/filemap.ts';
import { Writeback } from '../mm/page-writeback.ts';
import type { SwapDevice } from '../mm/swap.ts';
import { OomNotifyList } from '../mm/oom-notify.ts';
import { KmemCache } from '../mm/slab.ts';
import { Harm } from '../remedies/harm.ts';
import { setUpOomReserve } from '../remedies/oom-reserve.ts';
import { ReclaimThreads } from '../remedies/reclaim-threads.ts';
import { Log } from '../kernel/printk.ts';
import { RateLimit } from '../kernel/rate-limit.ts';
import { Scheduler } from '../kernel/sched.ts';
import { SlowConsole } from '../kernel/slow-console.ts';
import { PF_FORKNOEXEC, PF_KTHREAD, PF_RANDOMIZE } from '../kernel/task-bits.ts';
import { Process, Task, type Mm } from '../kernel/task.ts';
import { WaitQueue } from '../kernel/wait.ts';
import { KthreadCreation } from '../kernel/kthread.ts';
import { TaskstatsListeners } from '../kernel/taskstats.ts';
import { Workqueues } from '../kernel/workqueue.ts';
import { VmEvents } from '../mm/vm-events.ts';
import { VmPressure } from '../mm/vmpressure.ts';
import { VmStat } from '../mm/vmstat.ts';
import { MemallocState, noMemallocInfo } from '../watchdog/memalloc-info.ts';
import { patchVersion } from '../watchdog/patch-versions.ts';

const US_PER_SECOND = 1_000_000;
/** Microseconds that a line takes while no console is slow. */
const PRINTK_US = 3;
/** What `kmallocwd=N` is clamped to: LONG_MAX jiffies. */
const TIMEOUT_MAX = 2n ** 63n - 1n;

/** A new thread. */
export interface ThreadPlan {
  readonly comm: string;
  readonly process: Process;
  readonly mm: Mm | undefined;
  readonly flags?: number;
  readonly policy?: number;
  readonly nice?: number;
  readonly rtPriority?: number;
  /** kthread_bind(): the only CPU that it may run on. */
  readonly pinnedCpu?: number;
}

/** The simulated machine. */
export class Kernel {
  readonly options: KernelOptions;
  readonly words: KernelWords;
  readonly prng: Prng;
  readonly sched: Scheduler;
  readonly node: Node;
  readonly log = new Log();
  readonly slowConsole: SlowConsole;
  /** The kmallocwd patch: its version and variables. */
  readonly memalloc: MemallocState;
  /** In the order of init_task.tasks. */
  readonly processes: Process[] = [];
  readonly memcgs = new MemoryCgroups();
  readonly oomLock = new Mutex('oom_lock');
  /** Every sleeping lock that there is, in the order of making, for image and ledger. */
  readonly locks = new Set<Lock>([this.oomLock]);
  /** vm_area_cachep, 152 bytes an object in 6.1, and taskstats_cache, 328 bytes in 4.4. */
  readonly vmAreaCache = new KmemCache('vm_area_struct', 152);
  readonly taskstatsCache = new KmemCache('taskstats', 328);
  /** oom_notify_list: who may have memory to give before somebody is killed. */
  readonly oomNotifiers = new OomNotifyList();
  readonly harm = new Harm();
  readonly reclaimThreads = new ReclaimThreads();
  /** What the kernel said when it stopped for good. */
  panicText: string | undefined;
  /** vm_event OOM_KILL. */
  oomKills = 0;
  /** Calls of out_of_memory(). */
  oomCalls = 0;
  /** Those of them that did nothing, for want of __GFP_FS. */
  noOomCalls = 0;
  kswapdWait: WaitQueue | undefined;
  /** An interrupt runs on top of the current task: in_interrupt(). */
  inInterrupt = false;
  /** Victims that the OOM reaper has not come to yet. */
  readonly oomReaperList: Process[] = [];
  readonly oomReaperWait = new WaitQueue('oom_reaper_wait');
  readonly fs = new FileSystem();
  readonly congestion = new Congestion();
  /** Every mempool that there is, in the order of making. */
  readonly mempools: Mempool[] = [];
  /** fs_bio_set */
  readonly fsBioSet: BioSet;
  readonly writeback = new Writeback();
  /** When the dump was taken, in microseconds since boot; for who judges the run afterwards. */
  dumpTime = 0;
  /** The only swap device, where there is one. */
  swap: SwapDevice | undefined;
  readonly pageWaits = new PageWaits();
  readonly wq = new Workqueues();
  readonly vmstat = new VmStat();
  readonly events = new VmEvents();
  readonly pcpuDrain = new PcpuDrain();
  readonly vmpressure = new VmPressure();
  readonly taskstats = new TaskstatsListeners();
  readonly kthreadCreation = new KthreadCreation();
  readonly wb = new BdiWriteback();
  /** pgdat->pfmemalloc_wait: who waits for kswapd because the reserves are nearly gone. */
  readonly pfmemallocWait = new WaitQueue('pfmemalloc_wait');
  /** The kernel prints ten allocation failures in five seconds at most. */
  readonly allocFailures: RateLimit;
  /** pgdat->reclaim_wait: who waits for others to reclaim. */
  readonly reclaimWait = {
    writeback: new WaitQueue('VMSCAN_THROTTLE_WRITEBACK'),
    isolated: new WaitQueue('VMSCAN_THROTTLE_ISOLATED'),
    noprogress: new WaitQueue('VMSCAN_THROTTLE_NOPROGRESS'),
    congested: new WaitQueue('VMSCAN_THROTTLE_CONGESTED'),
  };
  /** Who looks on; it changes nothing. */
  tracer: Tracer | undefined;
  /** Every function that was ever called: the symbols of its text. */
  readonly functions = new Set<string>();
  readonly #initialJiffies: number;
  readonly #names = new Map<{ readonly name: string }, string | undefined>();
  #nextPid = 1;

  constructor(options: KernelOptions, prng: Prng) {
    this.options = options;
    this.words = options.words ?? WORDS_6_1;
    this.prng = prng;
    this.sched = new Scheduler(options.cpuCount);
    this.slowConsole = new SlowConsole(options, this.log);
    this.memalloc = new MemallocState(patchVersion(options.patch ?? 'v3'), options.cpuCount);
    this.allocFailures = new RateLimit({ interval: 5 * options.hz, burst: 10 });
    this.memalloc = new MemallocState(patchVersion(options.patch ?? 'v3'), options.cpuCount);
    this.node = free_area_init(options);
    if (options.oomReserve) setUpOomReserve(this.node);
    for (const zone of this.node.zones) {
      zone.onlineCpus(options.cpuCount, () => this.sched.processorId);
    }
    this.fsBioSet = new BioSet(this, { name: 'fs_bio_set', poolSize: BIO_POOL_SIZE });
    // INITIAL_JIFFIES: five minutes before 32 bits wrap, so that bugs show early.
    this.locks.add(this.fs.journal).add(this.oomNotifiers.rwsem);
    if (options.drainsByWork) this.locks.add(this.pcpuDrain.mutex);
    this.#initialJiffies = 2 ** 32 - 300 * options.hz;
  }

  get current(): Task {
    return this.sched.current;
  }

  get jiffies(): number {
    const ticks = Math.floor((this.sched.now * this.options.hz) / US_PER_SECOND);
    return this.#initialJiffies + ticks;
  }

  /** `kmallocwd_timeout`, in jiffies. */
  get kmallocwdTimeout(): bigint {
    // The product is an unsigned long before it is clamped, and wraps.
    const timeout = BigInt.asUintN(64, BigInt(this.options.kmallocwd) * BigInt(this.options.hz));
    return timeout < TIMEOUT_MAX ? timeout : TIMEOUT_MAX;
  }

  /**
   * The symbol of a function that is called, for its frame; undefined for one that this kernel has
   * as a part of its callers.
   */
  nameOf(callee: { readonly name: string }): string | undefined {
    const known = this.#names.get(callee);
    if (known !== undefined || this.#names.has(callee)) return known;
    const name = this.words.functionName(callee.name);
    this.#names.set(callee, name);
    if (name !== undefined) this.functions.add(name);
    return name;
  }

  /** Calls `action` when jiffies reach a value. */
  atJiffy(jiffy: number, action: () => void): SimEvent {
    const ticks = jiffy - this.#initialJiffies;
    return this.sched.at(Math.ceil((ticks * US_PER_SECOND) / this.options.hz), action);
  }

  /** The current task has used the CPU for so long; it passes at the next preemption point. */
  spend(us: number): void {
    this.current.debt += us;
  }

  /** pr_warn() and the like: one line into the log. */
  printk(level: number, text: string): void {
    const { current } = this;
    const time = this.sched.now + current.debt;
    this.tracer?.printk(current, text);
    this.slowConsole.advance(time);
    this.log.add({ timeNs: time * 1000, level, callerPid: current.pid, text });
    this.spend(PRINTK_US + this.slowConsole.print(current, time + PRINTK_US));
  }

  /** Every thread, in the order of for_each_process_thread(). */
  *threads(): Generator<Task, void, undefined> {
    for (const { threads } of this.processes) yield* threads;
  }

  /** Tasks that came and went have used up pids. */
  skipPids(count: number): void {
    this.#nextPid += count;
  }

  /** kthread_run() */
  kthread<A extends unknown[]>(
    options: Omit<ThreadPlan, 'process' | 'mm'>,
    body: KernelFunction<A, void>,
    ...args: A
  ): Task {
    const process = this.addProcess({ ppid: this.#nextPid === 2 ? 0 : 2 });
    const flags = (options.flags ?? 0) | PF_KTHREAD | PF_FORKNOEXEC;
    const task = this.#spawn({ ...options, process, mm: undefined, flags });
    return this.#start(task, kthreadCode(this, body, ...args));
  }

  /** A process of user space, without a thread yet. */
  addProcess(options: { ppid: number; oomScoreAdj?: number }): Process {
    const process = new Process(options);
    this.processes.push(process);
    return process;
  }

  /** A thread of user space that runs `program`. */
  thread(plan: ThreadPlan, program: (k: Kernel) => Code): Task {
    const task = this.#spawn({ flags: PF_RANDOMIZE, ...plan });
    return this.#start(task, program(this));
  }

  #spawn(plan: ThreadPlan & { flags: number }): Task {
    const parent = this.#parentOf(plan.process);
    const task = new Task({ pid: this.#nextPid++, ...plan });
    // copy_process() resets the sequence and nothing else; who forks is in no request itself.
    const { start, order, gfp, idx, dumped } = parent?.memalloc ?? task.memalloc;
    task.memalloc = { ...noMemallocInfo(), start, order, gfp, idx, dumped };
    return task;
  }

  /** Who forks: the leader of the process, or of its parent. */
  #parentOf({ threads, ppid }: Process): Task | undefined {
    return threads[0] ?? this.processes.find(({ threads: [task] }) => task?.pid === ppid)?.leader;
  }

  #start(task: Task, code: Code): Task {
    task.code.push(code);
    this.sched.start(task);
    return task;
  }
}

function* kthreadCode<A extends unknown[]>(
  k: Kernel,
  body: KernelFunction<A, void>,
  ...args: A
): Code {
  yield* call(k, ret_from_fork, body, args);
}

function* ret_from_fork<A extends unknown[]>(
  k: Kernel,
  body: KernelFunction<A, void>,
  args: A,
): Code {
  yield* call(k, kthread, body, args);
}

function* kthread<A extends unknown[]>(k: Kernel, body: KernelFunction<A, void>, args: A): Code {
  yield* call(k, body, ...args);
}
