import assert from 'node:assert/strict';
import { IscsiDisk } from '../../../src/sim/drivers/iscsi-tcp.ts';
import { RESERVES_DEPLETED } from '../../../src/sim/scenarios/reserves-depleted.ts';
import { runKernel } from '../../support/run-kernel.ts';

/** Memory is full after five seconds; the whole run takes the same course. */
const SHORT = { knobs: { dumpSeconds: 10 }, timeoutSeconds: 1 };

describe('RESERVES_DEPLETED', function () {
  this.timeout(120_000);

  it('has no page left and nobody who would call the OOM killer', () => {
    const { kernel, truth } = runKernel(RESERVES_DEPLETED, { seed: 1, ...SHORT });
    assert.equal(truth.diagnosis, 'D7', JSON.stringify(truth));
    assert.deepEqual([kernel.oomCalls, kernel.oomKills, truth.recovered], [0, 0, []]);
    for (const { nrFree, watermark } of kernel.node.zones) {
      assert.ok(nrFree.snapshot < watermark.min / 8);
    }
    const java = [...kernel.threads()].filter(({ comm }) => comm.startsWith('java'));
    assert.ok(java.some(({ blockedOn }) => blockedOn?.name === 'pfmemalloc_wait'));
  });

  it('goes round where kswapd writes: it waits for answers, and those for memory', () => {
    const features = { activatesDirty: false, oomNeedsFs: true };
    const { kernel, truth } = runKernel(RESERVES_DEPLETED, { seed: 2, features, ...SHORT });
    assert.equal(truth.diagnosis, 'D7', JSON.stringify(truth));
    const comms = new Map([...kernel.threads()].map(({ pid, comm }) => [pid, comm]));
    const waits = truth.cycle.map(({ pid, kind }) => [comms.get(pid), kind]);
    assert.deepEqual(waits, [
      ['kswapd0', 'mempool'],
      ['napi/eth0-8193', 'receive ring'],
    ]);
    const { device } = kernel.fs;
    assert.ok(device instanceof IscsiDisk);
    assert.ok(device.card.missed > 0 && device.answers > 0);
    assert.equal(device.sent.length, device.sentPages);
  });

  it('leaves the reserves alone where writers are held back', () => {
    const features = { dirtyRatio: 20 };
    const { kernel, truth } = runKernel(RESERVES_DEPLETED, { seed: 1, features, ...SHORT });
    assert.ok(['D13', 'D14'].includes(truth.diagnosis), JSON.stringify(truth));
    const { device } = kernel.fs;
    assert.ok(device instanceof IscsiDisk);
    assert.equal(device.card.missed, 0);
  });
});
