// The four page codecs: hand-made streams, other people's encoders, round trips, damage.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { deflateSync } from 'node:zlib';
import { compressPage } from '../../../src/format/compress/encode.ts';
import { decompressPage, ready, type PageCodec } from '../../../src/format/compress/pages.ts';
import { FormatError } from '../../../src/util/errors.ts';
import { Prng } from '../../../src/util/prng.ts';
import { FOREIGN_PACKED, FOREIGN_SNAPPY_SIZE, foreignPage } from '../../support/foreign-pages.ts';
import { makePage, mutate, PAGE_KINDS } from '../../support/pages.ts';

const CODECS: readonly PageCodec[] = ['zlib', 'lzo', 'snappy', 'zstd'];
const SIZES = [1, 3, 4, 17, 255, 4096, 16384, 65536];

const bytes = (...parts: (number | string)[]): Uint8Array =>
  new Uint8Array(
    Buffer.concat(
      parts.map((part) =>
        typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.of(part),
      ),
    ),
  );

const LZO_END = [0x11, 0, 0];

/** Streams made by hand, a comment for each instruction, and what they say. */
const HAND_MADE: readonly [title: string, codec: PageCodec, Uint8Array, expected: string][] = [
  ['literals alone', 'lzo', bytes(17 + 5, 'abcde', ...LZO_END), 'abcde'],
  [
    'a near copy with two literals after it',
    'lzo',
    // 110 011 10: 7 bytes, distance low bits 3, 2 literals; distance (0 << 3) + 3 + 1 = 4
    bytes(17 + 4, 'abcd', 0b110_011_10, 0, 'XY', ...LZO_END),
    'abcdabcdabcXY',
  ],
  [
    'a copy of 2 bytes after 1 to 3 literals',
    'lzo',
    // 18: one literal. 0000 00 01: 2 bytes from distance (0 << 2) + 0 + 1, then one literal.
    bytes(18, 'a', 0b0000_00_01, 0, 'b', ...LZO_END),
    'aaab',
  ],
  [
    'a copy of 3 bytes from 2 KiB back after 4 and more literals',
    'lzo',
    // 0: long literals, 15 + 255 * 7 + 246 + 3 = 2049; then 0000 00 00 00: distance 2049
    bytes(0, ...Array<number>(7).fill(0), 246, 'abc' + 'x'.repeat(2046), 0, 0, ...LZO_END),
    'abc' + 'x'.repeat(2046) + 'abc',
  ],
  [
    'a middle copy of an extended length',
    'lzo',
    // 001 00000, 00, 1: 31 + 255 + 1 + 2 bytes; distance (0 << 2) >> 2 + 1 = 1
    bytes(18, 'a', 0b0010_0000, 0, 1, 0, 0, ...LZO_END),
    'a'.repeat(1 + 31 + 255 + 1 + 2),
  ],
  // 3 bytes; literals of 3; copy 1 (tag 01) of 4 at offset 3; copy 2 (tag 10) of 2 at offset 7
  [
    'literals and both kinds of copy',
    'snappy',
    bytes(9, 2 << 2, 'abc', 0b000_000_01, 3, (1 << 2) | 2, 7, 0),
    'abcabcaab',
  ],
  // magic, single segment with 1 byte of size, raw block of 3 "abc", last RLE block of 5 "z"
  [
    'a raw and a run block',
    'zstd',
    bytes(0x28, 0xb5, 0x2f, 0xfd, 0x20, 8, 3 << 3, 0, 0, 'abc', (5 << 3) | 2 | 1, 0, 0, 'z'),
    'abczzzzz',
  ],
];

