// Stacks as text, a frame a line, in the way of the kernel's own traces.

import type { BtResult, BtTask, SharedStack } from '../kernel/bt.ts';
import type { StackFrame, TaskStack } from '../kernel/stack.ts';
import { count } from '../util/count.ts';
import { ABSENT } from './tasks.ts';

/** How many tasks are named that share a stack. */
const TASKS_NAMED = 8;

/** All of it. */
export function btText(result: BtResult): string {
  return [...result.stacks.map((shared) => `${stackText(shared)}\n`), `${summary(result)}\n`].join(
    '',
  );
}

/** One stack, with the tasks that have it. */
export function stackText(shared: SharedStack): string {
  const { stack } = shared;
  const lines = [headText(shared)];
  if (stack.frames.length === 0 && stack.end === 'user') lines.push('  in user mode');
  lines.push(...stack.frames.map((frame, index) => frameText(frame, index)));
  if (stack.problem !== undefined) lines.push(`  broken off: ${stack.problem}`);
  return lines.map((line) => `${line}\n`).join('');
}

/** Who has the stack, in which state, and where in the allocator. */
export function headText({ stack, tasks, allocator }: SharedStack): string {
  const place = allocator === undefined ? '' : `, in the allocator (${allocator})`;
  return `${tasksText(tasks)}${place}${remains(stack)}`;
}

function remains({ freed }: TaskStack): string {
  return freed === true ? ', dead: what is left of its stack' : '';
}

function tasksText(tasks: readonly BtTask[]): string {
  const [first] = tasks;
  if (first === undefined) return 'no task';
  if (tasks.length === 1) return `${nameOf(first)} ${stateOf(first)}${cpuOf(first)}`;
  const states = new Set(tasks.map(stateOf));
  const named = tasks.slice(0, TASKS_NAMED).map(nameOf).join(' ');
  const more = tasks.length - TASKS_NAMED;
  const rest = more > 0 ? ` and ${more} more` : '';
  return `${tasks.length} tasks in ${[...states].join('/')}: ${named}${rest}`;
}

function nameOf({ pid, comm, kthread }: BtTask): string {
  const name = comm ?? ABSENT;
  return `${kthread === true ? `[${name}]` : name}(${pid ?? ABSENT})`;
}

function stateOf({ state }: BtTask): string {
  return state ?? ABSENT;
}

function cpuOf({ onCpu, cpu }: BtTask): string {
  return onCpu === true ? ` on CPU ${cpu ?? ABSENT}` : '';
}

/** `?` marks a frame that was guessed, as in the kernel's traces. */
export function frameText(frame: StackFrame, index: number): string {
  const number = `#${index}`.padStart(4);
  return `${number} ${frame.pc.slice(2)} ${frame.guessed === true ? '? ' : ''}${placeText(frame)}`;
}

/** `symbol+0x1f/0x40 [module]`, as the kernel prints it. */
export function placeText({ name, offset, size, module }: StackFrame): string {
  if (name === undefined) return ABSENT;
  const of = size === undefined || size === 0 ? '' : `/0x${size.toString(16)}`;
  const from = module === undefined ? '' : ` [${module}]`;
  return `${name}+0x${(offset ?? 0).toString(16)}${of}${from}`;
}

function summary({ taskCount, stacks, asleep, unreadable, method }: BtResult): string {
  const parts = [`${count(taskCount, 'task')}, ${count(stacks.length, 'stack')}, by ${method}`];
  if (unreadable.length > 0) parts.push(`${unreadable.length} NOT READ`);
  if (asleep > 0) parts.push(`${asleep} that sleep not shown (--all)`);
  return parts.join('; ');
}
