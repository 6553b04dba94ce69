// One simulated machine, dumped at several instants of its run without an end of it: what a test of
// the watchdog wants, that looks at the very moment of a report.

import assert from 'node:assert/strict';
import { simulatedTypes } from '../../src/cli/simulated-types.ts';
import { boot } from '../../src/sim/boot.ts';
import { FEATURES_DEFAULT, REMEDIES_NONE } from '../../src/sim/core/options.ts';
import type { Kernel } from '../../src/sim/core/kernel.ts';
import { machineFacts } from '../../src/sim/facts.ts';
import { LINUX_6_1 } from '../../src/sim/flavour/linux-6-1.ts';
import { buildMachine, type MachineImage } from '../../src/sim/image/machine.ts';
import { ledgerAtDump, type Ledger } from '../../src/sim/ledger.ts';
import { findScenario } from '../../src/sim/scenarios/list.ts';
import { patchFacts } from '../../src/sim/watchdog/patch-facts.ts';
import type { PatchName } from '../../src/sim/watchdog/patch-version.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import type { TypeSource } from '../../src/types/ctype.ts';
import { USED_ENUMERATORS, USED_TYPES } from '../../src/types/used-structs.ts';
import { Prng } from '../../src/util/prng.ts';
import { withImage } from './simulated.ts';

const SEED = 1;
const US_PER_SECOND = 1_000_000;

/** A dump and the truth of that instant. */
export interface Instant {
  readonly image: MachineImage;
  readonly ledger: Omit<Ledger, 'truth'>;
}

/** A machine that runs a scenario. */
export class DumpedMachine {
  readonly kernel: Kernel;
  readonly #types: TypeSource;
  readonly #options: { scenario: string; patch: PatchName; kmallocwd: number };

  constructor(options: { scenario: string; patch: PatchName; kmallocwd: number; ramMiB: number }) {
    const { patch, kmallocwd, ramMiB } = options;
    this.#options = options;
    this.#types = simulatedTypes(patch);
    const scenario = findScenario(options.scenario);
    assert.ok(scenario !== undefined, options.scenario);
    const { hz, cpus } = scenario.defaults;
    this.kernel = boot(
      {
        ...{ hz, cpuCount: cpus, ramBytes: ramMiB << 20, kmallocwd, patch },
        ...FEATURES_DEFAULT,
        ...REMEDIES_NONE,
        ...scenario.features,
        // The image has the zones that its types name.
        zoneDma: this.#types.findEnumerator('ZONE_DMA') !== undefined,
      },
      new Prng(SEED),
    );
    scenario.start(this.kernel);
  }

  run(seconds: number): this {
    this.kernel.sched.run(seconds * US_PER_SECOND);
    return this;
  }

  /** Calls back in the midst of the machine's run, when a line is logged. */
  onLine(listener: (text: string) => void): void {
    const { log } = this.kernel;
    const add = log.add.bind(log);
    log.add = (record) => {
      add(record);
      listener(record.text);
    };
  }

  dump(): Instant {
    const { kernel } = this;
    const { scenario, kmallocwd } = this.#options;
    const run = { scenario, seed: SEED, flavour: LINUX_6_1 };
    const image = buildMachine(machineFacts(kernel, run), {
      flavour: LINUX_6_1.image,
      types: this.#types,
      patch: patchFacts(kernel),
      btfNames: USED_TYPES,
      btfEnumerators: USED_ENUMERATORS,
    });
    const found = findScenario(scenario)!;
    const knobs = { ...found.defaults, kmallocwd };
    const ledger = ledgerAtDump({ scenario: found, seed: SEED, knobs, kernel, image });
    return { image, ledger };
  }
}

/** Writes the dump to a file and opens that for the time of `use`. */
export async function withInstant<T>({ image }: Instant, use: (vmcore: Vmcore) => T): Promise<T> {
  return withImage(image, use);
}
