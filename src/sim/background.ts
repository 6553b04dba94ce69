// Tasks that a machine has besides those that its scenario is about: servers whose threads wait for
// requests that never come. They cost no time, and every walk over all tasks meets them.

import type { Kernel } from './core/kernel.ts';
import { syscall } from './kernel/entry.ts';
import { __x64_sys_futex } from './kernel/futex.ts';
import { Mm } from './kernel/task.ts';
import type { Program } from './programs.ts';

/** Threads of one process, at most. */
const THREADS_MAX = 64;

/** Adds so many threads, in processes of one to 64. */
export function addIdleTasks(k: Kernel, count: number): void {
  for (let left = count, server = 0; left > 0; server++) {
    const threads = Math.min(left, 1 + k.prng.below(THREADS_MAX));
    const process = k.addProcess({ ppid: 1 });
    const mm = new Mm(20_000 + k.prng.below(90_000));
    for (let i = 0; i < threads; i++) {
      const comm = i === 0 ? `server-${server}` : `worker-${i}`;
      k.thread({ comm, process, mm }, idle);
    }
    left -= threads;
  }
}

/** A thread that waits for a request. */
const idle: Program = function* (k) {
  for (;;) yield* syscall(k, __x64_sys_futex);
};
