import assert from 'node:assert/strict';
import { FEATURES_DEFAULT, type KernelFeatures } from '../../../src/sim/core/options.ts';
import type { Scenario } from '../../../src/sim/scenario.ts';
import { SCENARIOS } from '../../../src/sim/scenarios/list.ts';
import { runKernel } from '../../support/run-kernel.ts';

/** What a scenario's own test switches off. */
const TESTED_ELSEWHERE: Readonly<Record<string, readonly (keyof KernelFeatures)[]>> = {
  'too-many-isolated': ['endlessIsolation'],
  'seed-000': ['reservesByThread', 'oomPrefersChildren'],
  'seed-001': ['reservesByThread', 'killableMmapLock', 'oomPrefersChildren'],
  'reaper-defeated': ['skipsUnreapable'],
  'exiting-task': ['exitingBlocksOomKiller', 'exitingUsesReserves'],
  'kworker-holds-vmstat': ['workerSleeps'],
  'reserves-depleted': ['dirtyRatio'],
  'balloon-deadlock': ['balloonAllocatesUnderLock'],
  'bio-pool-empty': ['sharedBioSet'],
  'dm-crypt-throttled': ['throttleVmWriteout'],
  'memcg-writeback': ['memcgWaitsOnWriteback'],
};

/** Early, and late enough for each of these stalls to be there. */
const SHORT = { seed: 1, timeoutSeconds: 1, knobs: { dumpSeconds: 12 } };

/** The other way round; of a number what a kernel has unless told. */
function without({ features = {} }: Scenario, name: keyof KernelFeatures): Partial<KernelFeatures> {
  const value = features[name];
  return { [name]: typeof value === 'boolean' ? !value : FEATURES_DEFAULT[name] };
}

function requiredOf({ features = {}, requires }: Scenario): readonly (keyof KernelFeatures)[] {
  return requires ?? (Object.keys(features) as (keyof KernelFeatures)[]);
}

describe('SCENARIOS', function () {
  this.timeout(120_000);

  for (const scenario of SCENARIOS) {
    const { name, diagnosis } = scenario;
    const elsewhere = TESTED_ELSEWHERE[name] ?? [];
    const required = requiredOf(scenario).filter((feature) => !elsewhere.includes(feature));
    if (required.length === 0) continue;

    // What the others come to is in their own tests.
    if (elsewhere.length === 0) {
      it(`has ${name} come to ${diagnosis} in so short a time`, () => {
        assert.equal(runKernel(scenario, SHORT).truth.diagnosis, diagnosis);
      });
    }

    for (const feature of required) {
      it(`has ${name} not come to ${diagnosis} with ${feature} the other way round`, () => {
        const features = without(scenario, feature);
        assert.notDeepEqual(features, { [feature]: scenario.features?.[feature] });
        assert.notEqual(runKernel(scenario, { ...SHORT, features }).truth.diagnosis, diagnosis);
      });
    }
  }

  it('require nothing but what they set, and are tested for each of those', () => {
    for (const scenario of SCENARIOS) {
      const set = Object.keys(scenario.features ?? {});
      for (const name of requiredOf(scenario)) assert.ok(set.includes(name), scenario.name);
      for (const name of TESTED_ELSEWHERE[scenario.name] ?? []) {
        assert.ok(requiredOf(scenario).includes(name), `${scenario.name} ${name}`);
      }
    }
  });
});
