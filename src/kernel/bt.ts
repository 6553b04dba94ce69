// The result object of `stallcore bt`: stacks, identical ones once, those that matter first.

import type { Vmcore } from '../target/vmcore.ts';
import type { UnwindMethod } from '../unwind/unwinder.ts';
import { allocatorPlace, type AllocatorPlace } from './alloc-frames.ts';
import { StackReader, type TaskStack } from './stack.ts';
import { taskMatches, type TaskFilter } from './task-filter.ts';
import { readTasks, type Task } from './task.ts';

/** A stack and the tasks that have it. */
export interface SharedStack {
  readonly stack: TaskStack;
  readonly tasks: readonly BtTask[];
  /** Where in the allocator it is. */
  readonly allocator?: AllocatorPlace;
}

/** A task, in what identifies it. */
export type BtTask = Pick<
  Task,
  'address' | 'pid' | 'tgid' | 'comm' | 'state' | 'cpu' | 'onCpu' | 'kthread'
>;

/** Stacks of a dump. */
export interface BtResult {
  readonly type: 'bt';
  /** How frames were found. */
  readonly method: UnwindMethod;
  readonly stacks: readonly SharedStack[];
  /** Tasks that were looked at, and those of them whose stack could not be read. */
  readonly taskCount: number;
  readonly unreadable: readonly BtTask[];
  /** Tasks that were left out since they only sleep. */
  readonly asleep: number;
}

/** Which stacks are wanted. */
export interface BtOptions {
  /** Every task; else, without a filter, those that do not merely sleep. */
  readonly all?: boolean;
  readonly filter?: TaskFilter;
  /** Tasks in the allocator alone. */
  readonly stalled?: boolean;
  /** Identical stacks once. */
  readonly fold?: boolean;
}

/** Reads the stacks of the tasks that are asked for. */
export function btResult(vmcore: Vmcore, options: BtOptions): BtResult {
  const { all = false, filter, stalled = false, fold = false } = options;
  const reader = new StackReader(vmcore);
  const table = readTasks(vmcore);
  const unreadable: BtTask[] = [];
  const stacks: SharedStack[] = [];
  let taskCount = 0;
  let asleep = 0;
  for (const task of [...table.idle, ...table.tasks]) {
    if (filter !== undefined && taskMatches(task, filter) !== true) continue;
    const stack = reader.read(task);
    const allocator = stack === undefined ? undefined : allocatorPlace(stack.frames);
    if (stalled && allocator === undefined) continue;
    if (!all && filter === undefined && allocator === undefined && sleeps(task)) {
      asleep++;
      continue;
    }
    taskCount++;
    if (stack === undefined) unreadable.push(shortTask(task));
    else stacks.push({ stack, tasks: [shortTask(task)], ...(allocator && { allocator }) });
  }
  const shown = fold ? foldStacks(stacks) : inOrderOf(filter?.pids, stacks);
  return { type: 'bt', method: reader.method, stacks: shown, taskCount, unreadable, asleep };
}

/** As the PIDs were named; idle tasks, all of PID 0, stay in the order of their CPUs. */
function inOrderOf(pids: readonly number[] = [], stacks: SharedStack[]): SharedStack[] {
  const at = ({ tasks: [task] }: SharedStack): number => pids.indexOf(task?.pid ?? -1);
  return stacks.sort((a, b) => at(a) - at(b));
}

/** Interruptible or idle, stopped, frozen or dead: it waits for what is outside of the kernel. */
function sleeps({ state, pid, onCpu }: Task): boolean {
  return pid === 0 ? true : onCpu !== true && state !== undefined && 'SITtZXP'.includes(state);
}

/** A task in what identifies it. */
export function shortTask({ address, pid, tgid, comm, state, cpu, onCpu, kthread }: Task): BtTask {
  const all = { address, pid, tgid, comm, state, cpu, onCpu, kthread };
  return Object.fromEntries(
    Object.entries(all).filter(([, value]) => value !== undefined),
  ) as unknown as BtTask;
}

/** Identical stacks once: the same frames, entered and left alike. Those that matter come first. */
export function foldStacks(stacks: readonly SharedStack[]): SharedStack[] {
  const byKey = new Map<string, { stack: SharedStack; tasks: BtTask[] }>();
  for (const shared of stacks) {
    const { frames, end, freed } = shared.stack;
    const pcs = frames.map(({ pc, guessed }) => (guessed === true ? `?${pc}` : pc));
    const key = [end, freed === true ? 'freed' : '', ...pcs].join(' ');
    const known = byKey.get(key);
    if (known === undefined) byKey.set(key, { stack: shared, tasks: [...shared.tasks] });
    else known.tasks.push(...shared.tasks);
  }
  const folded = [...byKey.values()].map(({ stack, tasks }) => ({ ...stack, tasks }));
  return folded.sort((a, b) => rank(a) - rank(b) || b.tasks.length - a.tasks.length);
}

/** Who asks for memory, then who blocks, runs, sleeps. */
function rank({ allocator, tasks }: SharedStack): number {
  if (allocator !== undefined) return allocator === 'slow path' ? 0 : 1;
  const states = new Set(tasks.map(({ state }) => state));
  if (states.has('D')) return 2;
  if (states.has('R')) return tasks.every(({ pid }) => pid === 0) ? 6 : 3;
  return states.has('S') ? 4 : 5;
}
