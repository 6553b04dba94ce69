// D3 as in seed 001, the report in the documentation of kmallocwd v3: oom-tester takes all memory,
// and the OOM killer sacrifices its child, a process of many threads. Its leader comes as far as
// mmap_lock on its way out. Threads of it have the lock for reading, in page faults that may not
// enter the file system and find no memory, for only the leader may use the reserves; others wait
// to write, and so keep the leader out.

import { addProgram, addThread, type DaemonPlan } from '../boot.ts';
import type { Kernel } from '../core/kernel.ts';
import { __x64_sys_nanosleep } from '../core/time.ts';
import { eventfd_read } from '../fs/eventfd.ts';
import { startLogWorker } from '../fs/log-worker.ts';
import { __x64_sys_unlinkat } from '../fs/unlink.ts';
import { page_fault, syscall } from '../kernel/entry.ts';
import { __x64_sys_exit } from '../kernel/exit.ts';
import { __x64_sys_brk } from '../mm/mmap.ts';
import { vmpressure_register_event } from '../mm/vmpressure.ts';
import { daemon, eater, grown, later, type Program } from '../programs.ts';
import type { Scenario } from '../scenario.ts';

const SECOND_US = 1_000_000;
/** When the tester begins, what of memory it takes at first, and how long it rests after that. */
const BEGIN_US = 6 * SECOND_US;
const GROWN_SHARE = 0.55;
const REST_US = 1.2 * SECOND_US;
/** When its child begins, and what of memory that has besides what it locks. */
const CHILD_US = BEGIN_US + 0.4 * SECOND_US;
const CHILD_SHARE = 0.04;
/** Its threads in the order of their pids: who reads a locked file, and who trims the heap. */
const THREADS = ['read', 'read', 'trim', 'read', 'trim', 'trim', 'trim', 'read', 'read'];
/** A thread that is to trim the heap does so when it has come to rest. */
const TRIM_US = 250_000;
/** The readers begin within so many microseconds. */
const READ_US = 30_000;
/** Seconds between two runs of the worker that keeps the log short. */
const LOG_SECONDS = 1.9;
/** What the daily job removes, and when: two transactions, which make that worker wait. */
const REMOVED_BLOCKS = 2_500;
const REMOVED_FILES = 2;
const CLEAN_US = 1.2 * SECOND_US;
/** A virtual machine with CentOS 7. */
const DAEMONS: readonly DaemonPlan[] = [
  { comm: 'systemd', ppid: 0, filePages: 400, sleepUs: 600 * SECOND_US },
  { comm: 'systemd-journal', filePages: 300, oomScoreAdj: -250, sleepUs: 430_000 },
  { comm: 'tuned', filePages: 150, sleepUs: 11 * SECOND_US },
  { comm: 'irqbalance', filePages: 60, sleepUs: 10 * SECOND_US },
  { comm: 'rngd', filePages: 50, sleepUs: 470_000 },
  { comm: 'abrt-watch-log', filePages: 60, sleepUs: 510_000 },
  { comm: 'sshd', filePages: 200, oomScoreAdj: -1000, sleepUs: 600 * SECOND_US },
  { comm: 'vmtoolsd', filePages: 120, sleepUs: 550_000 },
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
  requires: [
    'reservesByThread',
    'oomPrefersChildren',
    'killableMmapLock',
    'faultsAvoidFs',
    'oomNeedsFs',
    'oomReaper',
  ],
  daemons: DAEMONS,
  defaults: { ramMiB: 96, cpus: 1, hz: 1000, dumpSeconds: 28 },
  start,
};

function start(k: Kernel): void {
  startLogWorker(k, LOG_SECONDS);
  addProgram(k, { comm: 'tmpwatch' }, later(CLEAN_US, cleaner));
  const managed = k.node.managedPages;
  const hog = eater({ pages: managed, batch: 64, sleepUs: 10_000 + k.prng.below(10_000) });
  const tester = grown(Math.floor(managed * GROWN_SHARE), later(REST_US, hog));
  const parent = addProgram(k, { comm: 'oom-tester' }, later(BEGIN_US, tester));
  startChild(k, parent.leader.pid);
}

function startChild(k: Kernel, ppid: number): void {
  const size = Math.floor(k.node.managedPages * CHILD_SHARE);
  const idle = daemon({ sleepUs: 600 * SECOND_US, filePages: 0 });
  const child = addProgram(k, { comm: 'oom-tester', ppid }, grown(size, idle));
  const begin = CHILD_US + k.prng.below(SECOND_US / 10);
  for (const role of THREADS) {
    const program = role === 'read' ? later(begin + k.prng.below(READ_US), reader) : trimmer(k);
    addThread(k, child, { comm: 'oom-tester' }, program);
  }
}

/** Reads a file from end to end through a mapping that is locked. */
const reader: Program = function* (k) {
  for (;;) yield* page_fault(k, 'locked');
};

/** Sees whether its heap has a page to give back, some time after memory has become short. */
function trimmer(k: Kernel): Program {
  const pressure = vmpressure_register_event(k);
  return function* () {
    for (;;) {
      yield* syscall(k, eventfd_read, pressure);
      yield* syscall(k, __x64_sys_nanosleep, TRIM_US + k.prng.below(TRIM_US));
      yield* syscall(k, __x64_sys_brk, { pages: 0 });
    }
  };
}

/** The daily job that removes what is old. */
const cleaner: Program = function* (k) {
  for (let i = 0; i < REMOVED_FILES; i++) yield* syscall(k, __x64_sys_unlinkat, REMOVED_BLOCKS);
  yield* syscall(k, __x64_sys_exit);
};
