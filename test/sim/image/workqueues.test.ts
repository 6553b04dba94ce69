import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Simulation } from '../../../src/sim/simulate.ts';
import type { Vmcore } from '../../../src/target/vmcore.ts';
import { openVmcore } from '../../../src/target/open.ts';
import { realDump, withVmcore } from '../../support/real-dumps.ts';
import { CONTAINERS, runScenario } from '../../support/simulated.ts';
import { walkCpuPools, walkRescuers, workqueueNames } from '../../support/workqueue-walk.ts';

describe('writeWorkqueues', function () {
  this.timeout(180_000);
  let folder: string;
  let run: Simulation;
  let vmcore: Vmcore;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'stallcore-workqueues-'));
    run = runScenario('kworker-holds-vmstat', { seed: 1, kmallocwd: 10 });
    const path = join(folder, 'vmcore');
    const elf = CONTAINERS.find(({ name }) => name === 'elf');
    assert.ok(elf !== undefined);
    writeFileSync(path, elf.bytes(run));
    vmcore = await openVmcore([path]);
  });
  after(() => {
    vmcore.close();
    rmSync(folder, { recursive: true });
  });

  const address = (func: string): bigint => run.image.kernel.symbol(func);

  it('writes the pools of CPUs with workers, and with works that wait behind one', () => {
    const walked = walkCpuPools(vmcore);
    const pools = run.ledger.pools.filter(({ cpu }) => cpu !== undefined);
    assert.deepEqual(
      walked.map(({ id, nrRunning, idlePids, busy, pending }) => {
        return { id, nrRunning, idlePids, busy, pending };
      }),
      pools.map(({ id, nrRunning, idlePids, busy, pending }) => ({
        ...{ id, nrRunning, idlePids: [...idlePids] },
        busy: busy.map(({ pid, func }) => ({ pid, func: address(func) })),
        pending: pending.map(({ func, wq }) => ({ func: address(func), wq })),
      })),
    );
    const [first] = pools;
    assert.deepEqual(
      first?.busy.map(({ func }) => func),
      ['disk_events_workfn'],
    );
    assert.ok(first.pending.some(({ func }) => func === 'vmstat_update'));
  });

  it('gives each rescuer to its workqueue', () => {
    const rescuers = run.ledger.rescuers.map(({ wq, pid }) => [wq, pid]);
    assert.deepEqual([...walkRescuers(vmcore)], rescuers);
    assert.ok(rescuers.some(([wq]) => wq === 'mm_percpu_wq'));
  });

  it('has the shape of a real kernel, where the same holds', async function () {
    await withVmcore(realDump(this, 'k61-press-d31.kdump'), (real) => {
      const pools = walkCpuPools(real);
      assert.ok(pools.length >= 2);
      assert.ok(pools.some(({ workerPids }) => workerPids.length > 0));
      const theirs = new Set(workqueueNames(real).values());
      // What every machine has; ours has nothing among these that a real one has not.
      for (const name of ['events', 'events_freezable_power_', 'mm_percpu_wq', 'writeback']) {
        assert.ok(theirs.has(name), name);
        assert.ok([...workqueueNames(vmcore).values()].includes(name), name);
      }
      assert.ok(walkRescuers(real).has('writeback'));
    });
  });
});
