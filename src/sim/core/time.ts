// nanosleep(2) (kernel/time/hrtimer.c).

import { call, type Code } from './code.ts';
import type { Kernel } from './kernel.ts';
import { schedule } from '../kernel/sched.ts';
import { TASK_INTERRUPTIBLE } from '../kernel/task-bits.ts';

export function __x64_sys_nanosleep(k: Kernel, us: number): Code {
  return call(k, hrtimer_nanosleep, us);
}

function hrtimer_nanosleep(k: Kernel, us: number): Code {
  return call(k, do_nanosleep, us);
}

function* do_nanosleep(k: Kernel, us: number): Code {
  const task = k.current;
  task.state = TASK_INTERRUPTIBLE;
  const timer = k.sched.at(k.sched.now + us, () => k.sched.wake(task));
  yield* call(k, schedule);
  timer.cancelled = true;
}
