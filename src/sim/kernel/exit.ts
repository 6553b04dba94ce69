// The end of a task (kernel/exit.c): its memory comes back when the last thread has let go of it.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { schedule } from './sched.ts';
import { dequeueSigkill, killThreads } from './signal.ts';
import { EXIT_ZOMBIE, PF_EXITING, SIGNAL_GROUP_EXIT, TASK_DEAD, TIF_MEMDIE } from './task-bits.ts';
import type { Mm } from './task.ts';
import { __free_pages } from '../mm/page-alloc.ts';
import { unmap_page_range } from '../mm/unmap.ts';
import { free_swap_slots } from '../mm/swap.ts';
import { assert } from '../../util/assert.ts';

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
  yield* call(k, exit_mm);
  task.exitState = EXIT_ZOMBIE;
  release(k);
  task.state = TASK_DEAD;
  yield* call(k, do_task_dead);
}

function* do_task_dead(k: Kernel): Code {
  yield* call(k, schedule);
  assert(false, `${k.current.comm} ran after its death`);
}

function* exit_mm(k: Kernel): Code {
  const task = k.current;
  const { mm } = task;
  if (mm === undefined) return;
  task.mm = undefined;
  mm.users--;
  if (mm.users === 0) yield* call(k, mmput, mm);
  // exit_oom_victim(): the next one may be chosen.
  task.threadFlags &= ~TIF_MEMDIE;
}

function* mmput(k: Kernel, mm: Mm): Code {
  yield* call(k, exit_mmap, mm);
}

/** Frees all pages; file pages stay in the page cache. */
export function* exit_mmap(k: Kernel, mm: Mm): Code {
  yield* call(k, unmap_page_range, mm);
  for (const page of mm.filePages) page.mm = undefined;
  mm.filePages.clear();
  free_swap_slots(k, mm);
}

/** The parent does not wait for its children: they vanish when the last thread is gone. */
function release(k: Kernel): void {
  const { process, stackPages } = k.current;
  for (const page of stackPages) __free_pages(page);
  if (process.threads.some(({ exitState }) => exitState === 0)) return;
  k.processes.splice(k.processes.indexOf(process), 1);
}
