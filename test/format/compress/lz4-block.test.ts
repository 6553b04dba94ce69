// lz4 blocks by JavaScript and, where it is installed, by the compiled package.

import assert from 'node:assert/strict';
import {
  decodeLz4Block,
  decodeLz4IndependentBlock,
  decodeLz4Prefix,
  lz4Native,
} from '../../../src/format/compress/lz4-block.ts';
import { FormatError } from '../../../src/util/errors.ts';
import { Prng } from '../../../src/util/prng.ts';
import { FOREIGN_PACKED, foreignPage } from '../../support/foreign-pages.ts';
import { compressLz4Block } from '../../../src/format/compress/lz4-encode.ts';
import { makePage, mutate, PAGE_KINDS } from '../../support/pages.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

describe('decodeLz4Block', () => {
  const decode = (input: number[], room: number): string => {
    const bytes = new Uint8Array(room);
    return text(bytes.subarray(0, decodeLz4Block(Uint8Array.from(input), { bytes, start: 0 })));
  };

  it('unpacks literals and an overlapping match', () => {
    // Token 2 literals, match 4 + 2; offset 2; then token 1 literal.
    assert.equal(decode([0x22, 0x61, 0x62, 2, 0, 0x10, 0x7a], 9), 'ababababz');
  });

  it('unpacks lengths that go on in further bytes', () => {
    // Token 1 literal, match 4 + 15 + 255 + 1; offset 1; then 5 literals.
    const output = decode([0x1f, 0x61, 1, 0, 255, 1, 0x50, 98, 98, 98, 98, 98], 281);
    assert.equal(output, 'a'.repeat(276) + 'bbbbb');
  });

  it('reaches back into what stands before the block', () => {
    const bytes = new Uint8Array(Buffer.from('history.........'));
    const length = decodeLz4Block(Uint8Array.of(0x00, 7, 0, 0x10, 0x21), { bytes, start: 7 });
    assert.equal(text(bytes.subarray(7, 7 + length)), 'hist!');
  });

  const damaged: [string, number[], RegExp][] = [
    ['an empty block', [], /\+0x0: ends without its last literals/],
    ['a block that ends with a match', [0x10, 0x61, 1, 0], /\+0x4: ends without/],
    ['literals that are not there', [0x50, 0x61], /\+0x0: 5 literals, have 1/],
    ['a literal length without end', [0xf0, 255, 255], /literals, have/],
    ['an offset that is cut off', [0x10, 0x61, 1], /cut off/],
    ['a match length without end', [0x1f, 0x61, 1, 0, 255, 255], /cut off/],
    ['offset 0', [0x10, 0x61, 0, 0, 0x10, 0x61], /distance 0, have 1/],
    ['an offset before the start', [0x10, 0x61, 2, 0, 0x10, 0x61], /distance 2, have 1/],
    ['more than its room', [0x1f, 0x61, 1, 0, 200, 0x10, 0x61], /more than its room/],
  ];
  for (const [title, input, message] of damaged) {
    it(`refuses ${title}`, () => {
      assert.throws(() => decode(input, 16), { code: 'format', message });
    });
  }
});

describe('decodeLz4Prefix', () => {
  it('gives what there is of a block that is cut off', () => {
    const page = makePage('text', 4096, new Prng(1));
    const packed = compressLz4Block(page);
    const bytes = new Uint8Array(4096);
    const length = decodeLz4Prefix(packed.subarray(0, packed.length >> 1), { bytes, start: 0 });
    assert.ok(length > 1000 && length < 4096);
    assert.deepEqual(bytes.subarray(0, length), page.subarray(0, length));
  });
});

describe('decodeLz4IndependentBlock', () => {
  for (const way of ['compiled', 'JavaScript'] as const) {
    describe(`by ${way}`, () => {
      before(function () {
        lz4Native.use(way === 'compiled');
        if (way === 'compiled' && !lz4Native.isAvailable()) this.skip();
      });
      after(() => lz4Native.use(true));

      it('unpacks pages of every kind', () => {
        const prng = new Prng(9);
        for (const kind of PAGE_KINDS) {
          for (const size of [1, 12, 13, 4096, 65536]) {
            const page = makePage(kind, size, prng);
            const output = new Uint8Array(size);
            assert.equal(decodeLz4IndependentBlock(compressLz4Block(page), output), size);
            assert.deepEqual(output, page, `${kind} ${size}`);
          }
        }
      });

      it('unpacks what the reference encoder made', () => {
        const output = new Uint8Array(65536);
        const packed = Buffer.from(FOREIGN_PACKED.lz4, 'base64');
        assert.equal(decodeLz4IndependentBlock(packed, output), 65536);
        assert.deepEqual(output, foreignPage());
      });

      it('gives a length in range or a FormatError for 2000 damaged blocks', () => {
        const prng = new Prng(10);
        const output = new Uint8Array(1024);
        for (let round = 0; round < 2000; round++) {
          const kind = PAGE_KINDS[round % PAGE_KINDS.length]!;
          const packed = mutate(compressLz4Block(makePage(kind, 1024, prng)), prng);
          try {
            const length = decodeLz4IndependentBlock(packed, output);
            assert.ok(length >= 0 && length <= output.length);
          } catch (error) {
            if (!(error instanceof FormatError)) throw error;
          }
        }
      });
    });
  }
});
