// Kernel threads (kernel/kthread.c, kernel/smpboot.c). While the machine runs only kthreadd makes
// new ones: a thread's stack takes memory, and whoever asked for the thread waits for kthreadd,
// which may wait for memory.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { __GFP_ACCOUNT, __GFP_HIGHMEM, __GFP_NOWARN, __GFP_ZERO, GFP_KERNEL } from '../mm/gfp.ts';
import type { Page } from '../mm/mmzone.ts';
import { __alloc_pages, __free_pages } from '../mm/page-alloc.ts';
import { complete, Completion, wait_for_completion_killable } from './completion.ts';
import { schedule } from './sched.ts';
import { TASK_INTERRUPTIBLE, TASK_RUNNING } from './task-bits.ts';
import type { Task } from './task.ts';

/** THREAD_SIZE_ORDER: a stack has 16 KiB. */
const THREAD_SIZE_ORDER = 2;
/** GFP_KERNEL_ACCOUNT | __GFP_ZERO */
const THREADINFO_GFP = GFP_KERNEL | __GFP_ACCOUNT | __GFP_ZERO;
/** What vmalloc makes of it for single pages. */
const VMAP_STACK_GFP = GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN | __GFP_HIGHMEM;
/** Microseconds of a fork besides. */
const FORK_US = 40;

type Stack = readonly Page[] | undefined;

/** struct kthread_create_info: a thread that somebody waits for. */
export interface KthreadCreateInfo {
  /** Adds the thread to the machine. */
  readonly start: () => Task;
  readonly done: Completion;
  /** Undefined for -ENOMEM. */
  result: Task | undefined;
}

/** kthreadd and its `kthread_create_list`. */
export class KthreadCreation {
  readonly list: KthreadCreateInfo[] = [];
  kthreadd: Task | undefined;
}

/** Asks kthreadd for a thread. @returns undefined where there is no memory for it */
export function* kthread_create_on_node(k: Kernel, start: () => Task): Code<Task | undefined> {
  return yield* call(k, __kthread_create_on_node, start);
}

function* __kthread_create_on_node(k: Kernel, start: () => Task): Code<Task | undefined> {
  const { kthreadd: task, list } = k.kthreadCreation;
  const done = new Completion('kthread_create_info.done', () => (task === undefined ? [] : [task]));
  const create: KthreadCreateInfo = { start, done, result: undefined };
  list.push(create);
  if (task !== undefined) k.sched.wake(task);
  yield* call(k, wait_for_completion_killable, done);
  return create.result;
}

/** Makes kernel threads when asked to. */
export function* kthreadd(k: Kernel): Code {
  const { list } = k.kthreadCreation;
  k.kthreadCreation.kthreadd = k.current;
  for (;;) {
    k.current.state = TASK_INTERRUPTIBLE;
    if (list.length === 0) yield* call(k, schedule);
    k.current.state = TASK_RUNNING;
    for (let create = list.shift(); create !== undefined; create = list.shift()) {
      const stackPages = yield* call(k, kernel_thread);
      if (stackPages !== undefined) {
        create.result = create.start();
        create.result.stackPages = stackPages;
      }
      complete(k, create.done);
    }
  }
}

/** @returns the pages of its stack; undefined where there is no memory for the thread */
function* kernel_thread(k: Kernel): Code<Stack> {
  return yield* call(k, kernel_clone);
}

function* kernel_clone(k: Kernel): Code<Stack> {
  return yield* call(k, copy_process);
}

function* copy_process(k: Kernel): Code<Stack> {
  k.spend(FORK_US);
  return yield* call(k, dup_task_struct);
}

/** The stack: four pages anywhere, or before Linux 4.9 four in a row. */
function* dup_task_struct(k: Kernel): Code<Stack> {
  if (k.options.vmapStack) return yield* call(k, __vmalloc_node_range);
  const stack = { gfp: THREADINFO_GFP & ~__GFP_ZERO, order: THREAD_SIZE_ORDER };
  const page = yield* call(k, __alloc_pages, stack);
  return page === undefined ? undefined : [page];
}

function* __vmalloc_node_range(k: Kernel): Code<Stack> {
  const pages: Page[] = [];
  while (pages.length < 2 ** THREAD_SIZE_ORDER) {
    const page = yield* call(k, __alloc_pages, { gfp: VMAP_STACK_GFP, order: 0 });
    if (page === undefined) {
      for (const given of pages) __free_pages(given);
      return undefined;
    }
    pages.push(page);
  }
  return pages;
}

/** ksoftirqd and migration: one a CPU, started by the smpboot code. */
export function* smpboot_thread_fn(k: Kernel): Code {
  for (;;) {
    k.current.state = TASK_INTERRUPTIBLE;
    yield* call(k, schedule);
  }
}
