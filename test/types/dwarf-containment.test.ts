import assert from 'node:assert/strict';
import * as c from '../../src/format/dwarf/constants.ts';
import { Dwarf } from '../../src/format/dwarf/dwarf.ts';
import type { StructType } from '../../src/types/ctype.ts';
import { DwarfTypes } from '../../src/types/dwarf-types.ts';
import { DwarfStyler } from '../support/dwarf-kernel.ts';
import { DwarfWriter, dwarfSources, type DieSpec } from '../support/dwarf-writer.ts';

const s = new DwarfStyler({ version: 5 });

/** How many members `struct a` of these entries has. */
function membersOfA(...entries: readonly DieSpec[]): number {
  const bytes = new DwarfWriter().unit(s.unit(entries)).finish();
  const types = new DwarfTypes(new Dwarf(dwarfSources(bytes)), 'test');
  return (types.find('struct', 'a') as StructType).members.length;
}

function struct(name: string, ...types: readonly string[]): DieSpec {
  const members = types.map((type, i) => s.member(`m${i}`, type, 0));
  return s.struct(name, 64, { name, members });
}

function array(count: number): DieSpec {
  return s.array('array', 'a', [[[c.DW_AT_count, c.DW_FORM_data1, count]]]);
}

describe('DwarfContainment', () => {
  const CIRCLES: [what: string, entries: DieSpec[], name: string][] = [
    ['itself', [struct('a', 'a')], 'a'],
    ['another that contains it', [struct('a', 'b'), struct('b', 'a')], 'a'],
    ['one that contains itself', [struct('a', 'b'), struct('b', 'b')], 'b'],
    ['itself by a typedef', [struct('a', 'a_t'), s.typedef('a_t', 'a')], 'a'],
    ['an array of itself', [struct('a', 'array'), array(1)], 'a'],
  ];
  for (const [what, entries, name] of CIRCLES) {
    it(`refuses a struct that contains ${what}, naming the entry`, () => {
      const message = new RegExp(`^\\.debug_info\\+0x[0-9a-f]+: struct ${name} contains itself$`);
      assert.throws(() => membersOfA(...entries), { code: 'format', message });
    });
  }

  it('takes one that points to itself, holds another twice, or none of itself', () => {
    assert.equal(membersOfA(struct('a', 'pointer'), s.pointer('pointer', 'a')), 1);
    assert.equal(membersOfA(struct('a', 'b', 'b'), struct('b')), 2);
    assert.equal(membersOfA(struct('a', 'array'), array(0)), 1);
  });

  it('refuses structs that nest without end', () => {
    const chain = Array.from({ length: 200 }, (_, i) => struct(`s${i}`, `s${i + 1}`));
    assert.throws(() => membersOfA(struct('a', 's0'), ...chain, struct('s200')), {
      message: /struct s63 is nested more than 64 deep$/,
    });
  });
});
