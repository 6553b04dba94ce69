import assert from 'node:assert/strict';
import { PackedMemory } from '../../src/memory/packed-memory.ts';
import { RawMemory } from '../../src/memory/raw-memory.ts';
import { errorChain, FaultError, FormatError } from '../../src/util/errors.ts';
import { BytesSource } from '../../src/util/io.ts';
import { rangesOf } from '../../src/util/ranges.ts';

function packed(): PackedMemory {
  const bytes = Uint8Array.from({ length: 8192 }, (_, i) => i % 251);
  return new PackedMemory(new RawMemory(new BytesSource(bytes)), {
    kept: rangesOf([
      { start: 16, end: 32 },
      { start: 4090, end: 4100 },
    ]),
    absent: new Map([['excluded', rangesOf([{ start: 32, end: 33 }])]]),
    damaged: [{ start: 200, end: 208, messages: ['page data: damaged', 'zlib page: too short'] }],
  });
}

function faultOf(memory: PackedMemory, start: number, length: number): FaultError {
  try {
    memory.readInto(new Uint8Array(length), start);
  } catch (error) {
    assert.ok(error instanceof FaultError);
    return error;
  }
  assert.fail('it was read');
}

describe('PackedMemory', () => {
  it('reads what was kept, also across pages', () => {
    const into = new Uint8Array(10);
    packed().readInto(into, 4090);
    assert.deepEqual(
      [...into],
      Array.from(into, (_, i) => (4090 + i) % 251),
    );
  });

  it('has no other byte, though the file has zeros there', () => {
    for (const [start, length, at] of [
      [0, 1, 0],
      [15, 4, 15],
      [4098, 4, 4100],
      [8191, 1, 8191],
    ] as const) {
      const { address, reason } = faultOf(packed(), start, length);
      assert.deepEqual([address, reason], [BigInt(at), 'removed-by-pack']);
    }
  });

  it('says of what the packed dump lacked why it did', () => {
    const { address, reason } = faultOf(packed(), 20, 40);
    assert.deepEqual([address, reason], [32n, 'excluded']);
    assert.equal(packed().stateOf(32), 'excluded');
    assert.equal(packed().stateOf(16), 'present');
    assert.equal(packed().stateOf(33), 'removed-by-pack');
  });

  it('tells of a damaged page what was told before it was packed', () => {
    const read = (): void => packed().readInto(new Uint8Array(4), 200);
    assert.throws(read, (error) => {
      assert.ok(error instanceof FormatError);
      return errorChain(error) === 'page data: damaged: zlib page: too short';
    });
  });

  it('lists the ranges that were kept', () => {
    assert.deepEqual(
      [...packed().presentRanges()],
      [
        { start: 16, end: 32 },
        { start: 4090, end: 4100 },
      ],
    );
  });
});
