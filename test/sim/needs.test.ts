import assert from 'node:assert/strict';
import { featureWords, lackedFeatures } from '../../src/sim/needs.ts';
import { SCENARIOS } from '../../src/sim/simulate.ts';

describe('featureWords', () => {
  it('has words for whatever a scenario needs', () => {
    for (const { name, features = {}, requires } of SCENARIOS) {
      for (const feature of requires ?? Object.keys(features)) {
        assert.match(featureWords(feature), / |^vm\./, `${name} needs ${feature}`);
      }
    }
  });
});

describe('lackedFeatures', () => {
  it('names what a kernel has otherwise, and nothing that it does not tell', () => {
    const scenario = SCENARIOS.find(({ name }) => name === 'oom-victim-mutex') ?? assert.fail();
    assert.deepEqual(lackedFeatures(scenario, { oomReaper: true }), ['oomReaper']);
    assert.deepEqual(lackedFeatures(scenario, { oomReaper: false }), []);
    assert.deepEqual(lackedFeatures(scenario, {}), []);
  });
});
