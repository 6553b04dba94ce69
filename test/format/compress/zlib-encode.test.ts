import assert from 'node:assert/strict';
import { inflateSync } from 'node:zlib';
import { compressZlib } from '../../../src/format/compress/zlib-encode.ts';
import { Prng } from '../../../src/util/prng.ts';

/** Bytes below a limit, so that some repeat. */
function noise(length: number, limit: number): Uint8Array {
  const prng = new Prng(length + limit);
  return Uint8Array.from({ length }, () => prng.below(limit));
}

describe('compressZlib', () => {
  const cases: readonly [name: string, bytes: Uint8Array][] = [
    ['nothing', new Uint8Array()],
    ['one byte', Uint8Array.of(7)],
    ['one byte a million times', new Uint8Array(1_000_000).fill(3)],
    ...[3, 4, 257, 258, 259, 260, 261, 262, 516, 519].map((length): [string, Uint8Array] => {
      return [`${length} zeros and something else`, Uint8Array.of(...new Uint8Array(length), 1, 2)];
    }),
    ['a page of noise', noise(4096, 256)],
    ['a page of few values', noise(4096, 3)],
    ['all bytes once', Uint8Array.from({ length: 256 }, (_, i) => i)],
    ['what repeats beyond the window', Buffer.concat([noise(40_000, 256), noise(40_000, 256)])],
    ['what repeats within it', Buffer.concat([noise(30_000, 256), noise(30_000, 256)])],
  ];
  for (const [name, bytes] of cases) {
    it(`packs ${name} as zlib unpacks it`, () => {
      assert.ok(Buffer.from(bytes).equals(inflateSync(compressZlib(bytes))));
    });
  }

  it('writes a code of its own for each block', () => {
    // Sixteen symbols take four bits each, where a fixed code has eight.
    assert.ok(compressZlib(noise(4096, 16)).length < 2400);
  });

  it('begins with its window and ends with the checksum', () => {
    const hex = Buffer.from(compressZlib(Uint8Array.of(0x61, 0x61, 0x61, 0x61))).toString('hex');
    assert.equal(inflateSync(Buffer.from(hex, 'hex')).toString(), 'aaaa');
    assert.match(hex, /^7801/);
    assert.match(hex, /03ce0185$/);
  });
});
