import assert from 'node:assert/strict';
import { WorkerWaits } from '../../../src/sim/drivers/worker-waits.ts';
import { passTime } from '../../../src/sim/kernel/sched.ts';
import { schedule_timeout_uninterruptible } from '../../../src/sim/kernel/timer.ts';
import { addThread, bareKernel, runBody } from '../../support/bare-kernel.ts';

const SECOND = 1_000_000;

describe('WorkerWaits', () => {
  it('counts a work where it ended, with what it slept and not with what it ran', () => {
    const k = bareKernel();
    const waits = new WorkerWaits();
    runBody(k, function* () {
      for (let i = 0; i < 4; i++) {
        const begun = waits.begin(k);
        k.spend(100_000);
        yield* passTime(k);
        yield* schedule_timeout_uninterruptible(k, 100);
        waits.end(k, begun);
      }
    });
    // Each takes half a second: 400 ms of sleep and 100 ms of CPU time.
    const first = waits.between(k, 0, SECOND);
    const all = waits.between(k, 0, 3 * SECOND);
    assert.equal(all.works, 4);
    assert.ok(first.works >= 1 && first.works <= 2, `${first.works}`);
    assert.ok(Math.abs(all.total - 4 * 400_000) < 4 * 4 * 4_000, `${all.total}`);
    assert.equal(all.throttled, 0);
  });

  it('counts the part that throttling took', () => {
    const k = bareKernel();
    const waits = new WorkerWaits();
    runBody(k, function* () {
      const begun = waits.begin(k);
      yield* schedule_timeout_uninterruptible(k, 50);
      k.current.throttledUs += 150_000;
      waits.end(k, begun);
    });
    assert.equal(waits.between(k, 0, SECOND).throttled, 150_000);
  });

  it('counts a work in hand only where it is asked about now', () => {
    const k = bareKernel();
    const waits = new WorkerWaits();
    addThread(k, 'worker', 0, function* () {
      waits.begin(k);
      yield* schedule_timeout_uninterruptible(k, 1_000);
    });
    k.sched.run(2 * SECOND);
    assert.deepEqual(waits.between(k, 0, SECOND), { total: 0, throttled: 0, works: 0 });
    const now = waits.between(k, SECOND, k.sched.now);
    assert.equal(now.works, 0);
    assert.ok(now.total > 1.9 * SECOND, `${now.total}`);
  });
});
