import assert from 'node:assert/strict';
import { ValueReader, type Value } from '../../src/kernel/struct-value.ts';
import { SymbolList } from '../../src/target/symbol-list.ts';
import type { CType, EnumType, Member } from '../../src/types/ctype.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../src/util/address.ts';
import { FaultError } from '../../src/util/errors.ts';
import { FakeMemory } from '../support/fake-memory.ts';

const U8: CType = { kind: 'int', name: 'unsigned char', size: 1, signed: false };
const U32: CType = { kind: 'int', name: 'unsigned int', size: 4, signed: false };
const S32: CType = { kind: 'int', name: 'int', size: 4, signed: true };
const S64: CType = { kind: 'int', name: 'long int', size: 8, signed: true };
const BOOL: CType = { kind: 'int', name: '_Bool', size: 1, signed: false };
const CHAR: CType = { kind: 'int', name: 'char', size: 1, signed: true };
const VOID: CType = { kind: 'void' };

function pointerTo(target: CType): CType {
  return { kind: 'pointer', size: 8, target };
}

function arrayOf(element: CType, count: number): CType {
  return { kind: 'array', element, count };
}

function enumOf(values: Readonly<Record<string, bigint>>): EnumType {
  const map = new Map(Object.entries(values));
  return { kind: 'enum', name: 'e', size: 4, signed: false, values: map };
}

function structOf(size: number, members: Readonly<Record<string, [number, CType]>>): CType {
  const list = Object.entries(members).map(([name, [byte, type]]): Member => {
    return { name, bitOffset: byte * 8, bitSize: undefined, type };
  });
  return { kind: 'struct', name: 's', size, members: list };
}

/** Bytes from FAKE_BASE on, and what a reader makes of them. */
function read(type: CType, bytes: readonly number[], options?: { arrayMax?: number }): Value {
  const { memory, source } = sourceOf(bytes);
  return new ValueReader(source, options).read(type, memory.at(0));
}

function sourceOf(bytes: readonly number[]): {
  memory: FakeMemory;
  source: ConstructorParameters<typeof ValueReader>[0];
} {
  const memory = new FakeMemory({});
  bytes.forEach((byte, at) => memory.u8(at, byte));
  const place = { name: 'oom_lock', address: memory.at(0x100), type: 'D', size: 32 };
  const symbols = new SymbolList('test', [place]);
  const readBytes = (address: Vaddr, length: number): Uint8Array => {
    const into = new Uint8Array(length);
    memory.readInto(into, address);
    return into;
  };
  const readAvailable = (address: Vaddr, most: number): Uint8Array => {
    const inMemory = Number(BigInt(memory.at(1 << 16)) - BigInt(address));
    return inMemory > 0 && inMemory <= 1 << 16
      ? readBytes(address, Math.min(most, inMemory))
      : new Uint8Array();
  };
  return { memory, source: { symbols, readBytes, readAvailable } };
}

/** The bytes of an address in the memory of a test. */
function addressBytes(offset: number): number[] {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, new FakeMemory({}).at(offset), true);
  return [...bytes];
}

