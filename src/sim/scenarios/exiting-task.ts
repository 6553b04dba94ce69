// D5, a task that allocates inside do_exit(): servers end their threads because the kernel says
// that memory is as good as gone, and somebody listens to the statistics of those that exit, for
// which each exit takes memory. The OOM killer sees a task that is about to give memory back, and
// kills nobody; so there is none for its message.

import { addProgram, addThread } from '../boot.ts';
import type { Kernel } from '../core/kernel.ts';
import { __x64_sys_nanosleep } from '../core/time.ts';
import { eventfd_read, type EventFd } from '../fs/eventfd.ts';
import { page_fault, syscall } from '../kernel/entry.ts';
import { __x64_sys_exit } from '../kernel/exit.ts';
import { netlink_recvmsg } from '../kernel/taskstats.ts';
import { vmpressure_register_event } from '../mm/vmpressure.ts';
import { eater, type Program } from '../programs.ts';
import type { Scenario } from '../scenario.ts';

/** make -j3 of so many files, and what each compiler takes at last, as a part of memory. */
const JOBS = 3;
const FILES = 32;
const JOB_SHARE = 0.5;
/** Servers, and the threads of each. */
const SERVERS = 6;
const SERVER_THREADS = 4;
/** A thread finishes its request before it ends, which takes so many microseconds at most. */
const REQUEST_US = 60_000;
/** How soon make and the servers' master see that somebody has ended. */
const RESTART_US = 250_000;

/** The scenario. */
export const EXITING_TASK: Scenario = {
  name: 'exiting-task',
  about: 'the OOM killer waits for an exiting task, which waits for memory (D5)',
  diagnosis: 'D5',
  needs: [
    'an OOM killer that chooses nobody while a task is exiting (up to Linux 4.5)',
    'no reserves for an exiting task that calls it while others exit (up to Linux 3.7)',
  ],
  features: { exitingBlocksOomKiller: true, exitingUsesReserves: false },
  defaults: { ramMiB: 96, cpus: 2, hz: 250, dumpSeconds: 15 },
  start,
};

function start(k: Kernel): void {
  addProgram(k, { comm: 'atopacctd' }, accounter);
  keepRunning(k, { pressure: vmpressure_register_event(k), files: FILES });
}

/** Whoever has ended is started again; a compiler that was killed is, for the next file. */
function keepRunning(k: Kernel, machine: { readonly pressure: EventFd; files: number }): void {
  const running = (comm: string): number =>
    k.processes.filter(({ leader }) => leader.comm === comm).length;
  for (let i = running('cc1plus'); i < JOBS && machine.files > 0; i++) {
    machine.files--;
    const pages = Math.floor(k.node.managedPages * JOB_SHARE);
    const batch = 32 + k.prng.below(64);
    addProgram(k, { comm: 'cc1plus' }, eater({ pages, batch, sleepUs: 4_000 }));
  }
  for (let i = running('httpd'); i < SERVERS; i++) startServer(k, machine.pressure);
  k.sched.at(k.sched.now + RESTART_US, () => keepRunning(k, machine));
}

function startServer(k: Kernel, pressure: EventFd): void {
  const server = addProgram(k, { comm: 'httpd' }, serverThread(pressure));
  for (let i = 1; i < SERVER_THREADS; i++) {
    addThread(k, server, { comm: `httpd/${i}` }, serverThread(pressure));
  }
}

/** Waits for a request, until it is the one that is told that memory is short. */
function serverThread(pressure: EventFd): Program {
  return function* (k) {
    yield* syscall(k, eventfd_read, pressure);
    yield* syscall(k, __x64_sys_nanosleep, k.prng.below(REQUEST_US));
    yield* syscall(k, __x64_sys_exit);
  };
}

/** Writes down what every task that has ended had used. */
const accounter: Program = function* (k) {
  for (;;) {
    yield* syscall(k, netlink_recvmsg);
    // The record goes to a page of its own, in the page cache.
    yield* page_fault(k, 'file');
  }
};
