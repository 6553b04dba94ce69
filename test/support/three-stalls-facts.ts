// A machine that was never run: facts for src/sim/image, with all in it that a reader has to tell
// apart. A backup job holds the lock of a directory and asks
// for memory with GFP_NOFS, which may not invoke the OOM killer. The OOM killer has chosen a Java
// server before, and that waits for the lock of the backup job. Two more requests wait with it.
//
// The kernel was booted with kmallocwd=0: no watchdog ran and the log would say nothing. The
// records in the tasks are all there is.

import { Prng } from '../../src/util/prng.ts';
import type {
  MachineFacts,
  MemallocFacts,
  ProcessFacts,
  ThreadFacts,
} from '../../src/sim/image/machine-facts.ts';
import { TIF_MEMDIE_BIT, TIF_SIGPENDING_BIT } from '../../src/sim/image/kernel-code.ts';

const HZ = 250;
const UPTIME_SECONDS = 4021.6;
/** INITIAL_JIFFIES is (unsigned int)(-300 * HZ). */
const JIFFIES = BigInt(2 ** 32 - 300 * HZ) + BigInt(Math.round(UPTIME_SECONDS * HZ));

// The words of include/linux/sched.h and gfp_types.h that the machine needs.
const RUNNING = 0;
const INTERRUPTIBLE = 0x1;
const UNINTERRUPTIBLE = 0x2;
const STOPPED = 0x4;
const IDLE = 0x402;
const EXIT_ZOMBIE = 0x20;

const USER = 0x00400000;
const DAEMON = 0x00400100;
const PF_IDLE_TASK = 0x04200002;
const PF_EXITING = 0x4;
const PF_MEMALLOC = 0x800;
const PF_KSWAPD = 0x20000;
const KTHREAD = 0x00208040;
const BOUND_KTHREAD = 0x04208040;
const WORKER = 0x04208060;

const GFP_ATOMIC = 0xa20;
const GFP_NOIO = 0xc00;
const GFP_NOFS = 0xc40;
const GFP_KERNEL = 0xcc0;
const GFP_HIGHUSER_MOVABLE = 0x100cca;
const GFP_ZERO = 0x100;
const GFP_NOFAIL = 0x8000;

const SIGKILL_SET = 1n << 8n;
const SIGNAL_STOP_STOPPED = 0x1;
const SIGNAL_GROUP_EXIT = 0x4;

/** A request that is in flight, or was the last one where `valid` is 0. */
function request(age: number, rest: Omit<MemallocFacts, 'start' | 'dumped'>): MemallocFacts {
  return { ...rest, start: JIFFIES - BigInt(Math.round(age * HZ)), dumped: 0 };
}

const NEVER: MemallocFacts = { sequence: 0, valid: 0, dumped: 0, start: 0n, order: 0, gfp: 0 };

/** What differs from a user's process that sleeps. */
type ThreadOptions = Partial<ThreadFacts> & Pick<ThreadFacts, 'pid' | 'comm'>;

/** Counters nobody plans get values that look like a machine's; one seed, one machine. */
class Cast {
  readonly #prng = new Prng(20151124);

  thread(options: ThreadOptions): ThreadFacts {
    const { pid } = options;
    return {
      state: INTERRUPTIBLE,
      exitState: 0,
      flags: USER,
      cpu: pid % 4,
      onCpu: false,
      prio: 120,
      staticPrio: 120,
      policy: 0,
      utime: this.#prng.below(900) * 4_000_000,
      stime: this.#prng.below(300) * 4_000_000,
      nvcsw: this.#prng.below(40_000),
      nivcsw: this.#prng.below(900),
      startTimeNs: pid * 31_000_000 + this.#prng.below(10_000_000),
      threadFlags: 0,
      pending: 0n,
      jobctl: 0,
      inMemstall: false,
      memalloc: NEVER,
      ...options,
    };
  }

