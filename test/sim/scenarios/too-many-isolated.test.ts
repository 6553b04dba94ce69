import assert from 'node:assert/strict';
import { TOO_MANY_ISOLATED } from '../../../src/sim/scenarios/too-many-isolated.ts';
import { runKernel } from '../../support/run-kernel.ts';

/** Long enough for memory to run out; the whole run takes the same course. */
const SHORT = { knobs: { dumpSeconds: 6 }, timeoutSeconds: 1 };

describe('TOO_MANY_ISOLATED', function () {
  this.timeout(120_000);

  it('has everybody wait for pages that kswapd has isolated', () => {
    const { kernel, truth } = runKernel(TOO_MANY_ISOLATED, { seed: 1, ...SHORT });
    assert.equal(truth.diagnosis, 'D1', JSON.stringify(truth));
    assert.ok(truth.cycle.some(({ kind }) => kind === 'NR_ISOLATED'));
    const kswapd = [...kernel.threads()].find(({ comm }) => comm === 'kswapd0');
    assert.equal(kswapd?.blockedOn?.name, 'journal of simfs');
    assert.ok(kswapd.frames.some(({ name }) => name === 'pageout'));
    const { isolated, lru } = kernel.node;
    assert.ok(isolated.file > lru.inactive_file.length >> 3);
  });

  it('takes so many pages off the lists that nobody gets past them, with other seeds too', () => {
    const diagnoses = [2, 6, 13].map((seed) => {
      return runKernel(TOO_MANY_ISOLATED, { seed, knobs: { dumpSeconds: 15 } }).truth.diagnosis;
    });
    assert.deepEqual(diagnoses, ['D1', 'D1', 'D1']);
  });

  it('gets as far as the OOM killer where the loop ends', () => {
    const features = { endlessIsolation: false };
    const { kernel, truth } = runKernel(TOO_MANY_ISOLATED, { seed: 1, features, ...SHORT });
    assert.notEqual(truth.diagnosis, 'D1');
    assert.ok(kernel.oomKills > 0);
  });
});
