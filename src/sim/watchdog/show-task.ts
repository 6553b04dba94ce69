// sched_show_task() into the log, which the RFC of 2017 taught to say what the task allocates.

import type { Kernel } from '../core/kernel.ts';
import { LOGLEVEL_INFO } from '../kernel/printk.ts';
import { stackTrace } from '../kernel/show-task.ts';
import type { Task } from '../kernel/task.ts';
import { shownLine } from './stall-report.ts';

/** Prints a task's line, its request in flight with the RFC, and its call trace. */
export function sched_show_task(k: Kernel, task: Task): void {
  const [head = '', ...trace] = stackTrace(task, k.words);
  const request = shownLine(k, task);
  for (const line of [head, ...(request === undefined ? [] : [request]), ...trace]) {
    k.printk(LOGLEVEL_INFO, line);
  }
}
