// Tasks by where they lie and by where their stacks lie: what a lock says of its owner and its
// waiters is held against these.

import { threadSize } from '../stack-areas.ts';
import type { Task } from '../task.ts';
import type { Vmcore } from '../../target/vmcore.ts';

/** A task that has a pid. */
export type KnownTask = Task & { readonly pid: number };

/** The tasks of a dump. */
export class TaskIndex {
  readonly #byAddress = new Map<bigint, KnownTask>();
  readonly #byStack = new Map<bigint, KnownTask>();
  readonly #byPid = new Map<number, KnownTask>();
  readonly #stackMask: bigint;

  constructor(vmcore: Pick<Vmcore, 'symbols'>, tasks: readonly Task[]) {
    this.#stackMask = -BigInt(threadSize(vmcore));
    for (const task of tasks) {
      if (!hasPid(task)) continue;
      this.#byAddress.set(BigInt(task.address), task);
      // Idle tasks share pid 0, which nobody waits for by number.
      if (task.pid !== 0) this.#byPid.set(task.pid, task);
      const stack = task.stack === undefined ? 0n : BigInt(task.stack);
      if (stack !== 0n) this.#byStack.set(stack & this.#stackMask, task);
    }
  }

  /** How many there are. */
  get size(): number {
    return this.#byAddress.size;
  }

  at(address: bigint): KnownTask | undefined {
    return this.#byAddress.get(address);
  }

  withPid(pid: number): KnownTask | undefined {
    return this.#byPid.get(pid);
  }

  /** Whose stack an address is on. */
  onStack(address: bigint): KnownTask | undefined {
    return this.#byStack.get(address & this.#stackMask);
  }

  all(): Iterable<KnownTask> {
    return this.#byAddress.values();
  }
}

function hasPid(task: Task): task is KnownTask {
  return task.pid !== undefined;
}
