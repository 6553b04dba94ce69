// What two images of one machine must have in common that only a run shows: which functions its
// kernel has, and how much room each has on the stack. A function is known here once it was called,
// so that a rehearsal of the run comes first.

import { machineFacts } from './facts.ts';
import { LINUX_6_1 } from './flavour/linux-6-1.ts';
import type { FrameFacts } from './image/machine-facts.ts';
import { startScenario, type MachinePlan } from './start-scenario.ts';

const US_PER_SECOND = 1_000_000;

/** The code of a kernel, as far as an image has it. */
export interface KernelCode {
  readonly functions: readonly string[];
  /** Frames that have variables, of each kind one. */
  readonly frames: readonly FrameFacts[];
}

/** Runs the machine up to a second dump, `again` seconds after the first, and looks at both. */
export function codeOfBoth(plan: MachinePlan, again: number): KernelCode {
  const { kernel, scenario, knobs } = startScenario(plan);
  const { seed, flavour = LINUX_6_1 } = plan;
  const frames = new Map<string, FrameFacts>();
  for (const seconds of [knobs.dumpSeconds, knobs.dumpSeconds + again]) {
    kernel.sched.run(seconds * US_PER_SECOND);
    const { processes } = machineFacts(kernel, { scenario: scenario.name, seed, flavour });
    for (const { threads } of processes) {
      for (const { frames: called = [] } of threads) {
        for (const frame of called) {
          if (frame.locals.length > 0) frames.set(keyOf(frame), frame);
        }
      }
    }
  }
  return { functions: [...kernel.functions], frames: [...frames.values()] };
}

function keyOf({ name, locals }: FrameFacts): string {
  return [name, ...locals.map(({ type }) => type)].join(' ');
}
