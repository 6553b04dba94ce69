// The kernel's end (kernel/panic.c): what it says, and that nothing runs any more. The dump of such
// a run is taken at that instant.

import type { Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { LOGLEVEL_EMERG } from './printk.ts';

/** Stops the machine. It does not return. */
export function* panic(k: Kernel, text: string): Code<never> {
  k.printk(LOGLEVEL_EMERG, `Kernel panic - not syncing: ${text}`);
  k.panicText = text;
  // The other CPUs are stopped by an NMI wherever they are.
  k.sched.stop();
  for (;;) yield { kind: 'run', us: 0 };
}
