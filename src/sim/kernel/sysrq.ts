// The magic keys of the system console (drivers/tty/sysrq.c), as whoever has a shell left gives
// them by /proc/sysrq-trigger. SysRq-f only asks a worker to invoke the OOM killer: where workers
// are stuck nothing comes of it, and where a victim is stuck it is chosen again, as seed 003 says.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { mutex_lock, mutex_unlock } from '../locking/mutex.ts';
import { GFP_KERNEL } from '../mm/gfp.ts';
import { out_of_memory, SYSRQ_ORDER } from '../mm/oom-kill.ts';
import { show_mem } from '../mm/show-mem.ts';
import type { Program } from '../programs.ts';
import { __x64_sys_nanosleep } from '../core/time.ts';
import { syscall } from './entry.ts';
import { LOGLEVEL_INFO } from './printk.ts';
import { cond_resched } from './sched.ts';
import { stackTrace, stateLetter } from './show-task.ts';
import type { Task } from './task.ts';
import type { WorkStruct } from './worker-pool.ts';
import { INIT_WORK, schedule_work } from './workqueue.ts';

/** Kill one, show memory, show all tasks, show those that sleep where no signal wakes them. */
export type SysrqKey = 'f' | 'm' | 't' | 'w';

/** What the kernel says that it does. */
const ACTIONS: Readonly<Record<SysrqKey, string>> = {
  f: 'Manual OOM execution',
  m: 'Show Memory',
  t: 'Show State',
  w: 'Show Blocked State',
};

/** moom_work: one for the machine. */
const moomWork = new WeakMap<Kernel, WorkStruct>();

/** write(2) to /proc/sysrq-trigger. */
export function* write_sysrq_trigger(k: Kernel, key: SysrqKey): Code {
  yield* call(k, __handle_sysrq, key);
}

function* __handle_sysrq(k: Kernel, key: SysrqKey): Code {
  k.printk(LOGLEVEL_INFO, `sysrq: ${ACTIONS[key]}`);
  if (key === 'f') sysrq_handle_moom(k);
  else if (key === 'm') show_mem(k);
  else yield* call(k, show_state_filter, key === 'w' ? isBlocked : () => true);
}

function isBlocked(task: Task): boolean {
  return stateLetter(task) === 'D';
}

function* show_state_filter(k: Kernel, isWanted: (task: Task) => boolean): Code {
  for (const task of [...k.threads()].filter(isWanted)) {
    for (const line of stackTrace(task, k.words)) k.printk(LOGLEVEL_INFO, line);
    yield* cond_resched(k);
  }
}

function sysrq_handle_moom(k: Kernel): void {
  let work = moomWork.get(k);
  if (work === undefined) {
    work = INIT_WORK(moom_callback);
    moomWork.set(k, work);
  }
  schedule_work(k, work);
}

function* moom_callback(k: Kernel): Code {
  yield* call(k, mutex_lock, k.oomLock);
  try {
    if (yield* call(k, out_of_memory, { gfp: GFP_KERNEL, order: SYSRQ_ORDER })) return;
    k.printk(LOGLEVEL_INFO, 'OOM request ignored. No task eligible');
  } finally {
    mutex_unlock(k, k.oomLock);
  }
}

/** A shell of root that gives keys, each at its time in microseconds since it began. */
export function sysrqShell(
  keys: readonly { readonly us: number; readonly key: SysrqKey }[],
): Program {
  return function* (k) {
    const start = k.sched.now;
    for (const { us, key } of keys) {
      yield* syscall(k, __x64_sys_nanosleep, Math.max(1, start + us - k.sched.now));
      yield* syscall(k, write_sysrq_trigger, key);
    }
    for (;;) yield* syscall(k, __x64_sys_nanosleep, SHELL_NAP_US);
  };
}

/** A shell without orders. */
const SHELL_NAP_US = 10_000_000;
