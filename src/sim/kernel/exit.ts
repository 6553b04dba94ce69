// The end of a task (kernel/exit.c): its memory comes back when the last thread has let go of it.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { ____fput } from '../fs/release.ts';
import { schedule } from './sched.ts';
import { dequeueSigkill, killThreads } from './signal.ts';
import {
  EXIT_ZOMBIE,
  MMF_OOM_SKIP,
  PF_EXITING,
  SIGNAL_GROUP_EXIT,
  TASK_DEAD,
  TIF_MEMDIE,
} from './task-bits.ts';
import type { Mm, Process } from './task.ts';
import { panic } from './panic.ts';
import { taskstats_exit } from './taskstats.ts';
import {
  down_read,
  down_read_trylock,
  down_write,
  down_write_trylock,
  up_read,
  up_write,
} from '../locking/rwsem.ts';
import { __free_pages } from '../mm/page-alloc.ts';
import { kmem_cache_free } from '../mm/slab.ts';
import { free_pgtables, unmap_vmas } from '../mm/unmap.ts';
import { free_swap_slots } from '../mm/swap.ts';
import { assert } from '../../util/assert.ts';

const INIT_PID = 1;

/** exit(2), which pthread_exit() ends in: this thread and no other. It does not return. */
export function* __x64_sys_exit(k: Kernel): Code {
  yield* call(k, do_exit);
}

/** Ends the whole process. It does not return. */
export function* do_group_exit(k: Kernel): Code {
  const task = k.current;
  if ((task.process.flags & SIGNAL_GROUP_EXIT) === 0) killThreads(k, task.process, task);
  dequeueSigkill(task);
  yield* call(k, do_exit);
}

/** Ends the current task. It does not return. */
export function* do_exit(k: Kernel): Code {
  const task = k.current;
  task.flags |= PF_EXITING;
  const { process } = task;
  const isLast = process.threads.every((other) => other === task || other.exitState !== 0);
  if (isLast && process.leader.pid === 1) {
    const code = process.groupExitCode.toString(16).padStart(8, '0');
    yield* call(k, panic, `Attempted to kill init! exitcode=0x${code}`);
  }
  yield* call(k, taskstats_exit);
  yield* call(k, exit_mm);
  if (isLast && process.files.length > 0) yield* call(k, task_work_run);
  task.exitState = EXIT_ZOMBIE;
  release(k);
  task.state = TASK_DEAD;
  yield* call(k, do_task_dead);
}

/** exit_files() leaves it to this to close for good what nobody has open any more. */
function* task_work_run(k: Kernel): Code {
  const { process } = k.current;
  for (let inode = process.files.pop(); inode !== undefined; inode = process.files.pop()) {
    yield* call(k, ____fput, inode);
  }
}

function* do_task_dead(k: Kernel): Code {
  yield* call(k, schedule);
  assert(false, `${k.current.comm} ran after its death`);
}

function* exit_mm(k: Kernel): Code {
  const task = k.current;
  const { mm } = task;
  if (mm === undefined) return;
  // No signal ends this wait: whoever has the lock for writing keeps the task from dying.
  if (!down_read_trylock(k, mm.mmapLock)) yield* call(k, down_read, mm.mmapLock);
  task.mm = undefined;
  up_read(k, mm.mmapLock);
  mm.users--;
  if (mm.users === 0) yield* call(k, mmput, mm);
  // exit_oom_victim(): the next one may be chosen.
  task.threadFlags &= ~TIF_MEMDIE;
}

function* mmput(k: Kernel, mm: Mm): Code {
  yield* call(k, exit_mmap, mm);
  const { process } = k.current;
  // An OOM victim's stays until the process is gone: signal->oom_mm refers to it.
  if (process.oomMm !== mm) forgetMm(k, process);
}

function forgetMm(k: Kernel, process: Process): void {
  if (process.mm === undefined) return;
  k.locks.delete(process.mm.mmapLock);
  process.mm = undefined;
}

/** Frees all pages; file pages stay in the page cache. */
export function* exit_mmap(k: Kernel, mm: Mm): Code {
  if (!down_read_trylock(k, mm.mmapLock)) yield* call(k, down_read, mm.mmapLock);
  yield* call(k, unmap_vmas, mm, Infinity);
  for (const page of mm.filePages) {
    page.mm = undefined;
    // What was locked can be reclaimed from now on. Others on no list are being reclaimed just now.
    if (mm.lockedPages.has(page)) k.node.lru.inactive_file.add(page);
  }
  mm.filePages.clear();
  mm.lockedPages.clear();
  free_swap_slots(k, mm);
  up_read(k, mm.mmapLock);
  // There is nothing left for the OOM reaper, and no reason to wait for this one any longer.
  mm.flags |= MMF_OOM_SKIP;
  if (!down_write_trylock(k, mm.mmapLock)) yield* call(k, down_write, mm.mmapLock);
  free_pgtables(mm.pageTables.splice(0));
  for (; mm.vmas > 0; mm.vmas--) kmem_cache_free(k.vmAreaCache);
  up_write(k, mm.mmapLock);
}

/**
 * exit_notify() and release_task(): a thread vanishes at once, but for the leader. The parent does
 * not wait for its children, so that the leader vanishes with the last thread.
 */
function release(k: Kernel): void {
  const { process, stackPages } = k.current;
  for (const page of stackPages) __free_pages(page);
  if (k.current !== process.leader) process.threads.splice(process.threads.indexOf(k.current), 1);
  if (process.threads.some(({ exitState }) => exitState === 0)) return;
  forgetMm(k, process);
  if (process.hasStats) kmem_cache_free(k.taskstatsCache);
  k.processes.splice(k.processes.indexOf(process), 1);
  // forget_original_parent(): its children are init's now.
  for (const child of k.processes) if (child.ppid === process.leader.pid) child.ppid = INIT_PID;
}
