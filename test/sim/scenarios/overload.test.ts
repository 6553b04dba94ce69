import assert from 'node:assert/strict';
import { FEATURES_4_4 } from '../../../src/sim/flavour/release-features.ts';
import { NOFS_ONLY } from '../../../src/sim/scenarios/nofs-only.ts';
import { OVERLOAD } from '../../../src/sim/scenarios/overload.ts';
import { runKernel } from '../../support/run-kernel.ts';

const SHORT = { seed: 1, timeoutSeconds: 2, knobs: { dumpSeconds: 10 } };

describe('OVERLOAD', function () {
  this.timeout(180_000);

  it('has all requests finish in the end', () => {
    const { truth } = runKernel(OVERLOAD, SHORT);
    assert.deepEqual([truth.diagnosis, truth.stuck, truth.cycle], ['D13', [], []]);
    assert.ok(truth.recovered.length > 0);
  });

  it('has somebody wait for ever where that is how long one waits for isolated pages', () => {
    const { truth } = runKernel(OVERLOAD, { ...SHORT, features: { endlessIsolation: true } });
    assert.equal(truth.diagnosis, 'D1', JSON.stringify(truth));
  });

  it('is not taken for that where those who took the pages give them back soon', () => {
    const { truth } = runKernel(NOFS_ONLY, { ...SHORT, features: FEATURES_4_4 });
    assert.equal(truth.diagnosis, 'D2', JSON.stringify(truth));
  });
});
