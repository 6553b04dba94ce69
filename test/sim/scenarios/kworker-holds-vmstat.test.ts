import assert from 'node:assert/strict';
import { KWORKER_HOLDS_VMSTAT } from '../../../src/sim/scenarios/kworker-holds-vmstat.ts';
import { runScenario } from '../../support/simulated.ts';

describe('KWORKER_HOLDS_VMSTAT', function () {
  this.timeout(120_000);

  it('ends in a kworker that is in the way of the work which it waits for', () => {
    const { truth, memory, tasks, counts } = runScenario(KWORKER_HOLDS_VMSTAT.name, {
      seed: 1,
      kmallocwd: 10,
    }).ledger;
    assert.equal(truth.diagnosis, 'D6');
    assert.deepEqual(
      truth.cycle.map(({ what, pid, onPid }) => [what, pid === onPid]),
      [['work vmstat_update', true]],
    );
    const worker = tasks.find(({ pid }) => pid === truth.cycle[0]?.pid);
    assert.ok(worker?.functions.includes('disk_events_workfn'));
    // GFP_NOIO, and nobody who is dying: who could give memory is not asked to.
    assert.equal(worker?.record?.gfpMask, '0xc00');
    assert.deepEqual([counts.dying, counts.victim], [0, 0]);
    assert.ok(memory['DMA32 free']! <= memory['DMA32 min']!);
  });

  it('does not come to that where a kworker sleeps between two attempts', () => {
    const features = { workerSleeps: true };
    const { truth } = runScenario(KWORKER_HOLDS_VMSTAT.name, {
      seed: 1,
      kmallocwd: 10,
      features,
    }).ledger;
    assert.equal(truth.diagnosis, 'D14');
  });
});
