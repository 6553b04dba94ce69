import assert from 'node:assert/strict';
import { runScenario } from '../../support/simulated.ts';

describe('BALLOON_DEADLOCK', function () {
  this.timeout(180_000);

  it('is a circle of balloon_lock and the journal', () => {
    const { truth } = runScenario('balloon-deadlock', { seed: 1, kmallocwd: 2 }).ledger;
    assert.equal(truth.diagnosis, 'D11');
    assert.deepEqual(truth.cycle.map(({ what }) => what).sort(), [
      'balloon_lock',
      'journal of simfs',
    ]);
  });

  it('does not come about where pages are taken before the lock', () => {
    const features = { balloonAllocatesUnderLock: false };
    const { truth } = runScenario('balloon-deadlock', { seed: 1, kmallocwd: 2, features }).ledger;
    assert.notEqual(truth.diagnosis, 'D11');
  });
});
