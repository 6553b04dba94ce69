import assert from 'node:assert/strict';
import {
  clear_congested,
  congestion_wait,
  set_congested,
  wait_iff_congested,
} from '../../../src/sim/block/congestion.ts';
import { addThread, bareKernel, runBody } from '../../support/bare-kernel.ts';

const JIFFY_US = 4_000;

describe('congestion_wait', () => {
  it('sleeps for its timeout where no queue gets room', () => {
    const k = bareKernel();
    runBody(k, function* () {
      const from = k.jiffies;
      yield* congestion_wait(k, 25);
      const slept = k.jiffies - from;
      assert.ok(slept === 25 || slept === 26, `${slept}`);
    });
  });

  it('ends when a queue that was congested has room', () => {
    const k = bareKernel();
    set_congested(k);
    let wokenAt = 0;
    addThread(k, 'waiter', 0, function* () {
      yield* congestion_wait(k, 250);
      wokenAt = k.sched.now;
    });
    k.sched.at(10 * JIFFY_US, () => clear_congested(k));
    k.sched.run(1_000_000);
    assert.ok(wokenAt >= 10 * JIFFY_US && wokenAt < 12 * JIFFY_US, `${wokenAt}`);
    assert.equal(k.congestion.wait.tasks.length, 0);
  });
});

describe('wait_iff_congested', () => {
  it('does not sleep while no queue is congested, and does while one is', () => {
    const k = bareKernel();
    const slept: number[] = [];
    runBody(k, function* () {
      for (const isCongested of [false, true]) {
        if (isCongested) set_congested(k);
        const from = k.jiffies;
        yield* wait_iff_congested(k, 25);
        slept.push(k.jiffies - from);
      }
    });
    assert.equal(slept[0], 0);
    assert.ok(slept[1]! >= 25);
  });
});
