import assert from 'node:assert/strict';
import { compileMember, compileReader, type MemberForm } from '../../src/types/compile.ts';
import {
  findMember,
  type CType,
  type MemberPlace,
  type StructType,
} from '../../src/types/ctype.ts';
import { BtfTypes } from '../../src/types/btf-types.ts';
import { InvalidError, LookupError } from '../../src/util/errors.ts';
import { Prng } from '../../src/util/prng.ts';
import { btfKernelTable } from '../support/btf-kernel.ts';

function int(size: number, signed = false): CType {
  return { kind: 'int', name: 'int', size, signed };
}

const POINTER: CType = { kind: 'pointer', size: 8, target: { kind: 'void' } };
const POINTER32: CType = { kind: 'pointer', size: 4, target: { kind: 'void' } };
const COMM: CType = { kind: 'array', element: int(1), count: 3 };

/** 01 23 45 67 89 ab cd ef fe dc ba 98 76 54 32 10 at base 1. */
const BYTES = Uint8Array.from(Buffer.from('00' + '0123456789abcdeffedcba9876543210', 'hex'));
const VIEW = new DataView(BYTES.buffer);

function read(
  member: { type: CType; bitOffset?: number; bitSize?: number },
  options: { littleEndian?: boolean; as?: MemberForm } = {},
): unknown {
  const { type, bitOffset = 0, bitSize } = member;
  return compileMember({ type, bitOffset, bitSize }, options)(VIEW, 1);
}

