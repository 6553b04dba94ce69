import assert from 'node:assert/strict';
import fc from 'fast-check';
import { bytesIn, rangeAt, rangesOf, union, without, type Ranges } from '../../src/util/ranges.ts';

/** Ranges of small numbers, and the set of the bytes that they have. */
const RANGES = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 9 })))
  .map((pairs) => {
    const list = pairs.map(([start, length]) => ({ start, end: start + length }));
    list.sort((a, b) => a.start - b.start);
    const bytes = list.flatMap(({ start, end }) =>
      Array.from({ length: end - start }, (_, i) => start + i),
    );
    return { ranges: rangesOf(list), bytes: new Set(bytes) };
  });

function bytesOf({ starts, ends }: Ranges): number[] {
  return [...starts].flatMap((start, i) =>
    Array.from({ length: (ends[i] as number) - start }, (_, at) => start + at),
  );
}

function ascending(bytes: Iterable<number>): number[] {
  return [...bytes].sort((a, b) => a - b);
}

describe('rangesOf', () => {
  it('joins what touches or overlaps, and leaves out what is empty', () => {
    const { starts, ends } = rangesOf([
      { start: 1, end: 3 },
      { start: 3, end: 4 },
      { start: 3, end: 3 },
      { start: 6, end: 9 },
      { start: 7, end: 8 },
    ]);
    assert.deepEqual(
      [[...starts], [...ends]],
      [
        [1, 6],
        [4, 9],
      ],
    );
  });
});

describe('rangeAt', () => {
  it('finds the range of a byte, and none between them', () => {
    fc.assert(
      fc.property(RANGES, fc.integer({ min: 0, max: 80 }), ({ ranges, bytes }, at) => {
        assert.equal(rangeAt(ranges, at) >= 0, bytes.has(at));
      }),
    );
  });
});

describe('union', () => {
  it('has the bytes of both, each once', () => {
    fc.assert(
      fc.property(RANGES, RANGES, (a, b) => {
        const both = union(a.ranges, b.ranges);
        const expected = ascending(new Set([...a.bytes, ...b.bytes]));
        assert.deepEqual([bytesOf(both), bytesIn(both)], [expected, expected.length]);
      }),
    );
  });
});

describe('without', () => {
  it('has the bytes of the one that the other has not', () => {
    fc.assert(
      fc.property(RANGES, RANGES, (a, b) => {
        const expected = ascending([...a.bytes].filter((byte) => !b.bytes.has(byte)));
        assert.deepEqual(bytesOf(without(a.ranges, b.ranges)), expected);
      }),
    );
  });
});
