// The OOM reaper (mm/oom_kill.c of 6.1): a thread that takes a victim's anonymous memory away, so
// that the victim need not run for it. All that it needs is mmap_lock, for reading, and it only
// tries: while somebody has that for writing, or waits to, the reaper gets nowhere.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { LOGLEVEL_INFO } from '../kernel/printk.ts';
import { schedule } from '../kernel/sched.ts';
import { stackTrace } from '../kernel/show-task.ts';
import {
  MMF_OOM_REAP_QUEUED,
  MMF_OOM_SKIP,
  MMF_UNSTABLE,
  TASK_IDLE,
  TASK_INTERRUPTIBLE,
} from '../kernel/task-bits.ts';
import type { Mm, Process, Task } from '../kernel/task.ts';
import { schedule_timeout } from '../kernel/timer.ts';
import { finish_wait, prepare_to_wait, wake_up } from '../kernel/wait.ts';
import { down_read_trylock, up_read } from '../locking/rwsem.ts';
import { unmap_page_range } from './unmap.ts';

/** MAX_OOM_REAP_RETRIES */
const REAP_RETRIES_MAX = 10;
/** Naps between two tries: HZ/10. */
const NAPS_PER_SECOND = 10;
const PAGE_KB = 4;

/** Has the victim's memory taken once it has had time to give it back by itself. */
export function queue_oom_reaper(k: Kernel, victim: Process): void {
  const { oomMm } = victim;
  const { oomReaper, oomReaperDelay, hz } = k.options;
  if (!oomReaper || oomMm === undefined || (oomMm.flags & MMF_OOM_REAP_QUEUED) !== 0) return;
  oomMm.flags |= MMF_OOM_REAP_QUEUED;
  k.atJiffy(k.jiffies + oomReaperDelay * hz, () => {
    // wake_oom_reaper(): exit_mmap() may have been faster.
    if ((oomMm.flags & MMF_OOM_SKIP) !== 0) return;
    k.oomReaperList.push(victim);
    wake_up(k, k.oomReaperWait);
  });
}

/** Starts the reaper, where the kernel has one. */
export function startOomReaper(k: Kernel): void {
  if (k.options.oomReaper) k.kthread({ comm: 'oom_reaper' }, oom_reaper);
}

function* oom_reaper(k: Kernel): Code {
  for (;;) {
    // The list is a stack: who was queued last is reaped first.
    const victim = k.oomReaperList.pop();
    if (victim === undefined) {
      prepare_to_wait(k, k.oomReaperWait, TASK_INTERRUPTIBLE);
      yield* call(k, schedule);
      finish_wait(k, k.oomReaperWait);
    } else yield* call(k, oom_reap_task, victim);
  }
}

function* oom_reap_task(k: Kernel, victim: Process): Code {
  const { oomMm: mm, leader } = victim;
  if (mm === undefined) return;
  let attempts = 0;
  while (attempts++ < REAP_RETRIES_MAX && !(yield* call(k, oom_reap_task_mm, { mm, leader }))) {
    k.current.state = TASK_IDLE;
    yield* call(k, schedule_timeout, Math.floor(k.options.hz / NAPS_PER_SECOND));
  }
  const isReaped = attempts <= REAP_RETRIES_MAX;
  if (!isReaped && (mm.flags & MMF_OOM_SKIP) === 0) {
    k.printk(LOGLEVEL_INFO, `oom_reaper: unable to reap pid:${leader.pid} (${leader.comm})`);
    for (const line of stackTrace(leader, k.words)) k.printk(LOGLEVEL_INFO, line);
    // In Linux 4.6 nobody else was chosen then.
    if (!k.options.skipsUnreapable) return;
  }
  mm.flags |= MMF_OOM_SKIP;
}

/** @returns false where it is to be tried again */
function* oom_reap_task_mm(k: Kernel, { mm, leader }: { mm: Mm; leader: Task }): Code<boolean> {
  if (!down_read_trylock(k, mm.mmapLock)) return false;
  if ((mm.flags & MMF_OOM_SKIP) === 0) {
    yield* call(k, __oom_reap_task_mm, mm);
    k.printk(
      LOGLEVEL_INFO,
      `oom_reaper: reaped process ${leader.pid} (${leader.comm}), ` +
        `now anon-rss:${mm.anonPages.size * PAGE_KB}kB, ` +
        `file-rss:${mm.filePages.size * PAGE_KB}kB, shmem-rss:0kB`,
    );
  }
  up_read(k, mm.mmapLock);
  return true;
}

function* __oom_reap_task_mm(k: Kernel, mm: Mm): Code {
  mm.flags |= MMF_UNSTABLE;
  yield* call(k, unmap_page_range, mm);
}
