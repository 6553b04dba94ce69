import assert from 'node:assert/strict';
import { StructWriter, type FieldValue } from '../../../src/sim/image/struct-writer.ts';
import { compileMember } from '../../../src/types/compile.ts';
import { findMember, type CType, type StructType } from '../../../src/types/ctype.ts';

const int = (size: number, signed = false): CType => ({
  kind: 'int',
  name: `i${size}`,
  size,
  signed,
});

/** struct { u32 a; s8 b; u8 :3 c; :5 d; u64 e; struct { u16 x[3]; } f; union { u32 g; }; } */
const TYPE: StructType = {
  kind: 'struct',
  name: 'sample',
  size: 32,
  members: [
    { name: 'a', bitOffset: 0, bitSize: undefined, type: int(4) },
    { name: 'b', bitOffset: 32, bitSize: undefined, type: int(1, true) },
    { name: 'c', bitOffset: 40, bitSize: 3, type: int(4) },
    { name: 'd', bitOffset: 43, bitSize: 9, type: int(4) },
    { name: 'e', bitOffset: 64, bitSize: undefined, type: int(8) },
    {
      name: 'f',
      bitOffset: 128,
      bitSize: undefined,
      type: {
        kind: 'struct',
        name: 'inner',
        size: 6,
        members: [
          {
            name: 'x',
            bitOffset: 0,
            bitSize: undefined,
            type: { kind: 'array', element: int(2), count: 3 },
          },
        ],
      },
    },
    {
      name: '',
      bitOffset: 192,
      bitSize: undefined,
      type: {
        kind: 'union',
        name: '',
        size: 4,
        members: [{ name: 'g', bitOffset: 0, bitSize: undefined, type: int(4) }],
      },
    },
  ],
};

function written(path: string, value: FieldValue, fill = 0): Uint8Array {
  return new StructWriter(TYPE, new Uint8Array(32).fill(fill)).set(path, value).bytes;
}

describe('StructWriter', () => {
  const cases: [path: string, value: FieldValue, expected: number | bigint][] = [
    ['a', 0xdeadbeef, 0xdeadbeef],
    ['b', -2, -2],
    ['c', 5, 5],
    ['d', 0x1ff, 0x1ff],
    ['e', 0xffff_8880_1234_5678n, 0xffff_8880_1234_5678n],
    ['f.x[2]', 513, 513],
    ['g', 7, 7],
    ['a', true, 1],
  ];
  for (const [path, value, expected] of cases) {
    for (const fill of [0, 0xff]) {
      it(`sets ${path} over bytes of ${fill} so that the reader reads ${expected}`, () => {
        const place = findMember(TYPE, path);
        assert.ok(place !== undefined);
        const bytes = written(path, value, fill);
        assert.equal(compileMember(place)(new DataView(bytes.buffer), 0), expected);
      });
    }
  }

  it('leaves the neighbours of a bit field as they are', () => {
    assert.deepEqual(written('c', 0, 0xff).subarray(4, 8), Uint8Array.of(0xff, 0xf8, 0xff, 0xff));
    assert.deepEqual(written('d', 0, 0xff).subarray(4, 8), Uint8Array.of(0xff, 0x07, 0xf0, 0xff));
  });

  it('fills an array from shorter bytes with zeros', () => {
    const bytes = written('f.x', Uint8Array.of(1, 2), 0xff);
    assert.deepEqual(bytes.subarray(16, 23), Uint8Array.of(1, 2, 0, 0, 0, 0, 0xff));
  });

  const refused: [path: string, value: FieldValue, message: RegExp][] = [
    ['nothing', 1, /struct sample has no member nothing/],
    ['b', 256, /sample\.b: 256 in 1 bytes/],
    ['c', 8, /sample\.c: 8 in 3 bits/],
    ['f', 1, /sample\.f: no integer of 6 bytes/],
    ['f.x', new Uint8Array(7), /sample\.f\.x: 7 bytes for 6/],
  ];
  for (const [path, value, message] of refused) {
    it(`refuses ${String(message)}`, () => {
      assert.throws(() => written(path, value), message);
    });
  }
});
