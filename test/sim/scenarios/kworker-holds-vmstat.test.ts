import assert from 'node:assert/strict';
import { KWORKER_HOLDS_VMSTAT } from '../../../src/sim/scenarios/kworker-holds-vmstat.ts';
import { runScenario } from '../../support/simulated.ts';

/** Long enough for the kworker to ask at a bad moment. */
const SHORT = { seed: 1, kmallocwd: 1, knobs: { dumpSeconds: 12 } };

describe('KWORKER_HOLDS_VMSTAT', function () {
  this.timeout(120_000);

  it('ends in a kworker that is in the way of the work which it waits for', () => {
    const { ledger } = runScenario(KWORKER_HOLDS_VMSTAT.name, SHORT);
    const { truth, memory, tasks, counts } = ledger;
    assert.equal(truth.diagnosis, 'D6');
    // Who could have somebody killed trusts the counters, and the kworker needs one who does.
    const whats = truth.cycle.map(({ what }) => what);
    assert.deepEqual(whats, ['work vmstat_update', 'memory']);
    const worker = tasks.find(({ pid }) => pid === truth.cycle[0]?.onPid);
    assert.ok(worker?.functions.includes('disk_events_workfn'));
    // GFP_NOIO, and nobody who is dying: who could give memory is not asked to.
    assert.equal(worker?.record?.gfpMask, '0xc00');
    assert.deepEqual([counts.dying, counts.victim], [0, 0]);
    assert.ok(memory['DMA32 free']! <= memory['DMA32 min']!);
  });

  it('does not come to that where a kworker sleeps between two attempts', () => {
    const features = { workerSleeps: true };
    const { truth } = runScenario(KWORKER_HOLDS_VMSTAT.name, { ...SHORT, features }).ledger;
    assert.equal(truth.diagnosis, 'D14');
  });
});
