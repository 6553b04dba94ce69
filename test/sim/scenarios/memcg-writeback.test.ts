import assert from 'node:assert/strict';
import { MEMCG_WRITEBACK } from '../../../src/sim/scenarios/memcg-writeback.ts';
import { runKernel } from '../../support/run-kernel.ts';

describe('MEMCG_WRITEBACK', function () {
  this.timeout(180_000);

  for (const seed of [1, 2, 3]) {
    it(`waits for itself, and the allocator knows nothing of it, seed ${seed}`, () => {
      const { kernel, truth } = runKernel(MEMCG_WRITEBACK, { seed });
      assert.equal(truth.diagnosis, 'D12', JSON.stringify(truth));
      assert.deepEqual(truth.stuck, []);
      const [wait, ...others] = truth.cycle;
      assert.deepEqual(others, []);
      assert.equal(wait?.onPid, wait?.pid);
      const task = [...kernel.threads()].find(({ pid }) => pid === wait?.pid);
      assert.equal(task?.comm, 'mysqld');
      const names = task.frames.map(({ name }) => name);
      const outer = names.indexOf('simfs_write_extents');
      assert.ok(outer > 0 && names.indexOf('try_to_free_mem_cgroup_pages') > outer);
      assert.ok(names.includes('folio_wait_writeback'));
      // It holds the journal, and others wait behind it without being part of the circle.
      assert.ok(truth.asleep.length > 1);
      assert.ok(kernel.node.freePages > kernel.node.managedPages / 2);
    });
  }

  it('goes on where reclaim for a limit does not wait below the file system', () => {
    const features = { memcgWaitsOnWriteback: false };
    const run = { seed: 1, features, knobs: { dumpSeconds: 5 }, timeoutSeconds: 1 };
    const { kernel, truth } = runKernel(MEMCG_WRITEBACK, run);
    assert.deepEqual([truth.diagnosis, truth.asleep], ['D14', []]);
    const [memcg] = kernel.memcgs.all();
    assert.ok(memcg!.events.max > 500, 'its limit was reached all the time');
  });
});
