// The thread of the patch until v4. v2 and later sleep until the oldest request can be as old as
// the timeout; v1 counts requests by interval, and looks where one has outlived its own.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { LOGLEVEL_WARNING } from '../kernel/printk.ts';
import { cond_resched, passTime } from '../kernel/sched.ts';
import { fatal_signal_pending, type Task } from '../kernel/task.ts';
import { schedule_timeout_interruptible } from '../kernel/timer.ts';
import { show_mem } from '../mm/show-mem.ts';
import { deadlineIn } from './deadline.ts';
import { start_khungtaskd } from './khungtaskd.ts';
import { inspectTask, reportEach } from './report-each.ts';
import { sched_show_task } from './show-task.ts';
import {
  countLook,
  infoLine,
  isListed,
  listedLine,
  lookAt,
  noCounts,
  taskLine,
  type Look,
} from './stall-report.ts';

/** Traces of one stalling request before the counter wraps at 256: two, in v1 one. */
const TRACES_MAX = 2;
const TRACES_MAX_V1 = 1;
/** A timeout beyond what the timer wheel takes is for ever. */
const SLEEP_MAX = 2 ** 40;
/** A line on a slow console takes long enough for others to get on meanwhile. */
const LINE_STEP_US = 1_000;

/** Starts the thread of the version: no thread with `kmallocwd=0`, khungtaskd in any case. */
export function start_kmallocwd(k: Kernel): void {
  const { reporter } = k.memalloc.version;
  if (reporter?.thread === 'khungtaskd') start_khungtaskd(k);
  else if (reporter !== undefined && k.kmallocwdTimeout !== 0n) {
    k.kthread({ comm: 'kmallocwd' }, kmallocwd);
  }
}

function* kmallocwd(k: Kernel): Code {
  const { reporter, layout } = k.memalloc.version;
  const timeout = Number(k.kmallocwdTimeout);
  if (layout === 'L1') yield* countIntervals(k, timeout);
  for (;;) {
    yield* sleepUntilStalling(k, timeout);
    yield* cond_resched(k);
    const hasReported =
      reporter?.traceEach === true ? yield* reportEach(k, timeout) : yield* reportAll(k, timeout);
    if (!hasReported) continue;
    yield* call(k, schedule_timeout_interruptible, Math.min(timeout, SLEEP_MAX));
  }
}

/** As long as the youngest of the old requests may still finish in time. */
function* sleepUntilStalling(k: Kernel, timeout: number): Code {
  for (;;) {
    const left = deadlineIn(k, timeout);
    if (left <= 0) return;
    yield* call(k, schedule_timeout_interruptible, Math.min(left, SLEEP_MAX));
  }
}

/** v2 and v3: counts, then all lines, then all traces. @returns whether there was a report */
function* reportAll(k: Kernel, timeout: number): Code<boolean> {
  const now = k.jiffies;
  const expire = now - timeout;
  const counts = noCounts();
  for (const task of k.threads()) countLook(counts, look(k, task, expire));
  // Those that stalled may have gone on meanwhile.
  if (counts.stalling === 0) return false;
  k.printk(LOGLEVEL_WARNING, infoLine(k, counts));
  for (const task of [...k.threads()]) {
    const seen = look(k, task, expire);
    if (!isListed(k, seen)) continue;
    k.printk(LOGLEVEL_WARNING, taskLine(k, task, { look: seen, now }));
    yield* lineTime(k);
  }
  yield* cond_resched(k);
  for (const task of [...k.threads()]) {
    const isShown =
      fatal_signal_pending(task) ||
      (look(k, task, expire).stalling && mayTrace(task.memalloc, TRACES_MAX));
    if (!isShown) continue;
    sched_show_task(k, task);
    yield* lineTime(k);
  }
  yield* cond_resched(k);
  show_mem(k);
  return true;
}

/** is_stalling_task() keeps a copy of what it looks at. */
function look(k: Kernel, task: Task, expire: number): Look {
  inspectTask(k, task, expire);
  return lookAt(k, task, expire);
}

/** Inside an RCU section: others run on their CPUs, this one is not given away. */
function* lineTime(k: Kernel): Code {
  if (k.current.debt >= LINE_STEP_US) yield* passTime(k);
}

/** Counts the traces of one request in 8 bits. */
function mayTrace(record: { dumped: number }, most: number): boolean {
  const shown = record.dumped;
  record.dumped = (shown + 1) & 0xff;
  return shown < most;
}

/** v1: the main loop. It does not return. */
function* countIntervals(k: Kernel, timeout: number): Code {
  const { memalloc } = k;
  const sleep = Math.min(timeout, SLEEP_MAX);
  for (;;) {
    const index = memalloc.activeIndex;
    memalloc.flip();
    yield* call(k, schedule_timeout_interruptible, sleep);
    while (memalloc.inFlight[0]![index] !== 0) {
      yield* reportList(k, timeout);
      yield* call(k, schedule_timeout_interruptible, sleep);
    }
  }
}

/** v1: the requests of the list, then the dying, then their traces. */
function* reportList(k: Kernel, timeout: number): Code {
  const { list } = k.memalloc;
  const now = k.jiffies;
  const ages = list.map(({ start }) => now - start);
  const counts = noCounts();
  for (const task of k.threads()) countLook(counts, lookAt(k, task, now - timeout));
  // time_after() here, and !time_before() below: a request on the dot is listed and not counted.
  counts.stalling = ages.filter((age) => age > timeout).length;
  yield* cond_resched(k);
  k.printk(LOGLEVEL_WARNING, infoLine(k, counts));
  const isOld = ({ start }: { start: number }): boolean => now - start >= timeout;
  for (const request of list.filter(isOld)) {
    k.printk(LOGLEVEL_WARNING, listedLine(k, request, now));
  }
  for (const task of k.threads()) {
    const seen = lookAt(k, task, now - timeout);
    if (!seen.dying && !seen.victim) continue;
    k.printk(LOGLEVEL_WARNING, taskLine(k, task, { look: seen, now }));
  }
  yield* cond_resched(k);
  for (const request of list.filter(isOld)) {
    if (mayTrace(request, TRACES_MAX_V1)) sched_show_task(k, request.task);
  }
  for (const task of k.threads()) if (fatal_signal_pending(task)) sched_show_task(k, task);
}
