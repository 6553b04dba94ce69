import assert from 'node:assert/strict';
import { panic } from '../../../src/sim/kernel/panic.ts';
import { schedule_timeout_uninterruptible } from '../../../src/sim/kernel/timer.ts';
import { addThread, bareKernel } from '../../support/bare-kernel.ts';

describe('panic', () => {
  it('says why, and stops every CPU at that instant', () => {
    const k = bareKernel();
    let last = 0;
    addThread(k, 'other', 0, function* () {
      for (;;) {
        last = k.sched.now;
        yield* schedule_timeout_uninterruptible(k, 1);
      }
    });
    addThread(k, 'unlucky', 25, function* () {
      yield* panic(k, 'tested');
    });
    k.sched.run(10_000_000);
    assert.equal(k.panicText, 'tested');
    assert.ok(last > 90_000 && last < 120_000, `${last}`);
    const texts = [...k.log.records].map(({ text }) => text);
    assert.equal(texts.at(-1), 'Kernel panic - not syncing: tested');
    assert.ok(k.sched.now < 120_000, `${k.sched.now}`);
  });
});
