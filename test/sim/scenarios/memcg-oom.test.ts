import assert from 'node:assert/strict';
import { MEMCG_OOM } from '../../../src/sim/scenarios/memcg-oom.ts';
import { runKernel } from '../../support/run-kernel.ts';

describe('MEMCG_OOM', function () {
  this.timeout(180_000);

  for (const seed of [1, 2, 3]) {
    it(`kills in the container and nothing stalls, seed ${seed}`, () => {
      const { kernel, truth } = runKernel(MEMCG_OOM, { seed });
      assert.equal(truth.diagnosis, 'D14');
      const log = kernel.log.records.map(({ text }) => text);
      const kills = log.filter((text) => text.startsWith('Memory cgroup out of memory: Killed'));
      assert.equal(kills.length, kernel.oomKills);
      assert.match(kills.join('\n'), /\(node\)/);
      assert.ok(log.includes('Memory cgroup stats for /pod7/app:'));
      // The administrator's SysRq-m shows a machine with most of its memory free.
      const free = / free:(\d+) /.exec(log.slice(log.indexOf('sysrq: Show Memory')).join('\n'));
      assert.ok(Number(free?.[1]) > kernel.node.managedPages / 2);
      // No request ever came to the slow path: the machine had memory all the time.
      for (const { memalloc } of kernel.threads()) assert.equal(memalloc.sequence, 0);
    });
  }
});
