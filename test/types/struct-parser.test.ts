import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { BtfTypes } from '../../src/types/btf-types.ts';
import { compileMember, compileReader, type MemberValue } from '../../src/types/compile.ts';
import type { CType, Member, StructType } from '../../src/types/ctype.ts';
import { readLayout } from '../../src/types/layout.ts';
import {
  parserFor,
  StructParser,
  type ParsedStruct,
  type ParsedValue,
} from '../../src/types/struct-parser.ts';
import { FormatError, InvalidError } from '../../src/util/errors.ts';
import { Prng } from '../../src/util/prng.ts';
import { btfKernelTable } from '../support/btf-kernel.ts';

const STRUCTS = new URL('../../structs/', import.meta.url);
const INT: CType = { kind: 'int', name: 'int', size: 4, signed: true };

function structOf(members: Partial<Member>[], size = 8): StructType {
  const filled = members.map((member) => ({
    name: 'm',
    bitOffset: 0,
    bitSize: undefined,
    type: INT,
    ...member,
  }));
  return { kind: 'struct', name: 's', size, members: filled };
}

describe('StructParser', () => {
  it('decodes a task_struct with everything in it', () => {
    const types = new BtfTypes(btfKernelTable());
    const task = types.find('struct', 'task_struct') as StructType;
    const bytes = new Uint8Array(128);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, 0xffff888000001000n, true); // tasks.next
    view.setBigUint64(16, 0x1122334455667788n, true); // mm, words
    view.setInt32(24, -1, true); // pid
    bytes.set(Buffer.from('ab\0XYZ'), 28); // comm with stale bytes
    view.setUint16(48, 0b1111_1110_1100, true); // in_memstall 1, nice -3 (1111101)
    view.setInt32(52, -1, true); // policy
    view.setUint8(60, 2); // memalloc.valid
    view.setUint32(76, 0xcc0, true); // memalloc.gfp
    const value = parserFor(task).parse(bytes);
    assert.deepEqual(value.tasks, { next: 0xffff888000001000n, prev: 0n });
    assert.equal(value.mm, 0x1122334455667788n);
    assert.deepEqual(value.words, [0x55667788, 0x11223344]);
    assert.equal(value.pid, -1);
    assert.deepEqual(value.comm, Uint8Array.from(Buffer.from('ab\0XYZ\0\0\0\0\0\0\0\0\0\0')));
    assert.deepEqual(value.usage, { counter: 0 });
    assert.equal(value.in_memstall, 1);
    assert.equal(value.nice, -3);
    assert.equal(value.policy, -1);
    const memalloc = { sequence: 0, valid: 2, dumped: 0, start: 0n, order: 0, gfp: 0xcc0 };
    assert.deepEqual(value.memalloc, memalloc);
  });

  it('decodes arrays of arrays, of structs, of 128-bit integers and of no elements', () => {
    const pair = structOf([{ name: 'a' }, { name: 'b', bitOffset: 32 }]);
    const array = (element: CType, count: number): CType => ({ kind: 'array', element, count });
    const wide: CType = { kind: 'int', name: '__int128', size: 16, signed: true };
    const byte: CType = { kind: 'int', name: 'char', size: 1, signed: true };
    const struct = structOf(
      [
        { name: 'grid', type: array(array(INT, 2), 2) },
        { name: 'pairs', type: array(pair, 2), bitOffset: 128 },
        { name: 'wide', type: array(wide, 1), bitOffset: 256 },
        { name: 'none', type: array(INT, 0), bitOffset: 384 },
        { name: 'tail', type: array(byte, 0), bitOffset: 384 },
      ],
      48,
    );
    const bytes = new Uint8Array(48);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < 8; i++) view.setInt32(i * 4, i, true);
    bytes.fill(0xff, 32);
    assert.deepEqual(new StructParser(struct).parse(bytes), {
      grid: [
        [0, 1],
        [2, 3],
      ],
      pairs: [
        { a: 4, b: 5 },
        { a: 6, b: 7 },
      ],
      wide: [-1n],
      none: [],
      tail: new Uint8Array(0),
    });
  });

  it('makes the parser of a struct once', () => {
    const struct = structOf([{}]);
    assert.equal(parserFor(struct), parserFor(struct));
  });

  it('says how many bytes are missing', () => {
    assert.throws(
      () => parserFor(structOf([{}])).parse(new Uint8Array(7)),
      (error) =>
        error instanceof FormatError && error.message === 'struct s: expected 8 bytes, have 7',
    );
  });

  const inside: StructType = structOf([]);
  (inside.members as Member[]).push({
    name: 'self',
    bitOffset: 0,
    bitSize: undefined,
    type: inside,
  });
  const refused: readonly [what: string, struct: StructType, message: RegExp][] = [
    [
      'a member outside of its struct',
      structOf([{ bitOffset: 40 }]),
      /s\.m: expected end within 8 bytes, have 9/,
    ],
    ['a struct that contains itself', inside, /nested deeper than 32/],
    ['a name that is no C name', structOf([{ name: 'a-b' }]), /member "a-b": expected a C name/],
    ['a name that sets the prototype', structOf([{ name: '__proto__' }]), /expected a C name/],
    [
      'a member of type void',
      structOf([{ type: { kind: 'void' } }]),
      /member m: a void has no value/,
    ],
    ['an int of 3 bytes', structOf([{ type: { ...INT, size: 3 } }]), /integer of 3 bytes/],
  ];
  for (const [what, struct, message] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => new StructParser(struct),
        (error) => error instanceof InvalidError && message.test(error.message),
      );
    });
  }
});

