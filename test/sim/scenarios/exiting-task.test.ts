import assert from 'node:assert/strict';
import { EXITING_TASK } from '../../../src/sim/scenarios/exiting-task.ts';
import { runKernel } from '../../support/run-kernel.ts';

/** Long enough for memory to run out; the whole run takes the same course. */
const SHORT = { knobs: { dumpSeconds: 10 }, timeoutSeconds: 1 };

describe('EXITING_TASK', function () {
  this.timeout(120_000);

  for (const seed of [1, 2, 3]) {
    it(`has a task wait for memory in do_exit(), and nobody killed for it, seed ${seed}`, () => {
      const { kernel, truth } = runKernel(EXITING_TASK, { seed, ...SHORT });
      assert.equal(truth.diagnosis, 'D5', JSON.stringify(truth));
      const [wait] = truth.cycle;
      const task = [...kernel.threads()].find(({ pid }) => pid === wait?.pid);
      assert.ok(task?.isExiting === true && task.mm !== undefined && !task.isOomVictim);
      const names = task.frames.map(({ name }) => name);
      const outer = names.indexOf('do_exit');
      assert.ok(outer > 0 && names.indexOf('__alloc_pages_slowpath') > outer, names.join(' '));
      assert.ok(kernel.oomCalls > 10 * kernel.oomKills, 'it was called again and again, in vain');
    });
  }

  it('goes on where the OOM killer does not wait for an exiting task', () => {
    const features = { exitingBlocksOomKiller: false };
    const { kernel, truth } = runKernel(EXITING_TASK, { seed: 1, features, ...SHORT });
    assert.deepEqual([truth.diagnosis, truth.stuck], ['D14', []]);
    assert.ok(kernel.oomKills > 5);
  });

  it('goes on where an exiting task may use the reserves', () => {
    const features = { exitingUsesReserves: true };
    const { truth } = runKernel(EXITING_TASK, { seed: 1, features, ...SHORT });
    assert.deepEqual(truth.stuck, []);
  });
});
