// Completions (kernel/sched/completion.c): one waits until another says that it is done.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import type { WaitTarget } from '../locking/wait-target.ts';
import { TASK_KILLABLE, TASK_UNINTERRUPTIBLE } from './task-bits.ts';
import { schedule } from './sched.ts';
import { fatal_signal_pending, type Task } from './task.ts';
import { finish_wait, prepare_to_wait, wake_up, WaitQueue } from './wait.ts';

/** struct completion. */
export class Completion implements WaitTarget {
  readonly kind: string;
  readonly name: string;
  done = false;
  readonly wait: WaitQueue;
  readonly #holders: () => readonly Task[];

  /** @param holders whoever is to complete it, as things are when that is asked */
  constructor(name: string, holders: () => readonly Task[], kind = 'completion') {
    this.name = name;
    this.kind = kind;
    this.wait = new WaitQueue(name);
    this.#holders = holders;
  }

  holders(): readonly Task[] {
    return this.#holders();
  }
}

export function complete(k: Kernel, completion: Completion): void {
  completion.done = true;
  wake_up(k, completion.wait);
}

/** Waits for as long as it takes. */
export function* wait_for_completion(k: Kernel, completion: Completion): Code {
  yield* waitCommon(k, completion, TASK_UNINTERRUPTIBLE);
}

/** @returns false where a fatal signal ended the wait */
export function* wait_for_completion_killable(k: Kernel, completion: Completion): Code<boolean> {
  return yield* waitCommon(k, completion, TASK_KILLABLE);
}

/** do_wait_for_common(), inlined. */
function* waitCommon(k: Kernel, completion: Completion, state: number): Code<boolean> {
  const task = k.current;
  task.blockedOn = completion;
  while (!completion.done) {
    if (state === TASK_KILLABLE && fatal_signal_pending(task)) break;
    prepare_to_wait(k, completion.wait, state);
    yield* call(k, schedule);
    finish_wait(k, completion.wait);
  }
  task.blockedOn = undefined;
  return completion.done;
}
