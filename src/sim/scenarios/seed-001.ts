// D3 as in seed 001, the report in the documentation of kmallocwd v3: oom-tester takes all memory,
// and the OOM killer sacrifices its child, a process of many threads. Its leader comes as far as
// mmap_lock on its way out. Threads of it have the lock for reading, in page faults that may not
// enter the file system and find no memory, for only the leader may use the reserves; others wait to
// write, and so keep the leader out.

import { addProgram, addThread, type DaemonPlan } from '../boot.ts';
import type { Kernel } from '../core/kernel.ts';
import { __x64_sys_nanosleep } from '../core/time.ts';
import { eventfd_read } from '../fs/eventfd.ts';
import { startLogWorker } from '../fs/log-worker.ts';
import { __x64_sys_unlinkat } from '../fs/unlink.ts';
import { syscall } from '../kernel/entry.ts';
import { __x64_sys_exit } from '../kernel/exit.ts';
import type { Process } from '../kernel/task.ts';
import { __x64_sys_brk } from '../mm/mmap.ts';
import { vmpressure_register_event } from '../mm/vmpressure.ts';
import { daemon, eater, grown, later, type Program } from '../programs.ts';
import type { Scenario } from '../scenario.ts';

const SECOND_US = 1_000_000;
/** When the tester begins, and what of memory it takes in one go before it slows down. */
const BEGIN_US = 6 * SECOND_US;
const GROWN_SHARE = 0.55;
/** Children that it has, one after the other at work, and the memory of each. */
const CHILDREN = 6;
const CHILD_SHARE = 0.04;
/** Threads of a child in the order of their pids: who faults pages in, and who trims the heap. */
const THREADS = ['fault', 'fault', 'trim', 'fault', 'trim', 'trim', 'trim', 'fault', 'fault'];
/** What a thread that faults reads of the file again and again. */
const FILE_PAGES = 24;
/** How long a thread that has trimmed the heap leaves it alone at least. */
const TRIM_US = 40_000;
/** Seconds between two runs of the worker that keeps the log short. */
const LOG_SECONDS = 1.9;
/** What the daily job removes, and when: two transactions, which make that worker wait. */
const REMOVED_BLOCKS = 2_500;
const REMOVED_FILES = 2;
const CLEAN_US = 1.2 * SECOND_US;
/** How often the parent looks whether a child has ended. */
const WAIT_US = 20_000;

/** A virtual machine with CentOS 7. */
const DAEMONS: readonly DaemonPlan[] = [
  { comm: 'systemd', ppid: 0, filePages: 400, sleepUs: 600 * SECOND_US },
  { comm: 'systemd-journal', filePages: 300, oomScoreAdj: -250, sleepUs: 30_000 },
  { comm: 'tuned', filePages: 150, sleepUs: 11 * SECOND_US },
  { comm: 'irqbalance', filePages: 60, sleepUs: 10 * SECOND_US },
  { comm: 'rngd', filePages: 50, sleepUs: 50_000 },
  { comm: 'abrt-watch-log', filePages: 60, sleepUs: 60_000 },
  { comm: 'sshd', filePages: 200, oomScoreAdj: -1000, sleepUs: 600 * SECOND_US },
  { comm: 'vmtoolsd', filePages: 120, sleepUs: 40_000 },
  { comm: 'nmbd', filePages: 90, sleepUs: 9.9 * SECOND_US },
  { comm: 'smbd', filePages: 110, sleepUs: 9.8 * SECOND_US },
  { comm: 'smbd', filePages: 110, sleepUs: 10.1 * SECOND_US },
];

/** The scenario. */
export const SEED_001: Scenario = {
  name: 'seed-001',
  about: "the report of seed 001: a victim that exits waits for its own threads' mmap_lock (D3)",
  diagnosis: 'D3',
  needs: [
    'reserves for the thread with TIF_MEMDIE alone (until Linux 4.14)',
    'waits for mmap_lock that no signal ends (until Linux 4.7)',
    'page faults that may not enter the file system',
    'an OOM killer that kills the child for its parent',
    'no OOM reaper',
  ],
  features: {
    reservesByThread: true,
    oomPrefersChildren: true,
    killableMmapLock: false,
    faultsAvoidFs: true,
    oomNeedsFs: true,
    oomReaper: false,
    cascadingTimers: true,
    blockingShrinker: false,
    vmapStack: false,
  },
  daemons: DAEMONS,
  defaults: { ramMiB: 96, cpus: 1, hz: 1000, dumpSeconds: 30 },
  start,
};

function start(k: Kernel): void {
  startLogWorker(k, LOG_SECONDS);
  addProgram(k, { comm: 'tmpwatch' }, later(CLEAN_US, cleaner));
  const managed = k.node.managedPages;
  const hog = eater({ pages: managed, batch: 32, sleepUs: 10_000 + k.prng.below(10_000) });
  const tester = grown(Math.floor(managed * GROWN_SHARE), hog);
  const parent = addProgram(k, { comm: 'oom-tester' }, later(BEGIN_US, tester));
  let before: Process | undefined;
  for (let i = 0; i < CHILDREN; i++) {
    before = startChild(k, { place: i, ppid: parent.leader.pid, before });
  }
}

interface ChildPlan {
  readonly place: number;
  readonly ppid: number;
  readonly before: Process | undefined;
}

/** The child that is sacrificed next is the largest, and the only one whose threads are at work. */
function startChild(k: Kernel, { place, ppid, before }: ChildPlan): Process {
  const size = Math.floor(k.node.managedPages * CHILD_SHARE) - 64 * place;
  const idle = daemon({ sleepUs: 600 * SECOND_US, filePages: 0 });
  const child = addProgram(k, { comm: 'oom-tester', ppid }, grown(size, idle));
  for (const role of THREADS) {
    const program = role === 'fault' ? faulter(k) : trimmer(k);
    addThread(k, child, { comm: 'oom-tester' }, whenGone(before, program));
  }
  return child;
}

/** Begins when the child before has ended. */
function whenGone(process: Process | undefined, program: Program): Program {
  return function* (k) {
    while (process !== undefined && k.processes.includes(process)) {
      yield* syscall(k, __x64_sys_nanosleep, WAIT_US);
    }
    yield* program(k);
  };
}

/** Reads a part of a file again and again, through a mapping. */
function faulter(k: Kernel): Program {
  return daemon({ sleepUs: 1_000 + k.prng.below(2_000), filePages: FILE_PAGES });
}

/** Sees whether its heap has a page to give back, when it is told that memory is short. */
function trimmer(k: Kernel): Program {
  const pressure = vmpressure_register_event(k);
  return function* () {
    for (;;) {
      yield* syscall(k, eventfd_read, pressure);
      yield* syscall(k, __x64_sys_brk, { pages: 0 });
      yield* syscall(k, __x64_sys_nanosleep, TRIM_US + k.prng.below(TRIM_US));
    }
  };
}

/** The daily job that removes what is old. */
const cleaner: Program = function* (k) {
  for (let i = 0; i < REMOVED_FILES; i++) yield* syscall(k, __x64_sys_unlinkat, REMOVED_BLOCKS);
  yield* syscall(k, __x64_sys_exit);
};
