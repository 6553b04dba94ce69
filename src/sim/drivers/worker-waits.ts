// What the workers of a device waited for, second by second. The truth about a slow device is read
// off this, and not off the stacks at some instant.

import type { Kernel } from '../core/kernel.ts';
import type { Task } from '../kernel/task.ts';

const US_PER_SECOND = 1_000_000;

/** Sums of some time, in microseconds. */
export interface Waited {
  /** With a work in hand and not on a CPU. */
  readonly total: number;
  /** Of that, in throttle_vm_writeout(). */
  readonly throttled: number;
  /** Works that were finished. */
  readonly works: number;
}

/** A worker as it was when it began with a work. */
interface Begun {
  readonly task: Task;
  readonly time: number;
  readonly stime: number;
  readonly throttledUs: number;
}

/** The book of one device. */
export class WorkerWaits {
  /** By the second in which the work was finished. */
  readonly #seconds = new Map<number, { total: number; throttled: number; works: number }>();
  readonly #running = new Set<Begun>();

  begin(k: Kernel): Begun {
    const { current: task } = k;
    const { stime, throttledUs } = task;
    const begun = { task, time: k.sched.now, stime, throttledUs };
    this.#running.add(begun);
    return begun;
  }

  end(k: Kernel, begun: Begun): void {
    this.#running.delete(begun);
    const second = Math.floor(k.sched.now / US_PER_SECOND);
    const sum = this.#seconds.get(second) ?? { total: 0, throttled: 0, works: 0 };
    const { total, throttled } = since(k, begun);
    sum.total += total;
    sum.throttled += throttled;
    sum.works++;
    this.#seconds.set(second, sum);
  }

  /** Works that were finished between two times, and, if `to` is now, those in hand. */
  between(k: Kernel, from: number, to: number): Waited {
    const sum = { total: 0, throttled: 0, works: 0 };
    for (const [second, part] of this.#seconds) {
      const time = second * US_PER_SECOND;
      if (time < from || time >= to) continue;
      sum.total += part.total;
      sum.throttled += part.throttled;
      sum.works += part.works;
    }
    if (to < k.sched.now) return sum;
    for (const begun of this.#running) {
      const { total, throttled } = since(k, begun);
      sum.total += total;
      sum.throttled += throttled;
    }
    return sum;
  }
}

function since(k: Kernel, { task, time, stime, throttledUs }: Begun): Omit<Waited, 'works'> {
  const total = Math.max(0, k.sched.now - time - (task.stime - stime));
  return { total, throttled: task.throttledUs - throttledUs };
}
