// A booted machine of the simulation, without a scenario, and threads of a test on it.

import { boot } from '../../src/sim/boot.ts';
import { call, type Code } from '../../src/sim/core/code.ts';
import type { Kernel } from '../../src/sim/core/kernel.ts';
import { FEATURES_DEFAULT, REMEDIES_NONE, type KernelOptions } from '../../src/sim/core/options.ts';
import type { Task } from '../../src/sim/kernel/task.ts';
import { schedule_timeout_uninterruptible } from '../../src/sim/kernel/timer.ts';
import type { Page } from '../../src/sim/mm/mmzone.ts';
import { Prng } from '../../src/util/prng.ts';

/** Simulated microseconds of a second. */
export const SECOND_US = 1_000_000;

/** 128 MiB and two CPUs, where nothing runs but daemons. */
export function bootedMachine(options: Partial<KernelOptions> = {}): Kernel {
  const machine = { hz: 250, cpuCount: 2, ramBytes: 128 << 20, kmallocwd: 0 } as const;
  return boot({ ...machine, ...FEATURES_DEFAULT, ...REMEDIES_NONE, ...options }, new Prng(1));
}

/** A kernel thread that runs the code of a test once, and sleeps from then on. */
export function startTestThread(k: Kernel, body: (k: Kernel) => Code): Task {
  return k.kthread({ comm: 'test' }, function* test_thread(kernel) {
    yield* body(kernel);
    for (;;) yield* call(kernel, schedule_timeout_uninterruptible, 100 * kernel.options.hz);
  });
}

/** Takes all memory, so that every allocation fails. */
export function takeAllMemory(k: Kernel): Page[] {
  const taken: Page[] = [];
  for (const zone of k.node.zones) {
    for (let page = zone.take(0); page !== undefined; page = zone.take(0)) taken.push(page);
  }
  return taken;
}
