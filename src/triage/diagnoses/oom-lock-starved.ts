// D8: whoever holds oom_lock cannot run, and all who need the OOM killer wait for it.

import { count } from '../../util/count.ts';
import {
  calls,
  btVerb,
  isBlocked,
  hasRunLately,
  isRequesting,
  nameOf,
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
 * Whether the scheduler has a task run before the holder: it wants a CPU and is of a class above
 * the fair one, or weighs more in that (kernel/sched/). To who weighs the same the holder's turn
 * comes, late as it may be.
 */
function isAhead({ task: holder }: TaskFacts): (fact: TaskFacts) => boolean {
  return ({ task: { onCpu, state, policy = 0, staticPrio = 0 } }) => {
    if (onCpu !== true && state !== 'R') return false;
    if ([SCHED_FIFO, SCHED_RR, SCHED_DEADLINE].includes(policy)) return true;
    return policy !== SCHED_IDLE && staticPrio < (holder.staticPrio ?? 0);
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
  const { offCpu } = task.evidence ?? {};
  const waiting = facts.tasks.filter((fact) => fact !== holder && isRequesting(fact));
  // dump_header() does nothing but print.
  const prints = calls(holder, ...CONSOLE) || (task.onCpu === true && calls(holder, REPORT));
  const isIdle = task.policy === SCHED_IDLE;
  const isRunnable = task.onCpu !== true && task.state === 'R';
  // Who shares a CPU is off it for moments; beside others a SCHED_IDLE task has it for moments.
  const isLate = hasRunLately(facts, holder) !== true && facts.tasks.some(isAhead(holder));
  const hasNoCpu = isRunnable && (isIdle || isLate);
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
    because: isIdle
      ? 'it has the policy SCHED_IDLE, and those who wait for it keep the CPUs'
      : offCpu === undefined
        ? 'a single dump does not show for how long it has been so'
        : `it has had no CPU for ${offCpu.value.toFixed(1)} s at least (${offCpu.source})`,
    evidence: [
      { fact: `${nameOf(holder)}: ${task.state} in out_of_memory()`, verb: btVerb([holder]) },
      ...(isIdle
        ? [{ fact: `${nameOf(holder)} has the policy SCHED_IDLE`, verb: 'tasks --json' }]
        : []),
      { fact: `${count(waiting.length, 'request')} in the slow path`, verb: 'bt --stalled' },
    ],
    against: hasNoCpu ? [] : [`${nameOf(holder)} is on a CPU, or was a moment ago`],
    missing: ['whether it gets on: a second dump shows its switches'],
    next: 'lower console_loglevel or the rate of messages; do not run memory hogs as SCHED_IDLE',
    culprits: [pid],
  };
}
