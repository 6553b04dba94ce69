// khungtaskd (kernel/hung_task.c), which reports stalls in the versions from the draft of
// 2015-12-17 on. Tasks that hang in D are its other business, and switched off here
// (hung_task_timeout_secs=0).

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { cond_resched, schedule } from '../kernel/sched.ts';
import { schedule_timeout_interruptible } from '../kernel/timer.ts';
import { TASK_INTERRUPTIBLE } from '../kernel/task-bits.ts';
import { deadlineIn } from './deadline.ts';
import { reportEach } from './report-each.ts';

/** Starts the thread, which is there whatever the sysctl says. */
export function start_khungtaskd(k: Kernel): void {
  k.kthread({ comm: 'khungtaskd' }, watchdog);
}

function* watchdog(k: Kernel): Code {
  const { memalloc } = k;
  const timeout = k.options.kmallocwd * k.options.hz;
  let lastChecked = k.jiffies;
  for (;;) {
    const left = timeLeft(k, { timeout, lastChecked });
    if (left === undefined) {
      k.current.state = TASK_INTERRUPTIBLE;
      yield* call(k, schedule);
    } else if (left > 0) yield* call(k, schedule_timeout_interruptible, left);
    else {
      if (memalloc.version.reporter?.wakes === 'deadline' || maybeStalling(k)) {
        yield* call(k, check_memalloc_stalling_tasks, timeout);
      }
      lastChecked = k.jiffies;
    }
  }
}

interface Check {
  /** jiffies */
  readonly timeout: number;
  readonly lastChecked: number;
}

/** memalloc_timeout_jiffies(): undefined where the sysctl is 0. */
function timeLeft(k: Kernel, { timeout, lastChecked }: Check): number | undefined {
  if (timeout === 0) return undefined;
  const left = lastChecked - k.jiffies + timeout;
  if (left > 0 || k.memalloc.version.reporter?.wakes === 'counters') return left;
  return deadlineIn(k, timeout);
}

/** memalloc_maybe_stalling(): inlined, as it never sleeps. */
function maybeStalling({ memalloc }: Kernel): boolean {
  if (memalloc.hasOldRequests) return true;
  memalloc.flip();
  return false;
}

function* check_memalloc_stalling_tasks(k: Kernel, timeout: number): Code {
  yield* cond_resched(k);
  yield* reportEach(k, timeout);
}
