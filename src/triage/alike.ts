// Tasks that do the same, though not by the same frames: hundreds that ask for memory at one place
// are one line.

import type { BtTask, SharedStack } from '../kernel/bt.ts';
import { functionName } from '../kernel/function-name.ts';
import type { StackFrame } from '../kernel/stack.ts';

/** Tasks that do the same. */
export interface AlikeTasks {
  readonly tasks: readonly BtTask[];
  /** The stack that most of them have, and how many different ones they have. */
  readonly stack: SharedStack;
  readonly stacks: number;
}

/**
 * Stacks of the same kind together, in the order of the first of each.
 *
 * @param apart pids of tasks that are not to be lost among others
 */
export function foldAlike(
  stacks: readonly SharedStack[],
  apart: readonly number[] = [],
): AlikeTasks[] {
  const byKind = new Map<string, SharedStack[]>();
  for (const shared of stacks) {
    const isApart = shared.tasks.some(({ pid = -1 }) => apart.includes(pid));
    const kind = `${isApart ? 'apart' : ''} ${kindOf(shared)}`;
    const alike = byKind.get(kind);
    if (alike === undefined) byKind.set(kind, [shared]);
    else alike.push(shared);
  }
  return [...byKind.values()].flatMap((alike) => {
    const stack = alike.reduce((a, b) => (b.tasks.length > a.tasks.length ? b : a));
    return { tasks: alike.flatMap(({ tasks }) => tasks), stack, stacks: alike.length };
  });
}

/** What a stack is for: who asked for memory does not matter where all wait for the same. */
function kindOf(shared: SharedStack): string {
  const calls = tellingCalls(shared);
  const at = calls.findIndex((name) => SLOW_PATH.test(name));
  if (shared.allocator === 'slow path' && at >= 0) {
    const isWork = calls.includes('process_one_work');
    return `slow path: ${waitOf(calls.slice(0, at))}${isWork ? ', a work' : ''}`;
  }
  return `${shared.allocator ?? ''} ${calls.slice(0, CALLS_ALIKE).join(' ')}`;
}

/** Innermost calls that make two sleeps the same. */
const CALLS_ALIKE = 3;

const SLOW_PATH = /^__alloc_pages_(slowpath|nodemask)$|^try_to_free_pages$/;

/** What those do that are in the slow path, by calls below it. */
const WAITS: readonly [RegExp, string][] = [
  [/^(__)?mutex_lock|^rwsem_down|^__down|^rt_mutex|^percpu_rwsem/, 'lock'],
  [/^(throttle_direct_reclaim|throttle_vm_writeout)$/, 'throttled'],
  [/^(reclaim_throttle|congestion_wait|wait_iff_congested)$/, 'throttled'],
  [/^(folio|wait_on_page|__lock_page|__folio)_?\w*(writeback|bit|lock)/, 'page'],
  [/^mempool_alloc$/, 'mempool'],
  [/^out_of_memory$/, 'OOM killer'],
  [/^(compact_zone|try_to_compact_pages)/, 'compaction'],
  [/^(shrink_\w+|do_try_to_free_pages|try_to_free_pages)$/, 'reclaim'],
];

function waitOf(inner: readonly string[]): string {
  return WAITS.find(([pattern]) => inner.some((name) => pattern.test(name)))?.[1] ?? 'between';
}

/** What every sleep and every system call has in common. */
const COMMON = new RegExp(
  '^((__)?schedule|preempt_schedule\\w*|_*cond_resched|schedule_preempt_disabled|' +
    'schedule_timeout\\w*|io_schedule\\w*|do_syscall_64|entry_\\w+|asm_\\w+|ret_from_fork\\w*|' +
    '__x64_sys_\\w+|kthread|worker_thread)$',
);

/** Of those the one that says what was called for. */
const SYSTEM_CALL = /^__x64_sys_\w+$/;

/** A lock's own functions, of which the outermost says what was wanted. */
const OF_LOCK = /^((__)?mutex_lock|rwsem_down|(__)?down_(read|write)|call_rwsem)/;

/** The calls of a stack without the scheduler's and the entry's; all of it where that is all. */
export function tellingCalls({ stack }: SharedStack): string[] {
  const names = stack.frames.flatMap((frame) => wordOf(frame) ?? []);
  const telling = names
    .filter((name) => !COMMON.test(name))
    .filter((name, at, all) => !(OF_LOCK.test(name) && OF_LOCK.test(all[at + 1] ?? '')));
  if (telling.length === 0) return names.slice(0, 1);
  // Of a lock alone nobody knows what it is for; the system call says as much.
  const entry = names.findLast((name) => SYSTEM_CALL.test(name));
  return telling.every((name) => OF_LOCK.test(name))
    ? [...telling, ...(entry ? [entry] : [])]
    : telling;
}

function wordOf({ name, guessed }: StackFrame): string | undefined {
  if (name === undefined) return undefined;
  return `${guessed === true ? '? ' : ''}${functionName(name)}`;
}
