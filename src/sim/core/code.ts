// How kernel code is written here: a function of the kernel is a generator function under the
// kernel's own name. It yields to the scheduler where the kernel would spend time or switch tasks.
//
//   yield* call(k, mutex_lock, lock)     a call: the callee's frame is on the stack until it ends
//   return call(k, do_futex)             the same at the end of a plain function: it costs less
//   k.spend(us)                          CPU time; it passes at the next preemption point
//
// The frames of a task are its kernel stack: what is written to memory is what was running. A
// function that never sleeps and never gives up the CPU may be a plain one: nobody ever sees it on
// a stack, and it costs less.

import { assert } from '../../util/assert.ts';
import type { Mutex } from '../locking/mutex.ts';
import type { RwSemaphore, RwsemWaiter } from '../locking/rw-semaphore.ts';
import type { Semaphore, SemaphoreWaiter } from '../locking/semaphore.ts';
import type { CompactControl } from '../mm/compact-retry.ts';
import type { MemCgroup } from '../mm/memcontrol.ts';
import type { Task } from '../kernel/task.ts';
import type { WaitQueue } from '../kernel/wait.ts';
import type { ListedRequest } from '../watchdog/memalloc-info.ts';
import type { Kernel } from './kernel.ts';

/** What code asks of the scheduler. */
export type Request =
  | { readonly kind: 'run'; readonly us: number }
  /** Leave the CPU: to sleep if the task's state says so, else to let others run. */
  | { readonly kind: 'switch'; readonly preempted: boolean }
  /** Enter a function: the code goes on with what it returns. */
  | { readonly kind: 'call'; readonly name: string; readonly enter: () => Code<unknown> };

/** A request that only the scheduler can serve. */
export type SchedulerRequest = Exclude<Request, { kind: 'call' }>;

/** Kernel code that runs, and returns a T. */
export type Code<T = void> = Generator<Request, T, unknown>;

/** A function of the kernel that may sleep. */
export type KernelFunction<A extends readonly unknown[], T> = (k: Kernel, ...args: A) => Code<T>;

/** What a function keeps on the stack for others to find. */
export type StackLocal =
  | { readonly type: 'mutex_waiter'; readonly task: Task; readonly lock: Mutex }
  | { readonly type: 'rwsem_waiter'; readonly waiter: RwsemWaiter; readonly lock: RwSemaphore }
  | {
      readonly type: 'semaphore_waiter';
      readonly waiter: SemaphoreWaiter;
      readonly lock: Semaphore;
    }
  | { readonly type: 'wait_queue_entry'; readonly queue: WaitQueue }
  | { readonly type: 'scan_control'; readonly sc: ScanControl }
  | { readonly type: 'compact_control'; readonly cc: CompactControl }
  | { readonly type: 'memalloc'; readonly request: ListedRequest };

/** struct scan_control, as far as it is kept. */
export interface ScanControl {
  readonly gfpMask: number;
  readonly order: number;
  readonly nrToReclaim: number;
  priority: number;
  nrScanned: number;
  nrReclaimed: number;
  /** What this pass has met. */
  readonly nr: ScanCounts;
  /** target_mem_cgroup: only its pages are wanted; else those of the node. */
  readonly memcg?: MemCgroup;
}

/** scan_control.nr: pages of one pass over the lists. */
export interface ScanCounts {
  taken: number;
  fileTaken: number;
  /** Dirty or under writeback. */
  dirty: number;
  /** Dirty, and nobody has begun to write it. */
  unqueuedDirty: number;
  /** Under writeback, and met there before. */
  congested: number;
  /** Under writeback. */
  writeback: number;
  /** Those of them that came round faster than they could be written. */
  immediate: number;
}

/** One function that was entered and has not returned. */
export interface Frame {
  /** Its symbol. */
  readonly name: string;
  locals: readonly StackLocal[];
}

/** Calls a function of the kernel. */
export function call<A extends unknown[], T>(
  k: Kernel,
  callee: KernelFunction<A, T>,
  ...args: A
): Code<T> {
  const name = k.nameOf(callee);
  // What this kernel has as a part of its caller: no call, and no frame.
  if (name === undefined) return callee(k, ...args);
  return new Call(k, { name, callee: callee as AnyFunction, args }) as Code<T>;
}

type AnyFunction = KernelFunction<readonly unknown[], unknown>;

const NO_ARGS: readonly unknown[] = [];

interface CallPlan {
  readonly name: string;
  readonly callee: AnyFunction;
  readonly args: readonly unknown[];
}

/**
 * A call, which asks to be entered and gives back what came of that. It is also what it yields: a
 * generator and a request for each call would be most of what a run takes, of time and of memory.
 */
class Call implements Generator<Request, unknown, unknown> {
  readonly kind = 'call';
  readonly name: string;
  #callee: AnyFunction | undefined;
  #args: readonly unknown[];
  /** As the result of {@link next}. */
  done = false;
  value: unknown = this;
  readonly #k: Kernel;

  constructor(k: Kernel, { name, callee, args }: CallPlan) {
    this.#k = k;
    this.name = name;
    this.#callee = callee;
    this.#args = args;
  }

  enter(): Code<unknown> {
    const callee = this.#callee;
    assert(callee !== undefined, 'a call is entered once');
    const args = this.#args;
    this.#callee = undefined;
    // A task may sleep in there for ever, and there may be 100,000 of them.
    this.#args = NO_ARGS;
    return callee(this.#k, ...args);
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(result: unknown): IteratorResult<Request, unknown> {
    const { tracer, current } = this.#k;
    if (this.#callee === undefined) {
      tracer?.leave(current, this.name);
      this.done = true;
      this.value = result;
    } else tracer?.enter(current, this.name, this.#args);
    return this as IteratorResult<Request, unknown>;
  }

  return(value: unknown): IteratorResult<Request, unknown> {
    return { done: true, value };
  }

  throw(error: unknown): never {
    throw error;
  }

  [Symbol.dispose](): void {
    // There is nothing to end: the function that was entered is the scheduler's.
  }
}

/**
 * Runs a task's code until it asks for something of the scheduler. Each function that was entered
 * is a generator of its own: were they nested by yield*, each switch of tasks would walk all of
 * them, in and out again.
 */
export function resume({ code, frames }: Task): SchedulerRequest {
  let sent: unknown;
  for (;;) {
    const innermost = code.at(-1);
    assert(innermost !== undefined, 'a task has no code');
    const { value, done } = innermost.next(sent);
    if (done === true) {
      // Nothing is thrown here but by our own bugs: then the run is over, and no frame matters.
      code.pop();
      frames.pop();
      sent = value;
    } else if (value.kind === 'call') {
      frames.push({ name: value.name, locals: NO_LOCALS });
      code.push(value.enter());
      sent = undefined;
    } else return value;
  }
}

/** Most functions keep nothing; all of those share it. */
const NO_LOCALS: readonly StackLocal[] = [];

/** Puts a local variable into the frame of the function that runs. */
export function keepOnStack(k: Kernel, local: StackLocal): void {
  const frame = k.current.frames.at(-1);
  if (frame !== undefined) frame.locals = [...frame.locals, local];
}