describe('compileMember', () => {
  const cases: readonly [what: string, CType, little: unknown, big: unknown][] = [
    ['u8', int(1), 0x01, 0x01],
    ['u16', int(2), 0x2301, 0x0123],
    ['u32', int(4), 0x67452301, 0x01234567],
    ['s32', int(4, true), 0x67452301, 0x01234567],
    ['u64', int(8), 0xefcdab8967452301n, 0x0123456789abcdefn],
    ['s64', int(8, true), 0xefcdab8967452301n - (1n << 64n), 0x0123456789abcdefn],
    ['u128', int(16), 0x1032547698badcfeefcdab8967452301n, 0x0123456789abcdeffedcba9876543210n],
    ['a pointer', POINTER, 0xefcdab8967452301n, 0x0123456789abcdefn],
    ['a 32-bit pointer', POINTER32, 0x67452301n, 0x01234567n],
    ['a char array', COMM, Uint8Array.of(1, 0x23, 0x45), Uint8Array.of(1, 0x23, 0x45)],
  ];
  for (const [what, type, little, big] of cases) {
    it(`reads ${what} in either byte order`, () => {
      assert.deepEqual(read({ type }), little);
      assert.deepEqual(read({ type }, { littleEndian: false }), big);
    });
  }

  const forms: readonly [what: string, CType, MemberForm, unknown][] = [
    ['u64 as a rounded number', int(8), 'number', Number(0xefcdab8967452301n)],
    ['s64 as a rounded number', int(8, true), 'number', Number(0xefcdab8967452301n - (1n << 64n))],
    ['the low half of a u64', int(8), 'low32', 0x67452301],
    ['the high half of a u64', int(8), 'high32', 0xefcdab89],
    ['u32 as bigint', int(4), 'bigint', 0x67452301n],
    ['u16 as number', int(2), 'number', 0x2301],
    ['any type as bytes', int(2), 'bytes', Uint8Array.of(0x01, 0x23)],
  ];
  for (const [what, type, as, value] of forms) {
    it(`reads ${what}`, () => assert.deepEqual(read({ type }, { as }), value));
  }

  it('sign-extends what is signed', () => {
    assert.equal(read({ type: int(1, true), bitOffset: 32 }), 0x89 - 256);
    assert.equal(read({ type: int(4, true), bitOffset: 32 }), 0xefcdab89 - 2 ** 32);
    assert.equal(read({ type: int(4, true), bitOffset: 32 }, { as: 'low32' }), 0xefcdab89);
  });

  it('reads a float and a double', () => {
    const view = new DataView(new ArrayBuffer(16));
    view.setFloat32(0, 1.5, true);
    view.setFloat64(8, -2.25, true);
    const at = (size: number, bitOffset: number): MemberPlace => ({
      type: { kind: 'float', name: 'f', size },
      bitOffset,
      bitSize: undefined,
    });
    assert.equal(compileMember(at(4, 0))(view, 0), 1.5);
    assert.equal(compileMember(at(8, 64))(view, 0), -2.25);
  });

  it('copies bytes, so that the buffer can be used again', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    const comm = compileMember({ type: COMM, bitOffset: 0, bitSize: undefined })(
      new DataView(bytes.buffer),
      0,
    );
    bytes.fill(9);
    assert.deepEqual(comm, Uint8Array.of(1, 2, 3));
  });

  it('never reads bytes of the buffer that are outside of the view', () => {
    const part = new DataView(BYTES.buffer, 2, 4);
    const comm = compileMember({ type: COMM, bitOffset: 0, bitSize: undefined });
    assert.deepEqual(comm(part, 1), Uint8Array.of(0x45, 0x67, 0x89));
    assert.throws(() => comm(part, 2), /RangeError: bytes 2 to 5 are outside of 4/);
    const word = compileMember({ type: int(4), bitOffset: 0, bitSize: undefined });
    assert.throws(() => word(part, 1), RangeError);
  });

  const refused: readonly [what: string, MemberPlace, MemberForm, RegExp][] = [
    [
      'an int at half a byte',
      { type: int(4), bitOffset: 4, bitSize: undefined },
      'auto',
      /bit offset, expected a multiple of 8, have 4/,
    ],
    [
      'a negative offset',
      { type: int(4), bitOffset: -8, bitSize: undefined },
      'auto',
      /bit offset, expected 0 to/,
    ],
    [
      'an offset that is no number',
      { type: int(4), bitOffset: '0' as unknown as number, bitSize: undefined },
      'auto',
      /bit offset, expected 0 to/,
    ],
    [
      'an int of 3 bytes',
      { type: int(3), bitOffset: 0, bitSize: undefined },
      'auto',
      /integer size, expected 1, 2, 4, 8 or 16, have 3/,
    ],
    [
      'a struct as a number',
      {
        type: { kind: 'struct', name: 's', size: 4, members: [] },
        bitOffset: 0,
        bitSize: undefined,
      },
      'number',
      /expected an integer to read as number, have struct/,
    ],
    [
      'a float as bigint',
      { type: { kind: 'float', name: 'f', size: 4 }, bitOffset: 0, bitSize: undefined },
      'bigint',
      /expected an integer to read as bigint, have float/,
    ],
    [
      'the high half of a u32',
      { type: int(4), bitOffset: 0, bitSize: undefined },
      'high32',
      /4 bytes have no high 32 bits/,
    ],
    [
      'a half of 128 bits',
      { type: int(16), bitOffset: 0, bitSize: undefined },
      'low32',
      /16 bytes cannot be read as low32/,
    ],
    [
      'a bit field of 65 bits',
      { type: int(8), bitOffset: 0, bitSize: 65 },
      'auto',
      /width, expected 1 to 64 bits, have 65/,
    ],
    [
      'a bit field of 0 bits',
      { type: int(8), bitOffset: 0, bitSize: 0 },
      'auto',
      /width, expected 1 to 64 bits, have 0/,
    ],
    [
      'a bit field of an array',
      { type: COMM, bitOffset: 0, bitSize: 3 },
      'auto',
      /type is array, not an integer/,
    ],
    [
      'the high half of a narrow bit field',
      { type: int(8), bitOffset: 0, bitSize: 3 },
      'high32',
      /3 bits have no high 32 bits/,
    ],
  ];
  for (const [what, place, as, message] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => compileMember(place, { as }),
        (error) => error instanceof InvalidError && message.test(error.message),
      );
    });
  }
});

