import assert from 'node:assert/strict';
import { readBtf } from '../../../src/format/btf/read.ts';
import { BtfWriter } from '../../../src/format/btf/write.ts';
import { FormatError } from '../../../src/util/errors.ts';
import { btfKernel, btfKernelTable } from '../../support/btf-kernel.ts';
import { damagedPair, PAIR } from '../../support/btf-pair.ts';

describe('readBtf', () => {
  it('reads an int and a struct with a bit field', () => {
    const table = readBtf(Uint8Array.from(PAIR));
    assert.equal(table.endId, 3);
    assert.deepEqual(table.type(1), {
      id: 1,
      kind: 'int',
      name: 'int',
      size: 4,
      encoding: 1,
      offset: 0,
      bits: 32,
    });
    assert.deepEqual(table.type(2), {
      id: 2,
      kind: 'struct',
      name: 'pair',
      size: 8,
      members: [
        { name: 'first', type: 1, bitOffset: 0, bitSize: 0 },
        { name: 'second', type: 1, bitOffset: 32, bitSize: 4 },
      ],
    });
  });

  it('reads bytes that are not aligned to a word', () => {
    const shifted = new Uint8Array(PAIR.length + 1);
    shifted.set(PAIR, 1);
    assert.equal(readBtf(shifted.subarray(1)).nameOf(2), 'pair');
  });

  it('counts from hdr_len, whatever the header holds beyond 24 bytes', () => {
    const extra = [0, 0, 0, 0, 0, 0, 0, 0, 0xaa, 0xaa, 0xaa, 0xaa];
    const bytes = Uint8Array.from([...PAIR.slice(0, 24), ...extra, ...PAIR.slice(24)]);
    bytes[4] = 36;
    assert.equal(readBtf(bytes).nameOf(2), 'pair');
  });

  const forms = [
    { littleEndian: true, headerSize: 24 },
    { littleEndian: true, headerSize: 32 },
    { littleEndian: false, headerSize: 24 },
    { littleEndian: false, headerSize: 32 },
  ] as const;
  for (const form of forms) {
    const words = `${form.littleEndian ? 'little' : 'big'}-endian, header of ${form.headerSize}`;
    it(`reads every kind (${words} bytes)`, () => {
      const table = btfKernelTable(form);
      assert.equal(table.header.littleEndian, form.littleEndian);
      assert.equal(table.header.layout !== undefined, form.headerSize === 32);
      const reference = btfKernelTable();
      const kinds = new Set<string>();
      for (let id = 0; id < table.endId; id++) {
        assert.deepEqual(table.type(id), reference.type(id));
        kinds.add(table.type(id).kind);
      }
      assert.deepEqual([...kinds].sort(), KINDS);
    });
  }

  it('reads more members than 16 bits of vlen can count', () => {
    const w = new BtfWriter({ headerSize: 32 });
    const values = Array.from({ length: 70_000 }, (_, value) => ({ name: 'V', value }));
    w.enum('big', values);
    w.int('int', 4);
    const table = readBtf(w.finish());
    const big = table.type(1);
    assert.equal(big.kind === 'enum' && big.values.length, 70_000);
    assert.equal(table.nameOf(2), 'int');
  });

  it('skips a kind that only the layout section knows', () => {
    const w = new BtfWriter({
      headerSize: 32,
      extraKinds: [{ kind: 21, infoSize: 4, elementSize: 8 }],
    });
    w.raw(21, { name: 'new', vlen: 2 }, [1, 2, 3, 4, 5]);
    w.int('int', 4);
    const table = readBtf(w.finish());
    assert.deepEqual(table.type(1), { id: 1, kind: 'unknown', number: 21 });
    assert.equal(table.nameOf(2), 'int');
  });

  it('continues ids and strings of the base in a split BTF', () => {
    const base = btfKernelTable();
    const w = new BtfWriter({ base });
    const xfs = w.struct('xfs_buf', 16, [
      { name: 'b_list', type: base.idsNamed('list_head')[0]!, bitOffset: 0 },
    ]);
    const split = readBtf(w.finish(), { base, section: 'BTF of module xfs' });
    assert.equal(split.firstId, base.endId);
    assert.equal(split.nameOf(xfs), 'xfs_buf');
    assert.equal(split.nameOf(1), 'int');
    assert.deepEqual(split.idsNamed('xfs_buf'), [xfs]);
    assert.deepEqual(split.idsNamed('list_head'), base.idsNamed('list_head'));
  });

  it('finds a type of a split BTF whose name is a string of the base', () => {
    const base = btfKernelTable();
    const w = new BtfWriter({ base });
    w.struct('other', 4, []);
    const bytes = w.finish();
    // The name of the struct points at `rq` of the base instead.
    const rq = Buffer.from(btfKernel().writer.finish()).indexOf('\0rq\0') + 1;
    new DataView(bytes.buffer).setUint32(24, rq - base.header.strings.offset, true);
    const split = readBtf(bytes, { base });
    assert.deepEqual(split.idsNamed('rq'), [...base.idsNamed('rq'), base.endId]);
  });
});

