import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeRanges, encodeRanges } from '../../../src/format/pack/ranges.ts';
import { FormatError } from '../../../src/util/errors.ts';
import { rangesOf } from '../../../src/util/ranges.ts';

describe('encodeRanges', () => {
  it('is undone by decodeRanges, whatever the size of a piece', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 2 ** 40 }), fc.integer({ min: 1 }))),
        fc.integer({ min: 16, max: 200 }),
        (gaps, pieceSize) => {
          let end = 0;
          const list = gaps.map(([gap, length]) => {
            const start = end + gap;
            end = start + length;
            return { start, end };
          });
          const ranges = rangesOf(list);
          assert.deepEqual(decodeRanges(encodeRanges(ranges, pieceSize)), ranges);
        },
      ),
    );
  });
});

describe('decodeRanges', () => {
  it('refuses a number that is cut off, one that never ends and one past all memory', () => {
    const never = new Uint8Array(40).fill(0xff);
    const far = Uint8Array.from([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x08, 0]);
    for (const bytes of [Uint8Array.from([1]), Uint8Array.from([1, 0x80]), never, far]) {
      assert.throws(() => decodeRanges([bytes]), FormatError);
    }
  });
});
