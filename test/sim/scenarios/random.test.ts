// What a seed draws. What its run comes to is test/sim/cover.test.ts's.

import assert from 'node:assert/strict';
import { FEATURES_DEFAULT } from '../../../src/sim/core/options.ts';
import { RANDOM } from '../../../src/sim/scenarios/random.ts';

const SEEDS = Array.from({ length: 200 }, (_, seed) => RANDOM.forSeed!(seed));

/** Names of what does not have the same value for all seeds. */
function drawn(values: readonly object[]): string[] {
  const names = Object.keys(values[0]!);
  const valuesOf = (name: string): unknown[] => {
    return values.map((each) => (each as Record<string, unknown>)[name]);
  };
  return names.filter((name) => new Set(valuesOf(name)).size > 1).sort();
}

describe('RANDOM', () => {
  it('draws every feature of a kernel but its zones, which the image decides about', () => {
    const features = SEEDS.map((each) => each.features!);
    const all = Object.keys(FEATURES_DEFAULT).filter((name) => name !== 'zoneDma');
    assert.deepEqual(drawn(features), all.sort());
  });

  it('draws every parameter of the programs and of the machine', () => {
    for (const part of ['parameters', 'defaults'] as const) {
      const values = SEEDS.map((each) => each[part]!);
      assert.deepEqual(drawn(values), Object.keys(values[0]!).sort());
    }
  });

  it('draws the same from the same seed', () => {
    const [first, second] = [7, 7].map((seed) => {
      const { defaults, features, parameters } = RANDOM.forSeed!(seed);
      return { defaults, features, parameters };
    });
    assert.deepEqual(first, second);
  });
});