describe('compileMember on bit fields', () => {
  /** The field bit by bit, as C defines it, from a bigint of all bytes. */
  function expected(place: { bitOffset: number; bitSize: number }, littleEndian: boolean): bigint {
    const ordered = littleEndian ? [...BYTES.subarray(1)].reverse() : [...BYTES.subarray(1)];
    const all = BigInt(`0x${Buffer.from(ordered).toString('hex')}`);
    const { bitOffset, bitSize } = place;
    const shift = littleEndian ? bitOffset : 128 - bitOffset - bitSize;
    return BigInt.asUintN(bitSize, all >> BigInt(shift));
  }

  for (const littleEndian of [true, false]) {
    it(`reads every width at every offset (${littleEndian ? 'little' : 'big'}-endian)`, () => {
      for (let bitOffset = 0; bitOffset < 64; bitOffset++) {
        for (let bitSize = 1; bitSize <= 64; bitSize++) {
          const bits = expected({ bitOffset, bitSize }, littleEndian);
          const what = `offset ${bitOffset}, ${bitSize} bits`;
          const auto = read({ type: int(8), bitOffset, bitSize }, { littleEndian });
          assert.equal(typeof auto, bitSize > 32 ? 'bigint' : 'number', what);
          assert.equal(BigInt(auto as bigint), bits, what);
          const signed = read({ type: int(8, true), bitOffset, bitSize }, { littleEndian });
          assert.equal(BigInt(signed as bigint), BigInt.asIntN(bitSize, bits), what);
          const low = read({ type: int(8), bitOffset, bitSize }, { littleEndian, as: 'low32' });
          assert.equal(low, Number(BigInt.asUintN(32, bits)), what);
          const wide = read({ type: int(8), bitOffset, bitSize }, { littleEndian, as: 'bigint' });
          assert.equal(wide, bits, what);
        }
      }
    });
  }

  it('reads no byte behind the field', () => {
    const view = new DataView(Uint8Array.of(0xff, 0x80).buffer);
    const field = compileMember({ type: int(4), bitOffset: 15, bitSize: 1 });
    assert.equal(field(view, 0), 1);
  });
});

describe('compileReader', () => {
  const types = new BtfTypes(btfKernelTable());
  const task = types.find('struct', 'task_struct') as StructType;

  it('reads several members, each in the form that was asked for', () => {
    const reader = compileReader(task, {
      pid: 'pid',
      inMemstall: 'in_memstall',
      startLow: { path: 'memalloc.start', as: 'low32' },
      start: { path: 'memalloc.start', as: 'bigint' },
      comm: { path: 'comm', as: 'bytes' },
    });
    const bytes = new Prng(1).bytes(200);
    const view = new DataView(bytes.buffer);
    const record = reader(view, 8);
    const startLow: number = record.startLow;
    const start: bigint = record.start;
    assert.equal(record.pid, view.getInt32(8 + 24, true));
    assert.equal(record.inMemstall, (bytes[8 + 48]! >> 2) & 1);
    assert.equal(start, view.getBigUint64(8 + 64, true));
    assert.equal(startLow, view.getUint32(8 + 64, true));
    assert.deepEqual(record.comm, bytes.slice(8 + 28, 8 + 44));
  });

  it('agrees with the reader of each member alone', () => {
    const paths = ['tasks.next', 'mm', 'words[1]', 'nice', 'policy', 'memalloc.gfp', 'frozen'];
    const spec = Object.fromEntries(paths.map((path, i) => [`m${i}`, path]));
    const reader = compileReader(task, spec, { littleEndian: false });
    const view = new DataView(new Prng(2).bytes(128).buffer);
    const record = reader(view, 0);
    for (const [i, path] of paths.entries()) {
      const alone = compileMember(findMember(task, path)!, { littleEndian: false });
      assert.deepEqual(record[`m${i}`], alone(view, 0), path);
    }
  });

  it('says which member the struct lacks', () => {
    assert.throws(
      () => compileReader(task, { x: 'no_such' }),
      (error) =>
        error instanceof LookupError && error.message.includes('struct task_struct.no_such'),
    );
  });

  it('takes identifiers as keys and nothing that could be code', () => {
    for (const key of ['a b', 'a: 1, b', '__proto__', '', '1x', 'x\n']) {
      const spec = JSON.parse(JSON.stringify([[key, 'pid']])) as [string, string][];
      assert.throws(() => compileReader(task, Object.fromEntries(spec)), InvalidError, key);
    }
  });
});
