import assert from 'node:assert/strict';
import { prefixCode } from '../../../src/format/compress/prefix-code.ts';

/** The bits of each symbol as they are written. */
function written(counts: readonly number[], lengthMax = 15): string[] {
  const { bits, lengths } = prefixCode(Uint32Array.from(counts), lengthMax);
  return [...lengths].map((length, symbol) => {
    const text = (bits[symbol] as number).toString(2).padStart(length, '0');
    return length === 0 ? '' : [...text].reverse().join('');
  });
}

describe('prefixCode', () => {
  it('gives short codes to what occurs often, in the order of symbols where equal', () => {
    assert.deepEqual(written([1, 8, 1, 2]), ['110', '0', '111', '10']);
  });

  it('gives none to what does not occur, and a bit to what is alone', () => {
    assert.deepEqual(written([0, 0, 0]), ['', '', '']);
    assert.deepEqual(written([0, 9, 0]), ['', '0', '']);
  });

  for (const lengthMax of [5, 7, 15]) {
    it(`keeps to ${lengthMax} bits where the shortest code has 30, and leaves no code over`, () => {
      const counts = Uint32Array.from({ length: 31 }, (_, i) => 2 ** i);
      assert.equal(Math.max(...prefixCode(counts, 31).lengths), 30);
      const { lengths } = prefixCode(counts, lengthMax);
      assert.ok(Math.max(...lengths) <= lengthMax);
      const used = [...lengths].reduce((sum, length) => sum + 2 ** -length, 0);
      assert.equal(used, 1);
    });
  }
});