  /** A process with an address space. */
  user(
    threads: readonly ThreadOptions[],
    options: Partial<ProcessFacts> & Pick<ProcessFacts, 'ppid'>,
  ): ProcessFacts {
    return {
      mm: { flags: 0xcd, totalPages: 4_000 + this.#prng.below(90_000), anonPages: 700 },
      oomScoreAdj: 0,
      signalFlags: 0,
      sharedPending: 0n,
      oomVictim: false,
      ...options,
      threads: threads.map((thread) => this.thread(thread)),
    };
  }

  kthread(options: ThreadOptions): ProcessFacts {
    const kernel = { flags: KTHREAD, utime: 0, ...options };
    const ppid = options.pid === 2 ? 0 : 2;
    return this.user([kernel], { ppid, mm: undefined });
  }
}

/** The facts of the machine at the instant of the dump. */
export function threeStalls(): MachineFacts {
  const cast = new Cast();
  const release = '6.1.192-stallcore-sim';
  const version = '#1 SMP PREEMPT_DYNAMIC Tue Nov 24 15:24:00 UTC 2015';
  const compiler = 'no compiler, facts of a test';
  return {
    nodename: 'three-stalls',
    release,
    version,
    banner: `Linux version ${release} (stallcore@simulation) (${compiler}) ${version}`,
    buildId: '7374616c6c636f72652d74687265652d7374616c',
    hz: HZ,
    jiffies: JIFFIES,
    cpuCount: 4,
    tscKhz: 2_400_000,
    ramBytes: 512 << 20,
    kaslr: {
      kernelOffset: 0x1c400000n,
      physBase: -0x12400000,
      pageOffsetBase: 0xffff96d2c0000000n,
      vmallocBase: 0xffffb5a440000000n,
      vmemmapBase: 0xffffe7c0c0000000n,
    },
    kmallocwdTimeout: 0n,
    idle: [0, 1, 2, 3].map((cpu) => idleTask(cast, cpu)),
    processes: [...kernelThreads(cast), ...daemons(cast), ...stuck(cast), ...bystanders(cast)],
  };
}

function idleTask(cast: Cast, cpu: number): ThreadFacts {
  return cast.thread({
    pid: 0,
    comm: `swapper/${cpu}`,
    state: RUNNING,
    flags: PF_IDLE_TASK,
    cpu,
    // CPUs 1 and 2 run tasks.
    onCpu: cpu === 0 || cpu === 3,
    utime: 0,
    nivcsw: 0,
    startTimeNs: 0,
  });
}

function kernelThreads(cast: Cast): ProcessFacts[] {
  const ksoftirqdRequest = { sequence: 18, valid: 0, order: 0, gfp: GFP_ATOMIC };
  const writebackRequest = { sequence: 4464, valid: 2, order: 0, gfp: GFP_NOIO };
  const journalRequest = { sequence: 96, valid: 0, order: 0, gfp: GFP_NOFS | GFP_NOFAIL };
  return [
    cast.user([{ pid: 1, comm: 'systemd', flags: DAEMON }], { ppid: 0 }),
    cast.kthread({ pid: 2, comm: 'kthreadd' }),
    cast.kthread({
      pid: 3,
      comm: 'rcu_gp',
      state: IDLE,
      flags: WORKER,
      prio: 100,
      staticPrio: 100,
    }),
    cast.kthread({ pid: 11, comm: 'kworker/0:1', state: IDLE, flags: WORKER, cpu: 0 }),
    cast.kthread({
      pid: 14,
      comm: 'ksoftirqd/0',
      flags: BOUND_KTHREAD,
      cpu: 0,
      // Recorded because __GFP_RECLAIM has the bit for waking kswapd too; it never sleeps.
      memalloc: request(0.8, ksoftirqdRequest),
    }),
    cast.kthread({
      pid: 16,
      comm: 'migration/0',
      flags: BOUND_KTHREAD,
      cpu: 0,
      prio: 0,
      policy: 1,
    }),
    cast.kthread({
      pid: 41,
      comm: 'kworker/u8:2',
      state: UNINTERRUPTIBLE,
      flags: WORKER | PF_MEMALLOC,
      cpu: 3,
      inMemstall: true,
      // A request out of reclaim below a request: the record is the outer one's. Young still.
      memalloc: request(4.2, writebackRequest),
    }),
    cast.kthread({ pid: 57, comm: 'oom_reaper' }),
    cast.kthread({
      pid: 58,
      comm: 'kswapd0',
      state: UNINTERRUPTIBLE,
      flags: KTHREAD | PF_KSWAPD | PF_MEMALLOC,
      cpu: 3,
      inMemstall: true,
    }),
    cast.kthread({
      pid: 112,
      comm: 'jbd2/vda1-8',
      state: UNINTERRUPTIBLE,
      cpu: 0,
      memalloc: request(31.5, journalRequest),
    }),
  ];
}

function daemons(cast: Cast): ProcessFacts[] {
  const journald = { sequence: 2474, valid: 0, order: 0, gfp: GFP_HIGHUSER_MOVABLE };
  const forker = { sequence: 8, valid: 1, order: 2, gfp: GFP_KERNEL };
  return [
    // A request that finished: history, not a stall, however long ago it began.
    cast.user(
      [{ pid: 201, comm: 'systemd-journal', flags: DAEMON, memalloc: request(26.9, journald) }],
      { ppid: 1, oomScoreAdj: -250 },
    ),
    cast.user([{ pid: 222, comm: 'cron', flags: DAEMON }], { ppid: 1 }),
    cast.user([{ pid: 236, comm: 'agetty', flags: DAEMON }], { ppid: 1 }),
    cast.user([{ pid: 240, comm: 'sshd', flags: DAEMON }], { ppid: 1, oomScoreAdj: -1000 }),
    // Forks for a login: order 2.
    cast.user(
      [
        {
          pid: 288,
          comm: 'sshd',
          state: RUNNING,
          flags: DAEMON | PF_MEMALLOC,
          cpu: 2,
          onCpu: true,
          inMemstall: true,
          memalloc: request(18.044, forker),
        },
      ],
      { ppid: 240, oomScoreAdj: -1000 },
    ),
  ];
}

function stuck(cast: Cast): ProcessFacts[] {
  const holder = { sequence: 10_622, valid: 1, order: 0, gfp: GFP_NOFS };
  const fault = { sequence: 730, valid: 1, order: 0, gfp: GFP_HIGHUSER_MOVABLE | GFP_ZERO };
  const killed = {
    state: UNINTERRUPTIBLE,
    pending: SIGKILL_SET,
    threadFlags: 1 << TIF_SIGPENDING_BIT,
    flags: USER,
  };
  return [
    // Holds the lock that the victim waits for.
    cast.user(
      [
        {
          pid: 412,
          comm: 'backup',
          state: RUNNING,
          flags: USER | PF_MEMALLOC,
          cpu: 1,
          onCpu: true,
          inMemstall: true,
          memalloc: request(23.708, holder),
        },
      ],
      { ppid: 1 },
    ),
    // The OOM victim. The kernel marks one thread with TIF_MEMDIE and kills all of them.
    cast.user(
      [
        {
          ...killed,
          pid: 530,
          comm: 'java',
          threadFlags: killed.threadFlags | (1 << TIF_MEMDIE_BIT),
        },
        { ...killed, pid: 533, comm: 'GC Thread#0' },
        { ...killed, pid: 534, comm: 'VM Thread' },
      ],
      {
        ppid: 1,
        signalFlags: SIGNAL_GROUP_EXIT,
        sharedPending: SIGKILL_SET,
        oomVictim: true,
        mm: { flags: 0xcd, totalPages: 731_204, anonPages: 88_310 },
      },
    ),
    // Touches a page for the first time. A tab in the name, as an old dump tool would print it raw.
    cast.user(
      [
        {
          pid: 601,
          comm: 'batch\tjob',
          state: UNINTERRUPTIBLE,
          flags: USER | PF_MEMALLOC,
          inMemstall: true,
          memalloc: request(12.36, fault),
        },
      ],
      { ppid: 1, oomScoreAdj: 200 },
    ),
  ];
}

function bystanders(cast: Cast): ProcessFacts[] {
  const parent = request(57.2, { sequence: 6, valid: 0, order: 1, gfp: GFP_KERNEL });
  return [
    cast.user([{ pid: 640, comm: 'php-fpm', flags: DAEMON, memalloc: parent }], { ppid: 1 }),
    // fork() resets the sequence only: the rest is the parent's request.
    cast.user([{ pid: 643, comm: 'php-fpm', memalloc: { ...parent, sequence: 0 } }], { ppid: 640 }),
    cast.user([{ pid: 700, comm: 'sh', flags: DAEMON }], { ppid: 240 }),
    cast.user([{ pid: 1466, comm: 'vi', state: STOPPED, jobctl: 0x200000 }], {
      ppid: 700,
      signalFlags: SIGNAL_STOP_STOPPED,
    }),
    cast.user(
      [
        {
          pid: 4310,
          comm: 'true',
          state: RUNNING,
          exitState: EXIT_ZOMBIE,
          flags: USER | PF_EXITING,
        },
      ],
      { ppid: 700, mm: undefined },
    ),
  ];
}
