// A task in the log, as sched_show_task() prints it (kernel/sched/core.c).

import { FUNCTION_SIZE, callOffset } from '../core/text.ts';
import type { Frame } from '../core/code.ts';
import type { KernelWords } from '../flavour/words.ts';
import {
  EXIT_ZOMBIE,
  TASK_IDLE,
  TASK_INTERRUPTIBLE,
  TASK_RUNNING,
  TASK_UNINTERRUPTIBLE,
} from './task-bits.ts';
import type { Task } from './task.ts';

/** What ps(1) shows. */
export function stateLetter({ state, exitState }: Pick<Task, 'state' | 'exitState'>): string {
  if (exitState !== 0) return exitState === EXIT_ZOMBIE ? 'Z' : 'X';
  if (state === TASK_IDLE) return 'I';
  if (state === TASK_RUNNING) return 'R';
  if ((state & TASK_INTERRUPTIBLE) !== 0) return 'S';
  return (state & TASK_UNINTERRUPTIBLE) !== 0 ? 'D' : '?';
}

/** The task's line and its call trace, innermost function first. */
export function stackTrace(task: Task, { taskFlags, taskState }: KernelWords): string[] {
  const { comm, pid, process, exitState, frames } = task;
  const letter = stateLetter({ state: taskState(task.state), exitState });
  const flags = taskFlags(task.flags);
  const head =
    `task:${comm.padEnd(15)} state:${letter} stack:0     ` +
    `pid:${String(pid).padEnd(5)} ppid:${String(process.ppid).padEnd(6)} ` +
    `flags:0x${flags.toString(16).padStart(8, '0')}`;
  return [head, 'Call Trace:', ' <TASK>', ...returns(frames).map((at) => ` ${at}`), ' </TASK>'];
}

function returns(frames: readonly Frame[]): string[] {
  const names = frames.map(({ name }) => name);
  return names
    .map((name, i) => {
      const offset = callOffset(name, names[i + 1]);
      return `${name}+0x${offset.toString(16)}/0x${FUNCTION_SIZE.toString(16)}`;
    })
    .reverse();
}
