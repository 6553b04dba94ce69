// What a scenario is: a machine, programs on it, and the stall that their run ends in.

import type { Diagnosis } from '../util/diagnosis.ts';
import type { DaemonPlan } from './boot.ts';
import type { Kernel } from './core/kernel.ts';
import type { KernelFeatures, KernelOptions } from './core/options.ts';

export type { Diagnosis } from '../util/diagnosis.ts';

/** What a user may turn. */
export interface Knobs {
  readonly ramMiB: number;
  readonly cpus: number;
  readonly hz: KernelOptions['hz'];
  /**
   * Threads that wait for nothing in particular, besides those of the scenario; none unless told.
   */
  readonly idleTasks?: number;
  /** When the dump is taken, in seconds since boot. */
  readonly dumpSeconds: number;
}

/** What kernels have or lack. */
export type Features = Partial<KernelFeatures>;

/** One scenario. */
export interface Scenario {
  readonly name: string;
  /** One line for `simulate --list`. */
  readonly about: string;
  /** What the run comes to; undefined where the seed decides. */
  readonly diagnosis: Diagnosis | undefined;
  /** What the kernel must have or lack for that, in words and as build options. */
  readonly needs: readonly string[];
  readonly features?: Features;
  /**
   * Those of `features` without which the run must not come to `diagnosis`; all of them unless
   * told. The others make it come sooner, or for more seeds.
   */
  readonly requires?: readonly (keyof KernelFeatures)[];
  readonly defaults: Knobs;
  /** What was drawn from the seed, for the ledger. */
  readonly parameters?: Readonly<Record<string, number | string | boolean>>;
  /** The scenario that this seed draws, where the seed decides about more than the programs. */
  readonly forSeed?: (seed: number) => Scenario;
  /** Who runs besides; what every machine has unless told. */
  readonly daemons?: readonly DaemonPlan[];
  /** Puts the programs on a machine that has booted. */
  readonly start: (k: Kernel) => void;
}
