// The watchdog after the kmallocwd patch v3 (Tetsuo Handa, November 2015): a kernel thread that
// sleeps until the oldest request can be as old as the timeout, and reports what stalls.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { LOGLEVEL_INFO, LOGLEVEL_WARNING } from '../kernel/printk.ts';
import { cond_resched } from '../kernel/sched.ts';
import { show_mem } from '../mm/show-mem.ts';
import { TASK_UNINTERRUPTIBLE } from '../kernel/task-bits.ts';
import { fatal_signal_pending, type MemallocInfo, type Task } from '../kernel/task.ts';
import { stackTrace } from '../kernel/show-task.ts';
import { schedule_timeout_interruptible } from '../kernel/timer.ts';

/** Traces of one stalling request before the counter wraps at 256. */
const TRACES_MAX = 2;
/** A timeout beyond what the timer wheel takes is for ever. */
const SLEEP_MAX = 2 ** 40;
/** Microseconds that looking at one task takes. */
const LOOK_US = 0.05;

/** What is printed about the tasks at one instant. */
export interface StallReport {
  readonly stalling: readonly Task[];
  readonly lines: readonly string[];
}

/** Starts the thread, unless `kmallocwd=0`. */
export function start_kmallocwd(k: Kernel): void {
  if (k.kmallocwdTimeout === 0n) return;
  k.kthread({ comm: 'kmallocwd' }, kmallocwd);
}

/** is_stalling_task(): the request is in flight, at rest, and not younger than `expire`. */
export function isStalling({ valid, sequence, start }: MemallocInfo, expire: number): boolean {
  return valid > 0 && (sequence & 1) === 0 && start <= expire;
}

/** The lines about the tasks; there is a first line even where nothing stalls. */
export function stallReport(k: Kernel, timeout: number): StallReport {
  const now = k.jiffies;
  const tasks = [...k.threads()];
  const stalling = tasks.filter(({ memalloc }) => isStalling(memalloc, now - timeout));
  const dying = tasks.filter(fatal_signal_pending).length;
  const victims = tasks.filter(({ isMemdie }) => isMemdie).length;
  const lines = tasks.flatMap((task) => {
    const stalls = stalling.includes(task);
    if (!stalls && !task.isMemdie && !fatal_signal_pending(task)) return [];
    return [`MemAlloc: ${task.comm}(${task.pid})${stalls ? request(task, now) : ''}${words(task)}`];
  });
  const info =
    `MemAlloc-Info: ${stalling.length} stalling task, ${dying} dying task, ` +
    `${victims} victim task.`;
  return { stalling, lines: [info, ...lines] };
}

function request({ memalloc }: Task, now: number): string {
  const { sequence, gfp, order, start } = memalloc;
  return ` seq=${sequence >> 1} gfp=0x${gfp.toString(16)} order=${order} delay=${now - start}`;
}

function words(task: Task): string {
  return [
    (task.state & TASK_UNINTERRUPTIBLE) !== 0 ? ' uninterruptible' : '',
    task.isExiting ? ' exiting' : '',
    fatal_signal_pending(task) ? ' dying' : '',
    task.isMemdie ? ' victim' : '',
  ].join('');
}

function* kmallocwd(k: Kernel): Code {
  const timeout = Number(k.kmallocwdTimeout);
  for (;;) {
    yield* sleepUntilStalling(k, timeout);
    yield* cond_resched(k);
    const report = stallReport(k, timeout);
    if (report.stalling.length === 0) continue;
    for (const line of report.lines) k.printk(LOGLEVEL_WARNING, line);
    yield* cond_resched(k);
    showTraces(k, report.stalling);
    yield* cond_resched(k);
    show_mem(k);
    yield* call(k, schedule_timeout_interruptible, timeout);
  }
}

/** As long as the youngest of the old requests may still finish in time. */
function* sleepUntilStalling(k: Kernel, timeout: number): Code {
  for (;;) {
    let left = timeout;
    for (const { memalloc } of k.threads()) {
      k.spend(LOOK_US);
      if (memalloc.valid === 0) continue;
      left = Math.min(left, memalloc.start + timeout - k.jiffies);
      if (left <= 0) return;
    }
    yield* call(k, schedule_timeout_interruptible, Math.min(left, SLEEP_MAX));
  }
}

/** Traces of dying tasks each time, of a stalling request twice per 256 timeouts. */
function showTraces(k: Kernel, stalling: readonly Task[]): void {
  for (const task of k.threads()) {
    if (!fatal_signal_pending(task)) {
      if (!stalling.includes(task)) continue;
      const shown = task.memalloc.dumped;
      task.memalloc.dumped = (shown + 1) & 0xff;
      if (shown >= TRACES_MAX) continue;
    }
    for (const line of stackTrace(task)) k.printk(LOGLEVEL_INFO, line);
  }
}