describe('StructParser and compileMember', () => {
  for (const name of readdirSync(STRUCTS).filter((file) => /^(memalloc|\d).*\.json$/.test(file))) {
    it(`agree on every member of every struct of ${name}`, function () {
      this.timeout(60_000);
      const layout = readLayout(readFileSync(new URL(name, STRUCTS), 'utf8'));
      const random = new Prng(1);
      let compared = 0;
      for (const [key, { kind, size }] of Object.entries(layout.file.structs)) {
        const struct = layout.find(kind, key) as StructType;
        // pglist_data has 170 KB of zone lists that are all alike.
        if (size > 20_000) continue;
        const bytes = random.bytes(size);
        const value = parserFor(struct).parse(bytes);
        compared += compareStruct(
          value,
          { struct, view: new DataView(bytes.buffer), base: 0 },
          key,
        );
      }
      assert.ok(compared >= 5);
    });
  }

  it('agree in big-endian order too', () => {
    const types = new BtfTypes(btfKernelTable({ littleEndian: false }));
    const struct = types.find('struct', 'task_struct') as StructType;
    const bytes = new Prng(3).bytes(struct.size);
    const value = new StructParser(struct, { littleEndian: false }).parse(bytes);
    const spec = { nice: 'nice', pid: 'pid', start: 'memalloc.start', inMemstall: 'in_memstall' };
    const reader = compileReader(struct, spec, { littleEndian: false });
    const record = reader(new DataView(bytes.buffer), 0);
    const { nice, pid, memalloc, in_memstall: inMemstall } = value;
    const start = (memalloc as ParsedStruct).start;
    assert.deepEqual({ nice, pid, start, inMemstall }, record);
  });
});

interface Place {
  readonly struct: StructType;
  readonly view: DataView;
  readonly base: number;
}

/** Compares each leaf with what the compiled accessor of its place reads; counts them. */
function compareStruct(value: ParsedStruct, place: Place, path: string): number {
  let count = 0;
  for (const member of place.struct.members) {
    const { name, type } = member;
    const isStruct = type.kind === 'struct' || type.kind === 'union';
    const inner = `${path}.${name}`;
    const base = place.base + Math.floor(member.bitOffset / 8);
    if (name === '' && isStruct) {
      count += compareStruct(value, { ...place, struct: type, base }, inner);
    } else if (name !== '' && member.bitSize !== undefined) {
      const { bitOffset, bitSize } = member;
      const theirs = compileMember({ type, bitOffset, bitSize })(place.view, place.base);
      assert.deepEqual(value[name], theirs, inner);
      count++;
    } else if (name !== '') {
      count += compareValue(value[name]!, { type, view: place.view, base }, inner);
    }
  }
  return count;
}

function compareValue(
  value: ParsedValue,
  place: { type: CType; view: DataView; base: number },
  path: string,
): number {
  const { type, view, base } = place;
  if (type.kind === 'struct' || type.kind === 'union') {
    return compareStruct(value as ParsedStruct, { struct: type, view, base }, path);
  }
  if (type.kind === 'array' && Array.isArray(value)) {
    assert.equal(value.length, type.count, path);
    const { element } = type;
    const size = 'size' in element ? element.size : byteLength(element);
    // The ends and the middle of long arrays; the code for all elements is the same.
    const indices =
      value.length < 40 ? [...value.keys()] : [0, 1, value.length >> 1, value.length - 1];
    return indices.reduce(
      (sum, i) =>
        sum +
        compareValue(value[i]!, { type: element, view, base: base + i * size }, `${path}[${i}]`),
      0,
    );
  }
  const theirs: MemberValue = compileMember({ type, bitOffset: 0, bitSize: undefined })(view, base);
  assert.deepEqual(value, theirs, path);
  return 1;
}

function byteLength(type: CType): number {
  return type.kind === 'array'
    ? type.count * byteLength(type.element)
    : 'size' in type
      ? type.size
      : 0;
}
