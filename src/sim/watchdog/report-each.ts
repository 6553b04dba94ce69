// The report of v4 and later: tasks are marked in one pass and printed in a second one, each with
// its trace. The thread rests after each, so what was marked is looked at again before it is
// printed.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { LOGLEVEL_WARNING } from '../kernel/printk.ts';
import { cond_resched } from '../kernel/sched.ts';
import type { Task } from '../kernel/task.ts';
import { schedule_timeout_interruptible } from '../kernel/timer.ts';
import { show_mem } from '../mm/show-mem.ts';
import {
  REPORT_ALWAYS,
  REPORT_DYING,
  REPORT_EXITING,
  REPORT_STALLING,
  REPORT_VICTIM,
} from './memalloc-info.ts';
import { countsTwice } from './patch-version.ts';
import { sched_show_task } from './show-task.ts';
import {
  countLook,
  infoLine,
  isListed,
  locationLine,
  lookAt,
  noCounts,
  reportAge,
  taskLine,
  type Look,
  type StallCounts,
} from './stall-report.ts';

/** is_stalling_task() copies what it looks at to a variable. */
export function inspectTask(k: Kernel, { memalloc }: Task, expire: number): void {
  const state = k.memalloc;
  const { layout } = state.version;
  if (memalloc.valid === 0 || (countsTwice(state.version) && (memalloc.sequence & 1) !== 0)) return;
  if (layout === 'L8' && memalloc.start > expire) return;
  if (layout === 'L2' || layout === 'L3') state.inspected = { ...memalloc };
  else {
    const { sequence, start, order, gfp } = memalloc;
    state.inspected = { ...state.inspected, sequence, start, order, gfp };
  }
}

interface Span {
  /** jiffies */
  readonly now: number;
  readonly expire: number;
}

/**
 * Both passes, SysRq-m, and the counts of the second pass. @returns whether there was anything to
 * report
 */
export function* reportEach(k: Kernel, timeout: number): Code<boolean> {
  const now = k.jiffies;
  const span = { now, expire: now - reportAge(k, timeout) };
  const counts = markTasks(k, span);
  if (counts.stalling === 0) return false;
  k.printk(LOGLEVEL_WARNING, infoLine(k, counts));
  yield* cond_resched(k);
  const again = yield* printMarked(k, span);
  yield* cond_resched(k);
  show_mem(k);
  if (k.memalloc.version.reporter?.infoTwice === true) {
    k.printk(LOGLEVEL_WARNING, infoLine(k, again));
  }
  return true;
}

/** The first pass: memalloc.type says why a task is to be reported. */
function markTasks(k: Kernel, { expire }: Span): StallCounts {
  const counts = noCounts();
  for (const task of k.threads()) {
    inspectTask(k, task, expire);
    const look = lookAt(k, task, expire);
    countLook(counts, look);
    task.memalloc.type = isListed(k, look) ? bitsOf(k, look) : 0;
  }
  return counts;
}

function bitsOf({ memalloc }: Kernel, look: Look): number {
  const knowsExiting = memalloc.version.reporter?.listsToo !== 'nobody';
  return (
    (look.victim ? REPORT_VICTIM : 0) |
    (look.dying ? REPORT_DYING : 0) |
    (look.stalling ? REPORT_STALLING : 0) |
    (look.exiting && knowsExiting ? REPORT_EXITING : 0) |
    (look.always ? REPORT_ALWAYS : 0)
  );
}

/** The second pass. Tasks that came meanwhile have no mark, those that went are on no list. */
function* printMarked(k: Kernel, { now, expire }: Span): Code<StallCounts> {
  const counts = noCounts();
  for (const task of [...k.threads()]) {
    const { type } = task.memalloc;
    if (type === 0 || !k.processes.includes(task.process)) continue;
    task.memalloc.type = 0;
    inspectTask(k, task, expire);
    const look = lookAgain(k, task, { type, expire });
    countLook(counts, look);
    if (!isListed(k, look)) continue;
    k.printk(LOGLEVEL_WARNING, taskLine(k, task, { look, now }));
    const known = locationLine(k, task);
    for (const line of known ?? []) k.printk(LOGLEVEL_WARNING, line);
    if (known === undefined) sched_show_task(k, task);
    yield* rest(k);
  }
  return counts;
}

/** v4 asks only once who is dying or a victim; later versions ask everything again. */
function lookAgain(
  k: Kernel,
  task: Task,
  { type, expire }: { type: number; expire: number },
): Look {
  const look = lookAt(k, task, expire);
  if (k.memalloc.version.reporter?.listsToo !== 'nobody') return look;
  const victim = (type & REPORT_VICTIM) !== 0;
  const dying = (type & REPORT_DYING) !== 0;
  return { ...look, victim, dying, stalling: look.stalling && (type & REPORT_STALLING) !== 0 };
}

function* rest(k: Kernel): Code {
  const pause = k.memalloc.version.reporter?.pause ?? 0;
  if (pause > 0) yield* call(k, schedule_timeout_interruptible, pause);
  else yield* cond_resched(k);
}
