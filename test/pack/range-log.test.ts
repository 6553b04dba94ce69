import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RangeLog } from '../../src/pack/range-log.ts';
import { rangesOf } from '../../src/util/ranges.ts';

/** The highest address that there is, less what the longest range takes. */
const BASE_MAX = 2 ** 52 - 20_000;

describe('RangeLog', () => {
  it('has what was added, in any order and more often than there is room for', () => {
    const range = fc.tuple(fc.integer({ min: 0, max: 9_000 }), fc.integer({ min: 0, max: 9_000 }));
    fc.assert(
      fc.property(
        fc.array(range, { maxLength: 1_000 }),
        fc.integer({ min: 0, max: BASE_MAX }),
        (pairs, base) => {
          const log = new RangeLog();
          const list = pairs.map(([at, length]) => ({ start: base + at, end: base + at + length }));
          for (const { start, end } of list) log.add(start, end);
          const sorted = [...list].sort((a, b) => a.start - b.start);
          assert.deepEqual(log.ranges(), rangesOf(sorted));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('can be asked in between', () => {
    const log = new RangeLog();
    log.add(10, 20);
    assert.equal(log.ranges().starts.length, 1);
    log.add(0, 5);
    log.add(20, 30);
    assert.deepEqual([...log.ranges().ends], [5, 30]);
  });
});
