import assert from 'node:assert/strict';
import { readBtf } from '../../../src/format/btf/read.ts';
import { BtfWriter } from '../../../src/format/btf/write.ts';
import { btfKernelTable } from '../../support/btf-kernel.ts';
import { damagedPair } from '../../support/btf-pair.ts';

describe('BtfTable.type', () => {
  const cases: readonly [what: string, patch: readonly number[], id: number, message: RegExp][] = [
    [
      'a name beyond the strings',
      [24, 200],
      1,
      /^FormatError: BTF\+0x18: type 1, name_off, expected below 23, have 200$/,
    ],
    [
      'an int of 3 bytes',
      [32, 3],
      1,
      /^FormatError: BTF\+0x20: type 1, int size, expected 1, 2, 4, 8 or 16, have 3$/,
    ],
    [
      'an int of more bits than bytes',
      [36, 33],
      1,
      /^FormatError: BTF\+0x24: type 1, int bits, expected 1 to 32, have 0 \+ 33$/,
    ],
    ['an int of no bits', [36, 0], 1, /int bits, expected 1 to 32, have 0 \+ 0$/],
    [
      'a member outside of its struct',
      [72, 61],
      2,
      /^FormatError: BTF\+0x48: type 2, member 1, expected inside 64 bits, have 61 \+ 4$/,
    ],
    [
      'a member name beyond the strings',
      [52, 23],
      2,
      /type 2, name_off, expected below 23, have 23$/,
    ],
  ];
  for (const [what, patch, id, message] of cases) {
    it(`refuses ${what}`, () => {
      const table = readBtf(damagedPair(patch));
      assert.throws(() => table.type(id), message);
    });
  }

  it('refuses ids that are none', () => {
    const table = readBtf(damagedPair());
    for (const id of [3, 4_000_000_000, -1, 0.5]) {
      assert.throws(() => table.type(id), /^FormatError: BTF: type .*, expected an id below 3$/);
    }
  });

  it('refuses an enum of 3 bytes', () => {
    const w = new BtfWriter();
    w.enum('odd', [], { size: 3 });
    assert.throws(() => readBtf(w.finish()).type(1), /enum size, expected 1, 2, 4 or 8, have 3$/);
  });
});

describe('BtfTable.idsNamed', () => {
  it('compares names by content where strings are not deduplicated', () => {
    const bytes = damagedPair();
    // `pair` and the tail of `second` cannot be told apart by offset; both must be found by text.
    const table = readBtf(damagedPair([24, 19]));
    assert.deepEqual(table.idsNamed('ond'), [1]);
    assert.deepEqual(readBtf(bytes).idsNamed('ond'), []);
  });

  it('gives several types of one name in the order of their ids', () => {
    const w = new BtfWriter();
    w.struct('twice', 4, []);
    w.struct('twice', 8, []);
    w.typedef('twice', 1);
    assert.deepEqual(readBtf(w.finish()).idsNamed('twice'), [1, 2, 3]);
  });

  it('finds neither functions nor the empty name', () => {
    const table = btfKernelTable();
    assert.deepEqual(table.idsNamed('schedule'), []);
    assert.deepEqual(table.idsNamed(''), []);
    assert.deepEqual(table.idsNamed('no such type'), []);
  });
});

describe('BtfTable.enumeratorsNamed', () => {
  it('finds enumerators of 32 and 64 bits', () => {
    const table = btfKernelTable();
    const [none] = table.enumeratorsNamed('SCHED_NONE');
    const [top] = table.enumeratorsNamed('WIDE_TOP');
    assert.equal(table.nameOf(none!.id), 'sched_policy');
    assert.equal(none!.index, 2);
    assert.equal(table.nameOf(top!.id), 'wide');
  });
});
