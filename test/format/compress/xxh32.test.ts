// Known values are those of the reference implementation (xxhsum -H0).

import assert from 'node:assert/strict';
import { Xxh32, xxh32 } from '../../../src/format/compress/xxh32.ts';
import { Prng } from '../../../src/util/prng.ts';

describe('xxh32', () => {
  const known: [string, number][] = [
    ['', 0x02cc5d05],
    ['a', 0x550d7456],
    ['abc', 0x32d153ff],
    ['Nobody inspects the spammish repetition', 0xe2293b2f],
  ];
  for (const [text, expected] of known) {
    it(`gives 0x${expected.toString(16)} for '${text}'`, () => {
      assert.equal(xxh32(Buffer.from(text)), expected);
    });
  }
});

describe('Xxh32', () => {
  it('gives the same however the bytes are cut', () => {
    const prng = new Prng(5);
    const bytes = prng.bytes(1000);
    for (let round = 0; round < 50; round++) {
      const running = new Xxh32();
      for (let at = 0; at < bytes.length;) {
        const length = prng.below(40);
        running.update(bytes.subarray(at, at + length));
        at += length;
      }
      assert.equal(running.digest(), xxh32(bytes));
    }
  });
});