const KINDS = [
  ...['array', 'const', 'datasec', 'decl_tag', 'enum', 'enum64', 'float', 'func', 'func_proto'],
  ...['fwd', 'int', 'ptr', 'restrict', 'struct', 'type_tag', 'typedef', 'union', 'var', 'void'],
  'volatile',
];

describe('readBtf on a damaged table', () => {
  const cases: readonly [what: string, bytes: () => Uint8Array, message: RegExp][] = [
    ['is empty', () => new Uint8Array(0), /^BTF\+0x0: expected 2 bytes, have 0$/],
    [
      'has another magic',
      () => damagedPair([0, 0x9f, 0xea]),
      /^BTF\+0x0: magic, expected 0xeb9f, have 0xea9f$/,
    ],
    [
      'has a magic of neither byte order',
      () => damagedPair([0, 0, 0]),
      /magic, expected 0xeb9f, have 0x0$/,
    ],
    ['is of version 2', () => damagedPair([2, 2]), /^BTF\+0x2: version, expected 1, have 2$/],
    [
      'ends inside the header',
      () => damagedPair().subarray(0, 20),
      /^BTF\+0x0: header, expected 24 bytes, have 20$/,
    ],
    [
      'has a header of 20 bytes',
      () => damagedPair([4, 20]),
      /^BTF\+0x4: hdr_len, expected 24 to 99, have 20$/,
    ],
    [
      'has a header beyond its end',
      () => damagedPair([4, 0, 1]),
      /hdr_len, expected 24 to 99, have 256$/,
    ],
    [
      'has type_off beyond its end',
      () => damagedPair([8, 0, 0, 1]),
      /^BTF\+0x8: type section, expected inside 99/,
    ],
    [
      'has a type_len beyond its end',
      () => damagedPair([12, 255, 255, 255, 255]),
      /^BTF\+0x8: type section/,
    ],
    [
      'has str_len one too large',
      () => damagedPair([20, 24]),
      /^BTF\+0x10: string section, expected inside 99/,
    ],
    [
      'has types that are not aligned',
      () => damagedPair([8, 2], [12, 48]),
      /type_off, expected a multiple of 4, have 2$/,
    ],
    [
      'has no strings',
      () => damagedPair([20, 0]),
      /string section, expected at least 1 byte, have 0$/,
    ],
    [
      'has a first string that is not empty',
      () => damagedPair([76, 1]),
      /^BTF\+0x4c: first string, expected empty/,
    ],
    [
      'has a last string without an end',
      () => damagedPair([98, 65]),
      /^BTF\+0x62: last string, expected NUL, have 0x41$/,
    ],
    [
      'has an unknown kind',
      () => damagedPair([31, 40]),
      /^BTF\+0x18: type 1, kind 40 is unknown and not in the layout$/,
    ],
    ['has kind 0', () => damagedPair([31, 0]), /type 1, kind 0 is unknown/],
    [
      'has more members than types',
      () => damagedPair([44, 3]),
      /^BTF\+0x28: type 2, expected at most 36 bytes, have 48$/,
    ],
    [
      'has a type section cut inside a type',
      () => damagedPair([12, 20]),
      /^BTF\+0x28: type 2, expected 12 bytes, have 4$/,
    ],
  ];
  for (const [what, bytes, message] of cases) {
    it(`says so when it ${what}`, () => {
      assert.throws(
        () => readBtf(bytes()),
        (error) => {
          assert.ok(error instanceof FormatError);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }

  it('says so when the layout section is no list of entries', () => {
    const bytes = btfKernel({ headerSize: 32 }).writer.finish();
    new DataView(bytes.buffer).setUint32(28, 7, true);
    assert.throws(() => readBtf(bytes), /layout_len, expected a multiple of 4, have 7$/);
  });
});
