// A kernel without daemons, and threads that do one thing: for tests of a single mechanism.

import type { Code } from '../../src/sim/core/code.ts';
import { Kernel } from '../../src/sim/core/kernel.ts';
import { FEATURES_DEFAULT, REMEDIES_NONE, type KernelOptions } from '../../src/sim/core/options.ts';
import { schedule_timeout_uninterruptible } from '../../src/sim/kernel/timer.ts';
import type { Task } from '../../src/sim/kernel/task.ts';
import { Prng } from '../../src/util/prng.ts';

const LONG_JIFFIES = 1_000_000;

/** Two CPUs at 250 Hz and 128 MiB, unless told. */
export function bareKernel(options: Partial<KernelOptions> = {}): Kernel {
  const machine = { hz: 250, cpuCount: 2, ramBytes: 128 << 20, kmallocwd: 0 } as const;
  return new Kernel({ ...machine, ...FEATURES_DEFAULT, ...REMEDIES_NONE, ...options }, new Prng(1));
}

/** A kernel thread that begins after so many jiffies, and sleeps when it is done. */
export function addThread(k: Kernel, comm: string, after: number, body: () => Code): Task {
  return k.kthread({ comm }, function* tested(): Code {
    if (after > 0) yield* schedule_timeout_uninterruptible(k, after);
    yield* body();
    yield* schedule_timeout_uninterruptible(k, LONG_JIFFIES);
  });
}

/** Runs one body to its end. */
export function runBody(k: Kernel, body: () => Code, seconds = 10): void {
  let isDone = false;
  addThread(k, 'tested', 0, function* () {
    yield* body();
    isDone = true;
  });
  k.sched.run(k.sched.now + seconds * 1_000_000);
  if (!isDone) throw new Error(`the body is not done after ${seconds} s`);
}
