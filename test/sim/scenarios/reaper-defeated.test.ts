import assert from 'node:assert/strict';
import { runScenario } from '../../support/simulated.ts';

/** Long enough for a victim to be chosen. */
const SHORT = { seed: 1, kmallocwd: 1, judgedBy: 0.5, knobs: { dumpSeconds: 8 } };

describe('REAPER_DEFEATED', function () {
  this.timeout(180_000);

  it('has a thread of the victim that holds its mmap_lock for writing', () => {
    const { truth, locks, tasks } = runScenario('reaper-defeated', SHORT).ledger;
    assert.equal(truth.diagnosis, 'D4');
    const lock = locks.find(({ name }) => name === 'mmap_lock of java');
    const writer = tasks.find(({ pid }) => pid === lock?.ownerPid);
    assert.equal(writer?.oomVictim, true);
  });

  it('does not come about where another victim is chosen', () => {
    const features = { skipsUnreapable: true };
    const { truth } = runScenario('reaper-defeated', { ...SHORT, features }).ledger;
    assert.notEqual(truth.diagnosis, 'D4');
  });
});