describe('ValueReader', () => {
  for (const [what, type, bytes, expected] of [
    ['an int', U32, [1, 0, 0, 0x80], { kind: 'int', value: '2147483649' }],
    ['a negative one', S32, [0xff, 0xff, 0xff, 0xff], { kind: 'int', value: '-1' }],
    ['all 64 bits', S64, Array(8).fill(0x7f), { kind: 'int', value: '9187201950435737471' }],
    ['a boolean', BOOL, [1], { kind: 'bool', value: 'true' }],
    ['a boolean that is none', BOOL, [7], { kind: 'int', value: '7' }],
    [
      'text up to its NUL',
      arrayOf(CHAR, 4),
      [0x61, 0x1b, 0, 0x62],
      { kind: 'text', text: 'a\\x1b' },
    ],
    ['text without a NUL', arrayOf(CHAR, 2), [0x61, 0x62, 0x63], { kind: 'text', text: 'ab' }],
    ['a NULL pointer', pointerTo(VOID), [], { kind: 'pointer', value: '0x0' }],
    ['a flexible array', arrayOf(U32, 0), [], { kind: 'nothing' }],
    ['a struct that is only declared', structOf(0, {}), [], { kind: 'nothing' }],
  ] as const) {
    it(`reads ${what}`, () => {
      assert.deepEqual(read(type, bytes), expected);
    });
  }

  it('names the symbol that a pointer points into', () => {
    const value = read(pointerTo(VOID), addressBytes(0x108));
    assert.equal(value.kind === 'pointer' && value.symbol, 'oom_lock+0x8');
  });

  it('reads what a char pointer points to', () => {
    const text = [0x65, 0x78, 0x74, 0x34, 0];
    const value = read(pointerTo(CHAR), [...addressBytes(8), ...text]);
    assert.equal(value.kind === 'pointer' && value.text, 'ext4');
  });

  it('names enumerators, and bits where each is one', () => {
    const plain = enumOf({ OFF: 0n, ON: 1n });
    assert.deepEqual(read(plain, [1]), { kind: 'enum', value: '1', names: ['ON'] });
    assert.deepEqual(read(plain, [9]), { kind: 'enum', value: '9', names: [] });
    const flags = enumOf({ A: 1n, B: 2n, C: 4n });
    const expected = { kind: 'enum', value: '13', names: ['A', 'C'], rest: '0x8' };
    assert.deepEqual(read(flags, [13]), expected);
  });

  it('reads bit fields', () => {
    const { memory, source } = sourceOf([0b1010_1100, 0b11]);
    const bits = (type: CType, start: number, size: number): Value => {
      return new ValueReader(source).read(type, memory.at(0), { start, size });
    };
    assert.deepEqual(bits(U32, 2, 2), { kind: 'int', value: '3' });
    assert.deepEqual(bits(S32, 5, 5), { kind: 'int', value: '-3' });
  });

  it('tells equal neighbours once, and says how many elements it leaves out', () => {
    const value = read(arrayOf(U8, 8), [1, 1, 1, 2, 3, 3, 4, 5], { arrayMax: 3 });
    assert.ok(value.kind === 'array');
    const runs = value.runs.map((run) => [run.repeats, 'value' in run.value && run.value.value]);
    assert.deepEqual(runs, [
      [3, '1'],
      [1, '2'],
      [2, '3'],
    ]);
    assert.equal(value.notShown, 2);
  });

  it('takes equal structs in an array for equal, wherever they are', () => {
    const value = read(arrayOf(structOf(4, { x: [0, U32] }), 3), []);
    assert.ok(value.kind === 'array');
    assert.deepEqual(
      value.runs.map(({ repeats }) => repeats),
      [3],
    );
  });

  it('says of each member whether it is there', () => {
    const { memory, source } = sourceOf([]);
    const struct = structOf(12, { first: [0, U32], second: [4, U32], third: [8, S32] });
    const start = vaddrAdd(memory.at(1 << 16), -4);
    const value = new ValueReader(source).read(struct, start);
    assert.ok(value.kind === 'struct');
    assert.deepEqual(
      value.members.map((member) => [member.name, member.offsetBytes, member.value]),
      [
        ['first', 0, { kind: 'int', value: '0' }],
        ['second', 4, { kind: 'absent', reason: 'not-mapped' }],
        ['third', 8, { kind: 'absent', reason: 'not-mapped' }],
      ],
    );
  });

  it('ends where a type contains itself', () => {
    const members: Member[] = [];
    const loop: CType = { kind: 'struct', name: 'loop', size: 8, members };
    for (let i = 0; i < 4; i++) {
      members.push({ name: `m${i}`, bitOffset: 0, bitSize: undefined, type: loop });
    }
    assert.equal(read(loop, []).kind, 'struct');
  });

  it('reads each member by itself', () => {
    const { memory, source } = sourceOf([]);
    const asked: [bigint, number][] = [];
    const readBytes = (address: Vaddr, length: number): Uint8Array => {
      asked.push([address - memory.at(0), length]);
      if (length > 8) throw new FaultError({ space: 'virtual', address, reason: 'excluded' });
      return source.readBytes(address, length);
    };
    const struct = structOf(64, { a: [0, U32], b: [32, pointerTo(VOID)] });
    new ValueReader({ ...source, readBytes }).read(struct, vaddr(memory.at(0)));
    assert.deepEqual(asked, [
      [0n, 4],
      [32n, 8],
    ]);
  });
});
