import assert from 'node:assert/strict';
import { IntervalMap, lowerBound, type RankedRange } from '../../src/util/interval-map.ts';
import { Prng } from '../../src/util/prng.ts';

/** `start-end:owner` of each piece. */
function pieces(map: IntervalMap): string[] {
  return [...map.starts].map((start, i) => `${start}-${map.ends[i]}:${map.owners[i]}`);
}

describe('IntervalMap', () => {
  const cases: [string, RankedRange[], string[]][] = [
    ['nothing', [], []],
    ['an empty range', [{ start: 5, end: 5 }], []],
    ['a range that ends before it starts', [{ start: 5, end: 4 }], []],
    [
      'neighbours, kept apart',
      [
        { start: 0, end: 4 },
        { start: 4, end: 8 },
      ],
      ['0-4:0', '4-8:1'],
    ],
    [
      'a range inside a better one',
      [
        { start: 0, end: 9 },
        { start: 3, end: 6 },
      ],
      ['0-9:0'],
    ],
    [
      'a range around a better one',
      [
        { start: 3, end: 6 },
        { start: 0, end: 9 },
      ],
      ['0-3:1', '3-6:0', '6-9:1'],
    ],
    [
      'the same range twice',
      [
        { start: 1, end: 2 },
        { start: 1, end: 2 },
      ],
      ['1-2:0'],
    ],
  ];
  for (const [what, ranges, expected] of cases) {
    it(`splits ${what}`, () => assert.deepEqual(pieces(new IntervalMap(ranges)), expected));
  }

  it('finds what a painted array has, for random ranges', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const prng = new Prng(seed);
      const ranges = Array.from({ length: prng.below(30) }, () => {
        const start = prng.below(100);
        return { start, end: start + prng.below(40) };
      });
      const model = new Int32Array(160).fill(-1);
      [...ranges.entries()]
        .reverse()
        .forEach(([owner, { start, end }]) => model.fill(owner, start, end));
      const map = new IntervalMap(ranges);
      for (let i = 0; i < 300; i++) {
        const position = prng.below(160);
        const owner = map.owners[map.find(position)] ?? -1;
        assert.equal(owner, model[position], `seed ${seed}, position ${position}`);
      }
    }
  });

  it('is not quadratic where 50,000 ranges lie on top of each other', () => {
    const ranges = Array.from({ length: 50_000 }, (_, i) => ({ start: i, end: 200_000 - i }));
    assert.equal(new IntervalMap(ranges).length, 1);
    assert.equal(new IntervalMap(ranges.reverse()).length, 99_999);
  });
});

describe('lowerBound', () => {
  it('is the first index whose value is not below the wanted one', () => {
    const values = Float64Array.of(1, 3, 3, 7);
    for (const [wanted, index] of [
      [0, 0],
      [1, 0],
      [2, 1],
      [3, 1],
      [4, 3],
      [8, 4],
    ] as const) {
      assert.equal(lowerBound(values, wanted), index, `${wanted}`);
    }
  });
});
