// Runs of a scenario to the dump and ten timeouts on, without an image: for tests of what becomes
// of the machine.

import { simulatedTypes } from '../../src/cli/simulated-types.ts';
import type { Kernel } from '../../src/sim/core/kernel.ts';
import type { Features, Knobs, Scenario } from '../../src/sim/scenario.ts';
import { startScenario } from '../../src/sim/start-scenario.ts';
import { findTruth, takeSnapshot, type Truth } from '../../src/sim/truth/truth.ts';
import type { PatchName } from '../../src/sim/watchdog/patch-version.ts';
import { optional } from '../../src/util/optional.ts';

const US_PER_SECOND = 1_000_000;
/** As the ledger's. */
const TIMEOUT_SECONDS = 10;
const TIMEOUTS_AFTER = 10;
const TYPES = simulatedTypes('v3');

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
  const started = startScenario({
    ...{ scenario, seed, patch, types: TYPES, kmallocwd: timeoutSeconds },
    ...optional('knobs', knobs),
    ...optional('features', features),
  });
  const { kernel } = started;
  const { hz, dumpSeconds } = started.knobs;
  kernel.sched.run(dumpSeconds * US_PER_SECOND);
  const snapshot = takeSnapshot(kernel, timeoutSeconds * hz);
  kernel.sched.run((dumpSeconds + TIMEOUTS_AFTER * timeoutSeconds) * US_PER_SECOND);
  return { kernel, truth: findTruth(kernel, snapshot) };
}
