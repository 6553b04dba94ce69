import assert from 'node:assert/strict';
import { runScenario } from '../../support/simulated.ts';

describe('MEMCG_OOM', function () {
  this.timeout(30_000);

  for (const seed of [1, 2, 3]) {
    it(`kills in the container and nothing stalls, seed ${seed}`, () => {
      const { ledger, image } = runScenario('memcg-oom', { seed, kmallocwd: 10 });
      assert.equal(ledger.truth.diagnosis, 'D14');
      const log = (image.facts.log ?? []).map(({ text }) => text);
      const kills = log.filter((text) => text.startsWith('Memory cgroup out of memory: Killed'));
      assert.equal(kills.length, ledger.memory.oomKills);
      assert.match(kills.join('\n'), /\(node\)/);
      assert.ok(log.includes('Memory cgroup stats for /pod7/app:'));
      // No request ever came to the slow path: the machine had memory all the time.
      for (const { record } of ledger.tasks) assert.equal(record?.sequence, 0);
    });
  }
});