describe('decompressPage', () => {
  before(ready);

  for (const [title, codec, packed, expected] of HAND_MADE) {
    it(`unpacks ${title} (${codec})`, () => {
      const page = decompressPage(codec, packed, expected.length);
      assert.equal(Buffer.from(page).toString('latin1'), expected);
    });
  }

  const foreign: [keyof typeof FOREIGN_PACKED, PageCodec, number][] = [
    ['lzo1x_1', 'lzo', 65536],
    ['lzo1x_999', 'lzo', 65536],
    ['snappy', 'snappy', FOREIGN_SNAPPY_SIZE],
    ['zstd', 'zstd', 65536],
    ['zlib', 'zlib', 65536],
  ];
  for (const [name, codec, size] of foreign) {
    it(`unpacks what the reference encoder of ${name} made`, () => {
      const packed = new Uint8Array(Buffer.from(FOREIGN_PACKED[name], 'base64'));
      assert.deepEqual(decompressPage(codec, packed, size), foreignPage().subarray(0, size));
    });
  }

  const damaged: [string, PageCodec, Uint8Array, number, RegExp][] = [
    ['no bytes', 'lzo', bytes(), 4, /cut off/],
    ['literals that are not there', 'lzo', bytes(17 + 9, 'abc'), 9, /9 literals, have 3/],
    ['too many literals', 'lzo', bytes(17 + 5, 'abcde', ...LZO_END), 4, /5 bytes, expected 4/],
    ['no end marker', 'lzo', bytes(17 + 5, 'abcde'), 5, /\+0x6: instruction is cut off/],
    ['an endless length', 'lzo', bytes(0, 0, 0, 0, 0), 4096, /cut off/],
    ['a copy from before the page', 'lzo', bytes(18, 'a', 0x40, 9, ...LZO_END), 4, /distance 73/],
    ['lzo-rle, which dumps do not have', 'lzo', bytes(17, 1, 0, 0, 0), 4, /unpacked 0 bytes/],
    ['bytes after the end', 'lzo', bytes(17 + 4, 'abcd', ...LZO_END, 0), 4, /after the end marker/],
    ['too few bytes', 'lzo', bytes(17 + 4, 'abcd', ...LZO_END), 5, /unpacked 4 bytes, expected 5/],
    ['another length prefix', 'snappy', bytes(5, 4 << 2, 'abcde'), 4, /holds 5 .*expected 4/],
    ['a length prefix without end', 'snappy', bytes(0xff, 0xff), 4, /length prefix is cut off/],
    ['a copy from before the page', 'snappy', bytes(8, 12, 'abcd', 1, 100), 8, /damaged/],
    ['a copy of offset 0', 'snappy', bytes(8, 12, 'abcd', 1, 0), 8, /damaged/],
    ['literals past the page', 'snappy', bytes(4, 7 << 2, 'abcdefgh'), 4, /damaged/],
    ['no frame', 'zstd', bytes('abcdefgh'), 8, /zstd page: damaged/],
    ['a bomb', 'zlib', new Uint8Array(deflateSync(Buffer.alloc(100000))), 4096, /more than 4096/],
    ['too few bytes', 'zlib', new Uint8Array(deflateSync(Buffer.alloc(99))), 4096, /99 .*4096/],
    [
      'a wrong checksum',
      'zlib',
      bytes(0x78, 1, 1, 1, 0, 0xfe, 0xff, 'a', 0, 0, 0, 0),
      1,
      /damaged/,
    ],
  ];
  for (const [title, codec, packed, size, message] of damaged) {
    it(`refuses ${title} (${codec})`, () => {
      assert.throws(() => decompressPage(codec, packed, size), { code: 'format', message });
    });
  }

  for (const codec of CODECS) {
    it(`refuses page sizes that no page has, and too much input (${codec})`, () => {
      for (const size of [0, -1, NaN, 2 ** 32]) {
        assert.throws(() => decompressPage(codec, new Uint8Array(9), size), FormatError);
      }
      assert.throws(() => decompressPage(codec, new Uint8Array(1 << 20), 4096), /1048576 packed/);
    });

    it(`gives a page or a FormatError for 2000 damaged ones (${codec})`, () => {
      const prng = new Prng(42);
      for (let round = 0; round < 2000; round++) {
        const page = makePage(PAGE_KINDS[round % PAGE_KINDS.length]!, 1024, prng);
        const packed = mutate(compressPage(codec, page) ?? page, prng);
        try {
          assert.equal(decompressPage(codec, packed, 1024).length, 1024);
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
        }
      }
      // The decoder is not left in a bad state.
      const page = makePage('sparse', 4096, prng);
      assert.deepEqual(decompressPage(codec, compressPage(codec, page)!, 4096), page);
    });
  }

  it('gives pages that keep no more memory than they have', () => {
    for (const codec of CODECS) {
      const packed = compressPage(codec, new Uint8Array(4096))!;
      assert.equal(decompressPage(codec, packed, 4096).buffer.byteLength, 4096, codec);
    }
  });
});

describe('compressPage', () => {
  before(ready);

  for (const codec of CODECS) {
    it(`makes what decompressPage takes back (${codec})`, () => {
      const prng = new Prng(1);
      for (const kind of PAGE_KINDS) {
        for (const size of SIZES) {
          const page = makePage(kind, size, prng);
          const packed = compressPage(codec, page);
          if (packed === undefined) continue;
          assert.ok(packed.length < size);
          assert.deepEqual(decompressPage(codec, packed, size), page, `${kind} ${size}`);
        }
      }
    });

    it(`packs zeros and leaves random pages as they are (${codec})`, () => {
      assert.ok(compressPage(codec, new Uint8Array(4096))!.length < 300);
      assert.equal(compressPage(codec, new Prng(2).bytes(4096)), undefined);
      assert.equal(compressPage(codec, new Uint8Array(0)), undefined);
    });
  }

  it('packs repeats at any distance that the format can name', () => {
    const page = foreignPage();
    for (const codec of CODECS) {
      const packed = compressPage(codec, page)!;
      assert.deepEqual(decompressPage(codec, packed, page.length), page, codec);
    }
  });

  it('writes zstd frames that the zstd tool unpacks', function () {
    if (spawnSync('zstd', ['--version']).error !== undefined) {
      this.test!.title += ' (skipped: no zstd tool here)';
      this.skip();
    }
    const prng = new Prng(3);
    for (const size of [4096, 400_000]) {
      const page = makePage('sparse', size, prng);
      const input = compressPage('zstd', page)!;
      const output = execFileSync('zstd', ['-dcq'], { input, maxBuffer: 1 << 20 });
      assert.deepEqual(new Uint8Array(output), page);
    }
  });
});
