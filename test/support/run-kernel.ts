// Runs of a scenario to the dump and ten timeouts on, without an image: for tests of what becomes
// of the machine.

import { boot } from '../../src/sim/boot.ts';
import type { Kernel } from '../../src/sim/core/kernel.ts';
import { FEATURES_DEFAULT, REMEDIES_NONE } from '../../src/sim/core/options.ts';
import type { Features, Knobs, Scenario } from '../../src/sim/scenario.ts';
import { findTruth, takeSnapshot, type Truth } from '../../src/sim/truth/truth.ts';
import type { PatchName } from '../../src/sim/watchdog/patch-version.ts';
import { Prng } from '../../src/util/prng.ts';

const US_PER_SECOND = 1_000_000;
/** As the ledger's. */
const TIMEOUT_SECONDS = 10;
const TIMEOUTS_AFTER = 10;

/** How {@link runKernel} runs. */
export interface KernelRun {
  readonly seed: number;
  readonly features?: Features;
  readonly knobs?: Partial<Knobs>;
  /** Of kmallocwd, and a tenth of the time that the machine runs on; the ledger's unless told. */
  readonly timeoutSeconds?: number;
  readonly patch?: PatchName;
}

/** The machine at the end, and what is true about it. */
export function runKernel(
  scenario: Scenario,
  { seed, features, knobs, timeoutSeconds = TIMEOUT_SECONDS, patch = 'v3' }: KernelRun,
): { kernel: Kernel; truth: Truth } {
  const { hz, cpus, ramMiB, dumpSeconds } = { ...scenario.defaults, ...knobs };
  const ram = { ramBytes: ramMiB << 20 };
  const machine = { hz, cpuCount: cpus, ...ram, kmallocwd: timeoutSeconds, patch };
  const kernel = boot(
    { ...machine, ...FEATURES_DEFAULT, ...REMEDIES_NONE, ...scenario.features, ...features },
    new Prng(seed),
    scenario.daemons,
  );
  scenario.start(kernel);
  kernel.sched.run(dumpSeconds * US_PER_SECOND);
  const snapshot = takeSnapshot(kernel, timeoutSeconds * hz);
  kernel.sched.run((dumpSeconds + TIMEOUTS_AFTER * timeoutSeconds) * US_PER_SECOND);
  return { kernel, truth: findTruth(kernel, snapshot) };
}
