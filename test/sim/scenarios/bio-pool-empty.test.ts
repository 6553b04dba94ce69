import assert from 'node:assert/strict';
import { BIO_POOL_EMPTY } from '../../../src/sim/scenarios/bio-pool-empty.ts';
import { runScenario } from '../../support/simulated.ts';

/** The set is empty after three seconds. */
const SHORT = { seed: 2, kmallocwd: 1, judgedBy: 0.5, knobs: { dumpSeconds: 5 } };

describe('BIO_POOL_EMPTY', function () {
  this.timeout(120_000);

  it('ends in a worker that waits for the set whose bios all wait for it', () => {
    const { truth, memory, tasks } = runScenario(BIO_POOL_EMPTY.name, SHORT).ledger;
    assert.equal(truth.diagnosis, 'D9');
    assert.deepEqual(
      truth.cycle.map(({ what, kind }) => [what, kind]),
      [['fs_bio_set', 'mempool']],
    );
    const worker = tasks.find(({ pid }) => pid === truth.cycle[0]?.pid);
    assert.ok(worker?.functions.includes('kcryptd_crypt'));
    assert.equal(memory.oomKills, 0);
  });

  it('does not come to D9 where the driver has a set of its own', () => {
    const features = { sharedBioSet: false };
    const { truth } = runScenario(BIO_POOL_EMPTY.name, { ...SHORT, features }).ledger;
    assert.notEqual(truth.diagnosis, 'D9');
  });
});
