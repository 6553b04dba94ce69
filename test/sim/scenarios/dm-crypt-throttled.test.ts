import assert from 'node:assert/strict';
import { DM_CRYPT_THROTTLED } from '../../../src/sim/scenarios/dm-crypt-throttled.ts';
import { runScenario } from '../../support/simulated.ts';

describe('DM_CRYPT_THROTTLED', function () {
  this.timeout(120_000);

  it('is slow and not dead: the worker of swap was throttled, and the requests are served', () => {
    const { truth, memory, tasks } = runScenario(DM_CRYPT_THROTTLED.name, {
      seed: 1,
      kmallocwd: 4,
    }).ledger;
    assert.equal(truth.diagnosis, 'D10');
    assert.deepEqual([truth.cycle, memory.oomKills], [[], 0]);
    assert.ok(truth.recovered.length > 0);
    assert.ok(memory.swapFree! > 0 && memory.swapFree! < memory.swapTotal!);
    assert.ok(tasks.some(({ functions }) => functions.includes('throttle_vm_writeout')));
  });

  it('does not come to D10 where reclaim does not throttle', () => {
    const features = { throttleVmWriteout: false };
    const { truth, tasks } = runScenario(DM_CRYPT_THROTTLED.name, {
      seed: 1,
      kmallocwd: 4,
      features,
    }).ledger;
    assert.notEqual(truth.diagnosis, 'D10');
    assert.ok(!tasks.some(({ functions }) => functions.includes('throttle_vm_writeout')));
  });
});
