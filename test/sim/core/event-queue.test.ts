import assert from 'node:assert/strict';
import { EventQueue } from '../../../src/sim/core/event-queue.ts';
import { Prng } from '../../../src/util/prng.ts';

describe('EventQueue', () => {
  it('gives events by time, and those of one instant in the order of asking', () => {
    const prng = new Prng(1);
    const queue = new EventQueue();
    const expected: { time: number; index: number }[] = [];
    const found: number[] = [];
    for (let index = 0; index < 500; index++) {
      const time = prng.below(40);
      expected.push({ time, index });
      queue.add(time, () => found.push(index));
    }
    expected.sort((a, b) => a.time - b.time || a.index - b.index);
    for (let event = queue.takeUntil(100); event !== undefined; event = queue.takeUntil(100)) {
      event.action();
    }
    assert.deepEqual(
      found,
      expected.map(({ index }) => index),
    );
  });

  it('keeps what is later than the limit, and drops what was called off', () => {
    const queue = new EventQueue();
    queue.add(5, () => undefined);
    queue.add(1, () => undefined).cancelled = true;
    assert.equal(queue.takeUntil(4), undefined);
    assert.equal(queue.takeUntil(5)?.key, 5);
    assert.equal(queue.takeUntil(9), undefined);
  });
});
