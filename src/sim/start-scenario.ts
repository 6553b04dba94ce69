// A machine with a scenario started on it, at time 0. Whoever runs one for its dump, its truth or
// the worth of a remedy starts it here, so that the same scenario and seed are the same machine.

import type { TypeSource } from '../types/ctype.ts';
import { Prng } from '../util/prng.ts';
import { addIdleTasks } from './background.ts';
import { boot } from './boot.ts';
import type { Kernel } from './core/kernel.ts';
import { FEATURES_DEFAULT, REMEDIES_NONE, type Remedies } from './core/options.ts';
import type { Flavour } from './flavour/flavour.ts';
import { LINUX_6_1 } from './flavour/linux-6-1.ts';
import type { Features, Knobs, Scenario } from './scenario.ts';
import type { PatchName } from './watchdog/patch-version.ts';

const MIB = 2 ** 20;

/** What a machine is made from. */
export interface MachinePlan {
  readonly scenario: Scenario;
  readonly seed: number;
  /** What the kernel's memory looks like, which `types` must fit; Linux 6.1 unless told. */
  readonly flavour?: Flavour;
  /** Instead of the scenario's own. */
  readonly knobs?: Partial<Knobs>;
  /** Instead of what the scenario's kernel has. */
  readonly features?: Features;
  /** The kernel does as the flavour's release does, whatever the scenario needs of it. */
  readonly asReleased?: boolean;
  /** What is tried against the stall. */
  readonly remedies?: Partial<Remedies>;
  /** The version of the kmallocwd patch; v3 unless told. */
  readonly patch?: PatchName;
  /** `kmallocwd=N`, or the sysctl of the version */
  readonly kmallocwd: number;
  /** The types of the kernel: whether it has a ZONE_DMA is a matter of its configuration. */
  readonly types: TypeSource;
}

/** A machine at the beginning of its run. */
export interface StartedScenario {
  readonly kernel: Kernel;
  /** What the seed drew, where the scenario leaves that to it. */
  readonly scenario: Scenario;
  readonly knobs: Knobs;
}

/** Boots the machine and starts the scenario's programs. */
export function startScenario(plan: MachinePlan): StartedScenario {
  const { seed, kmallocwd, patch = 'v3', flavour = LINUX_6_1 } = plan;
  const scenario = plan.scenario.forSeed?.(seed) ?? plan.scenario;
  const knobs = { ...scenario.defaults, ...plan.knobs };
  const { idleTasks = 0 } = knobs;
  const kernel = boot(
    {
      ...{ hz: knobs.hz, cpuCount: knobs.cpus, ramBytes: knobs.ramMiB * MIB, idleTasks },
      ...{ words: flavour.words, kmallocwd, patch },
      ...FEATURES_DEFAULT,
      ...REMEDIES_NONE,
      ...scenario.features,
      ...(plan.asReleased === true ? flavour.features : {}),
      ...plan.features,
      ...plan.remedies,
      // The image has the zones that its types name.
      zoneDma: hasZoneDma(plan.types),
    },
    new Prng(seed),
    scenario.daemons,
  );
  addIdleTasks(kernel, idleTasks);
  scenario.start(kernel);
  return { kernel, scenario, knobs };
}

/** CONFIG_ZONE_DMA */
export function hasZoneDma(types: TypeSource): boolean {
  return types.findEnumerator('ZONE_DMA') !== undefined;
}
