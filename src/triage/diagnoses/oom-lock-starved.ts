// D8: whoever holds oom_lock cannot run, and all who need the OOM killer wait for it.

import { count } from '../../util/count.ts';
import {
  calls,
  btVerb,
  isBlocked,
  hasRunLately,
  isRequesting,
  nameOf,
  namesOf,
  type Facts,
  type TaskFacts,
} from '../facts.ts';
import type { Finding } from '../finding.ts';

/** Writes the report of a kill. */
const REPORT = 'dump_header';
/** Functions that run under oom_lock (mm/oom_kill.c). */
const UNDER_OOM_LOCK = ['out_of_memory', 'oom_kill_process', REPORT, 'select_bad_process'];
/** Printing to consoles (kernel/printk). */
const CONSOLE = ['console_unlock', 'console_flush_all', 'vprintk_emit', 'serial8250_console_write'];

/** include/uapi/linux/sched.h */
const SCHED_FIFO = 1;
const SCHED_RR = 2;
const SCHED_IDLE = 5;
const SCHED_DEADLINE = 6;

/**
 * Whether the scheduler has a task run before the holder: it wants the same CPU and is of a class
 * above the fair one, or weighs more in that (kernel/sched/), as all do beside SCHED_IDLE. To who
 * weighs the same the holder's turn comes, late as it may be.
 */
function isAhead({ task: holder }: TaskFacts): (fact: TaskFacts) => boolean {
  return ({ task }) => {
    const { onCpu, state, policy = 0, staticPrio = 0, cpu = holder.cpu } = task;
    if (task === holder || (onCpu !== true && state !== 'R')) return false;
    if (holder.cpu !== undefined && cpu !== holder.cpu) return false;
    if ([SCHED_FIFO, SCHED_RR, SCHED_DEADLINE].includes(policy)) return true;
    if (policy === SCHED_IDLE) return false;
    return holder.policy === SCHED_IDLE || staticPrio < (holder.staticPrio ?? 0);
  };
}

/** The OOM killer's caller wants a CPU and does not get it, or prints to a slow console. */
export function oomLockStarved(facts: Facts): Finding | undefined {
  const holder = facts.tasks.find(
    (fact) =>
      (fact.task.pid === facts.oomLockHolder || calls(fact, ...UNDER_OOM_LOCK)) &&
      calls(fact, 'out_of_memory') &&
      !isBlocked(fact),
  );
  const pid = holder?.task.pid;
  if (holder === undefined || pid === undefined) return undefined;
  const { task } = holder;
  const waiting = facts.tasks.filter((fact) => fact !== holder && isRequesting(fact));
  // dump_header() does nothing but print.
  const prints = calls(holder, ...CONSOLE) || (task.onCpu === true && calls(holder, REPORT));
  const isIdle = task.policy === SCHED_IDLE;
  const isRunnable = task.onCpu !== true && task.state === 'R';
  // Who shares a CPU is off it for moments; beside others a SCHED_IDLE task has it for moments.
  const ahead = facts.tasks.filter(isAhead(holder));
  const isLate = isIdle || hasRunLately(facts, holder) !== true;
  const hasNoCpu = isRunnable && isLate && ahead.length > 0;
  if (waiting.length === 0 || (!hasNoCpu && !prints)) return undefined;
  const holdsLock = facts.oomLockHolder === task.pid;
  const where = holdsLock ? 'holds oom_lock' : 'is inside out_of_memory()';
  const does = prints ? 'prints to a console' : 'is killing';
  const why = hasNoCpu ? ', and gets no CPU' : '';
  return {
    diagnosis: 'D8',
    name: 'the OOM killer cannot run',
    sentence:
      `${nameOf(holder)} ${where}, ${does}${why}, ` +
      `while ${waiting.length} others ask for memory.`,
    confidence: holdsLock && hasNoCpu && (isIdle || prints) ? 'likely' : 'possible',
    because: becauseOf(holder, hasNoCpu ? ahead : []),
    evidence: [
      { fact: `${nameOf(holder)}: ${task.state} in out_of_memory()`, verb: btVerb([holder]) },
      ...(isIdle ? [{ fact: `${nameOf(holder)} has the policy SCHED_IDLE`, verb: 'tasks' }] : []),
      { fact: `${count(waiting.length, 'other request')} in the slow path`, verb: 'bt --stalled' },
    ],
    against: hasNoCpu
      ? []
      : isRunnable && ahead.length === 0
        ? [`nobody who comes before ${nameOf(holder)} wants its CPU`]
        : [`${nameOf(holder)} is on a CPU, or was a moment ago`],
    missing: ['whether it gets on: a second dump shows its switches'],
    next: 'lower console_loglevel or the rate of messages; do not run memory hogs as SCHED_IDLE',
    culprits: [pid],
  };
}

/** @param ahead those who keep the CPU from it; none where nobody does */
function becauseOf({ task }: TaskFacts, ahead: readonly TaskFacts[]): string {
  const { offCpu } = task.evidence ?? {};
  const since =
    offCpu === undefined
      ? 'a single dump does not show for how long it has been so'
      : `it has had no CPU for ${offCpu.value.toFixed(1)} s at least (${offCpu.source})`;
  if (ahead.length === 0) return since;
  const running = ahead.filter((fact) => fact.task.onCpu === true);
  const who =
    running.length > 0
      ? `${namesOf(running)} ${running.length === 1 ? 'has' : 'have'} the CPU before it`
      : `${namesOf(ahead)} ${ahead.length === 1 ? 'wants' : 'want'} the CPU and ` +
        `${ahead.length === 1 ? 'comes' : 'come'} before it`;
  return task.policy === SCHED_IDLE
    ? `it has the policy SCHED_IDLE, and ${who}`
    : `${since}; ${who}`;
}
