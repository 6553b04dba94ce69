// The tasks of the machines of layout-machine.ts: one of each kind that the rules of the watchdog
// tell apart, with the same requests in every version.

import type {
  MemallocFacts,
  ProcessFacts,
  ThreadFacts,
} from '../../src/sim/image/machine-facts.ts';
import { TIF_MEMDIE_BIT, TIF_SIGPENDING_BIT } from '../../src/sim/image/kernel-code.ts';
import type { RecordFacts } from './layout-machine.ts';

const RUNNING = 0;
const INTERRUPTIBLE = 1;
const UNINTERRUPTIBLE = 2;
const TASK_DEAD = 0x80;

const USER = 0x400000;
const PF_EXITING = 0x4;
const PF_KSWAPD = 0x20000;
const KTHREAD = 0x208040;

const SIGKILL = 1n << 8n;
const SIGPENDING = 1 << TIF_SIGPENDING_BIT;
const MEMDIE = 1 << TIF_MEMDIE_BIT;

// Of kernel 6.1, whose gfpflag_names the machines have.
const GFP_ATOMIC = 0xa20;
const GFP_NOFS = 0xc40;
export const GFP_KERNEL = 0xcc0;

/** The simulation writes L3; the test writes over it what its layout has. */
const NO_RECORD: MemallocFacts = { sequence: 0, valid: 0, dumped: 0, start: 0n, order: 0, gfp: 0 };

type ThreadOptions = Partial<ThreadFacts> & Pick<ThreadFacts, 'pid' | 'comm'>;

function thread(options: ThreadOptions): ThreadFacts {
  return {
    state: INTERRUPTIBLE,
    exitState: 0,
    flags: USER,
    cpu: 0,
    onCpu: false,
    prio: 120,
    staticPrio: 120,
    policy: 0,
    utime: 0,
    stime: 0,
    nvcsw: 5,
    nivcsw: 2,
    startTimeNs: options.pid * 1_000_000,
    threadFlags: 0,
    pending: 0n,
    jobctl: 0,
    inMemstall: false,
    memalloc: NO_RECORD,
    ...options,
  };
}

function process(...threads: readonly ThreadOptions[]): ProcessFacts {
  return {
    ppid: threads[0]?.pid === 1 ? 0 : 1,
    mm: undefined,
    oomScoreAdj: 0,
    signalFlags: 0,
    sharedPending: 0n,
    oomVictim: false,
    threads: threads.map(thread),
  };
}

const KILLED = { threadFlags: SIGPENDING, pending: SIGKILL };

/** In the order of the task list. */
export const PROCESSES: readonly ProcessFacts[] = [
  process({ pid: 1, comm: 'init' }),
  process({ pid: 40, comm: 'kswapd0', state: UNINTERRUPTIBLE, flags: KTHREAD | PF_KSWAPD }),
  process({ pid: 50, comm: 'young', state: RUNNING }),
  process(
    { pid: 51, comm: 'half', state: UNINTERRUPTIBLE },
    { pid: 52, comm: 'thread', state: UNINTERRUPTIBLE },
  ),
  process({ pid: 53, comm: 'nested', state: RUNNING }),
  process({
    pid: 54,
    comm: 'victim',
    state: UNINTERRUPTIBLE,
    ...KILLED,
    threadFlags: SIGPENDING | MEMDIE,
  }),
  process({ pid: 55, comm: 'dying', state: RUNNING, ...KILLED }),
  process({ pid: 56, comm: 'exiting', state: UNINTERRUPTIBLE, flags: USER | PF_EXITING }),
  process({ pid: 57, comm: 'leaving', state: UNINTERRUPTIBLE, flags: USER | PF_EXITING }),
  process({ pid: 58, comm: 'dead', state: TASK_DEAD, flags: USER | PF_EXITING, exitState: 0x20 }),
  process({ pid: 59, comm: 'child' }),
  process({ pid: 60, comm: 'torn', state: RUNNING }),
  process({ pid: 61, comm: 'mempool', state: UNINTERRUPTIBLE }),
  process({ pid: 62, comm: 'atomic', state: RUNNING }),
  process({ pid: 63, comm: 'underflow' }),
  process({ pid: 64, comm: 'too-deep' }),
  process({ pid: 65, comm: 'finished' }),
];

/** Requests by pid; the timeout of the machines is 10 s. Tasks that are not here have none. */
export const RECORDS: Readonly<Record<number, RecordFacts>> = {
  50: { depth: 1, sequence: 10, age: 2, gfp: GFP_KERNEL, idx: 0 },
  51: { depth: 1, sequence: 12, age: 6, gfp: GFP_KERNEL, type: 4, report: true, idx: 1 },
  52: { depth: 1, sequence: 14, age: 12, order: 2, gfp: GFP_KERNEL, dumped: 2, idx: 0 },
  53: { depth: 2, sequence: 16, age: 20, gfp: GFP_NOFS, idx: 1, knownLocation: 1 },
  55: { depth: 1, sequence: 18, age: 10, gfp: GFP_KERNEL, idx: 1, knownLocation: 2 },
  57: { depth: 1, sequence: 20, age: 16, gfp: GFP_KERNEL, idx: 1 },
  // fork() resets nothing but the sequence.
  59: { depth: 0, sequence: 0, age: 57, order: 1, gfp: GFP_KERNEL },
  60: { depth: 1, sequence: 23, age: 30, gfp: GFP_KERNEL },
  61: { depth: 1, sequence: 24, age: 14, order: -1, gfp: GFP_NOFS },
  // Recorded by the versions that look at __GFP_RECLAIM, which has the bit for waking kswapd.
  62: { depth: 0, sequence: 26, age: 0.4, gfp: GFP_ATOMIC },
  63: { depth: 255, sequence: 28, age: 1, gfp: GFP_KERNEL },
  64: { depth: 5, sequence: 30, age: 3, gfp: GFP_KERNEL },
  65: { depth: 0, sequence: 32, age: 50, order: 3, gfp: GFP_KERNEL },
};
