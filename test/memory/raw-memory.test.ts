import assert from 'node:assert/strict';
import { RawMemory } from '../../src/memory/raw-memory.ts';
import { FaultError, FormatError } from '../../src/util/errors.ts';
import { BytesSource } from '../../src/util/io.ts';
import { Prng } from '../../src/util/prng.ts';

const IMAGE = new Prng(7).bytes(0x5123);

function read(memory: RawMemory, paddr: number, length: number): Uint8Array {
  const into = new Uint8Array(length);
  memory.readInto(into, paddr);
  return into;
}

describe('RawMemory', () => {
  for (const paddrStart of [0, 0x10_0000, 0x10_0800]) {
    it(`reads every place of an image at 0x${paddrStart.toString(16)}`, () => {
      const memory = new RawMemory(new BytesSource(IMAGE), { paddrStart });
      for (const [at, length] of [
        [0, 1],
        [0xff8, 16],
        [0x1000, 0x1000],
        [0x123, 0x4000],
        [0x5122, 1],
        [0, IMAGE.length],
      ] as const) {
        const expected = IMAGE.subarray(at, at + length);
        assert.deepEqual(read(memory, paddrStart + at, length), expected, `${at}+${length}`);
      }
      assert.equal(memory.end, paddrStart + IMAGE.length);
      assert.deepEqual(
        [...memory.presentRanges()],
        [{ start: paddrStart, end: paddrStart + IMAGE.length }],
      );
    });
  }

  it('knows nothing before and behind the image', () => {
    const memory = new RawMemory(new BytesSource(IMAGE), { paddrStart: 0x8000 });
    assert.equal(memory.stateOf(0x7fff), 'not-in-dump');
    assert.equal(memory.stateOf(0x8000), 'present');
    assert.equal(memory.stateOf(0x8000 + IMAGE.length), 'not-in-dump');
    for (const [paddr, fault] of [
      [0x7ff8, 0x7ff8n],
      [0x8000 + IMAGE.length - 4, BigInt(0x8000 + IMAGE.length)],
    ] as const) {
      assert.throws(
        () => read(memory, paddr, 16),
        (error) =>
          error instanceof FaultError && error.address === fault && error.reason === 'not-in-dump',
      );
    }
  });

  it('has no range in an empty image', () => {
    const memory = new RawMemory(new BytesSource(new Uint8Array(0)));
    assert.deepEqual([...memory.presentRanges()], []);
    assert.equal(memory.stateOf(0), 'not-in-dump');
  });

  for (const paddrStart of [-1, 0.5, 2 ** 52, Number.NaN]) {
    it(`refuses to start at ${paddrStart}`, () => {
      assert.throws(() => new RawMemory(new BytesSource(IMAGE), { paddrStart }), FormatError);
    });
  }
});
