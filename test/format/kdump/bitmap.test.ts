import assert from 'node:assert/strict';
import type { PfnRange } from '../../../src/format/kdump/bitmap.ts';
import { PageBitmap } from '../../../src/format/kdump/bitmap.ts';
import { BitmapWriter } from '../../../src/format/kdump/bitmap-writer.ts';
import type { ByteSource } from '../../../src/util/io.ts';
import { BytesSink, BytesSource } from '../../../src/util/io.ts';
import { Prng } from '../../../src/util/prng.ts';

const CHUNK_BITS = 32 * 1024 * 8;

function bitmapOf(bytes: Uint8Array, bitCount = bytes.length * 8): PageBitmap {
  const source = new BytesSource(bytes);
  return new PageBitmap(source, { section: 'test', offset: 0, size: bytes.length, bitCount });
}

/** Runs of set and clear bits of every length, so that words, groups and chunks are all cut. */
function randomBitmap(prng: Prng, bitCount: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(bitCount / 8));
  const longest = prng.pick([1, 8, 40, 3000, 400_000]);
  for (let bit = 0; bit < bitCount;) {
    bit += prng.below(longest);
    for (let left = prng.below(longest) + 1; left > 0 && bit < bitCount; left--, bit++) {
      bytes[bit >>> 3]! |= 1 << (bit & 7);
    }
  }
  return bytes;
}

function isSet(bytes: Uint8Array, bit: number): boolean {
  return ((bytes[bit >>> 3]! >>> (bit & 7)) & 1) === 1;
}

describe('PageBitmap', () => {
  for (let seed = 1; seed <= 12; seed++) {
    it(`agrees with counting bit by bit (seed ${seed})`, () => {
      const prng = new Prng(seed);
      const bitCount = prng.below(CHUNK_BITS * 3) + 1;
      const bytes = randomBitmap(prng, bitCount);
      const bitmap = bitmapOf(bytes, bitCount);
      const range = { start: prng.below(bitCount), end: bitCount };
      const runs: PfnRange[] = [];
      const probes = new Set(Array.from({ length: 500 }, () => prng.below(bitCount)));
      let rank = 0;
      for (let bit = 0; bit < bitCount; bit++) {
        const set = isSet(bytes, bit);
        if (probes.has(bit)) {
          assert.equal(bitmap.has(bit), set, `has(${bit})`);
          assert.equal(bitmap.rank(bit), rank, `rank(${bit})`);
        }
        if (set) rank++;
        if (!set || bit < range.start) continue;
        const last = runs.at(-1);
        if (last?.end === bit) runs[runs.length - 1] = { start: last.start, end: bit + 1 };
        else runs.push({ start: bit, end: bit + 1 });
      }
      assert.equal(bitmap.rank(bitCount), rank);
      assert.deepEqual([...bitmap.runs(range)], runs);
      assert.equal(bitmap.countIn(range), rank - bitmap.rank(range.start));
    });
  }

  it('has nothing outside its pfns, whatever the bytes behind them are', () => {
    const bitmap = bitmapOf(new Uint8Array(64).fill(0xff), 5);
    assert.equal(bitmap.has(4), true);
    assert.equal(bitmap.has(5), false);
    assert.equal(bitmap.has(-1), false);
    assert.equal(bitmap.has(2 ** 50), false);
    assert.deepEqual([...bitmap.runs({ start: 0, end: 100 })], [{ start: 0, end: 5 }]);
    assert.equal(bitmap.countIn({ start: 0, end: 2 ** 50 }), 5);
    assert.equal(bitmap.countIn({ start: 7, end: 9 }), 0);
  });

  it('reads one chunk to say whether a bit is set, also in the bitmap of 16 TiB', () => {
    const reads: number[] = [];
    const source: ByteSource = {
      name: '16 TiB',
      size: 512 << 20,
      readInto: (into, offset) => {
        reads.push(offset);
        into.fill(0xff);
        return into.length;
      },
    };
    const place = { section: 'test', offset: 0, size: source.size, bitCount: 2 ** 32 };
    const bitmap = new PageBitmap(source, place);
    assert.equal(bitmap.has(2 ** 32 - 1), true);
    assert.deepEqual(reads, [(512 << 20) - (32 << 10)]);
    assert.equal(bitmap.rank(3 * CHUNK_BITS + 17), 3 * CHUNK_BITS + 17);
    assert.ok(reads.length <= 5, `${reads.length} reads`);
  });
});

describe('BitmapWriter', () => {
  for (let seed = 1; seed <= 6; seed++) {
    it(`writes what PageBitmap reads (seed ${seed})`, () => {
      const bytes = randomBitmap(new Prng(seed), CHUNK_BITS * 2 + 77);
      const sink = new BytesSink();
      const writer = new BitmapWriter(sink, 8);
      const all = { start: 0, end: bytes.length * 8 };
      for (const run of bitmapOf(bytes).runs(all)) writer.set(run);
      writer.finish();
      const written = sink.bytes().subarray(8);
      // The sink ends with the last bit; the rest of the bitmap is a hole.
      assert.deepEqual(written, bytes.subarray(0, written.length));
      assert.ok(bytes.subarray(written.length).every((byte) => byte === 0));
    });
  }
});
