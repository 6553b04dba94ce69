import assert from 'node:assert/strict';
import type { Code } from '../../../src/sim/core/code.ts';
import type { Kernel } from '../../../src/sim/core/kernel.ts';
import { schedule_timeout_uninterruptible } from '../../../src/sim/kernel/timer.ts';
import { INIT_WORK, queue_work_on, workqueue_init } from '../../../src/sim/kernel/workqueue.ts';
import { drainAllPages } from '../../../src/sim/mm/drain.ts';
import { init_mm_internals } from '../../../src/sim/mm/vmstat.ts';
import { addThread, bareKernel, runBody } from '../../support/bare-kernel.ts';
import { SECOND_US } from '../../support/simulated-machine.ts';

/** Each CPU has pages on its lists; vmstat's own works may run. */
function machine(drainsByWork: boolean): Kernel {
  const k = bareKernel({ drainsByWork });
  workqueue_init(k);
  init_mm_internals(k);
  for (const { pcp } of k.node.zones) for (const lists of pcp) lists.give(lists.take(0)!, 0, false);
  return k;
}

/** Pages on the lists, by CPU. */
function listed({ node, sched }: Kernel): number[] {
  return sched.cpus.map(({ id }) => node.zones.reduce((sum, { pcp }) => sum + pcp[id]!.count, 0));
}

describe('drainAllPages', () => {
  for (const byWork of [false, true]) {
    const how = byWork ? 'by works that it waits for' : 'at once';
    it(`empties the lists of every CPU, ${how}`, () => {
      const k = machine(byWork);
      assert.ok(listed(k).every((count) => count > 0));
      const free = k.node.zones.reduce((sum, { nrFree }) => sum + nrFree.snapshot, 0);
      const expected = free + listed(k).reduce((sum, count) => sum + count, 0);
      runBody(k, function* () {
        yield* drainAllPages(k);
        assert.deepEqual(listed(k), [0, 0]);
      });
      assert.equal(k.functions.has('drain_local_pages_wq'), byWork);
      const sum = k.node.zones.reduce((pages, { nrFree }) => pages + nrFree.snapshot, 0);
      assert.equal(sum, expected);
    });
  }

  it('waits for a CPU whose worker does not sleep, and is the only one that does', () => {
    const k = machine(true);
    let isBusy = true;
    const [wq] = k.wq.all;
    assert.ok(wq !== undefined);
    // Its pool sees no reason to have another worker run.
    const busy = INIT_WORK(function* busy_work(): Code {
      while (isBusy) yield { kind: 'run', us: 1_000 };
      yield* schedule_timeout_uninterruptible(k, 1);
    });
    queue_work_on(k, 1, { wq, work: busy });
    let first = false;
    const task = addThread(k, 'first', 5, function* () {
      yield* drainAllPages(k);
      first = true;
    });
    let second = false;
    addThread(k, 'second', 10, function* () {
      yield* drainAllPages(k);
      second = true;
    });
    k.sched.run(SECOND_US);
    assert.deepEqual([first, second], [false, true]);
    assert.equal(task.blockedOn?.name, 'work drain_local_pages_wq');
    assert.deepEqual(
      task.frames.map(({ name }) => name).filter((name) => name.includes('drain')),
      ['drain_all_pages'],
    );
    const [holder] = task.blockedOn.holders();
    assert.equal(holder?.worker?.currentWork?.func, 'busy_work');
    isBusy = false;
    k.sched.run(2 * SECOND_US);
    assert.deepEqual([first, listed(k)[1]], [true, 0]);
    assert.equal(k.pcpuDrain.mutex.owner, undefined);
  });
});
