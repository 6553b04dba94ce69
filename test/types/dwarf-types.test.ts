import assert from 'node:assert/strict';
import * as c from '../../src/format/dwarf/constants.ts';
import { Dwarf } from '../../src/format/dwarf/dwarf.ts';
import { describeCType } from '../../src/types/declaration.ts';
import { DwarfTypes } from '../../src/types/dwarf-types.ts';
import { findMember, type StructType } from '../../src/types/ctype.ts';
import { DwarfStyler, otherUnit, taskUnit, type DwarfStyle } from '../support/dwarf-kernel.ts';
import { layoutOf } from '../support/dwarf-layout.ts';
import { dwarfSources, DwarfWriter } from '../support/dwarf-writer.ts';

function typesIn(style: DwarfStyle): DwarfTypes {
  const s = new DwarfStyler(style);
  const writer = new DwarfWriter().unit(s.unit(taskUnit(s))).unit(s.unit(otherUnit(s)));
  return new DwarfTypes(new Dwarf(dwarfSources(writer.finish())), 'test');
}

const TASK = {
  __state: '0 volatile int',
  usage: '32 atomic_t',
  tasks: '64 struct list_head',
  mm: '192 struct mm_struct *',
  comm: '256 char [16]',
  name: '384 const char *',
  policy: '448 enum policy',
  in_iowait: '481:3 unsigned int',
  '': '512 union',
  words: '576 int [2][3]',
  probe: '768 int (*)(const char *, ...)',
  stack: '832 void *',
  none: '1024 int [0]',
  tail: '1024 int [0]',
};

const STYLES: Record<string, DwarfStyle> = {
  'version 2, as gcc 4': { version: 2 },
  'version 3': { version: 3 },
  'version 4': { version: 4 },
  'version 4, without siblings as clang': { version: 4, siblings: false },
  'version 5': { version: 5 },
  'version 5 with offsets of 8 bytes': { version: 5, offsetSize: 8 },
  'version 4 with offsets of 8 bytes': { version: 4, offsetSize: 8 },
  'version 5 with strings inside': { version: 5, string: c.DW_FORM_string },
  'version 5 with strings by index': { version: 5, string: c.DW_FORM_strx },
  'version 5 with strings by 1-byte index': { version: 5, string: c.DW_FORM_strx1 },
  'version 5 with strings by 2-byte index': { version: 5, string: c.DW_FORM_strx2 },
  'version 5 with strings by 3-byte index': { version: 5, string: c.DW_FORM_strx3 },
  'version 5 with strings by 4-byte index': { version: 5, string: c.DW_FORM_strx4 },
  'version 5 with strings of the line table': { version: 5, string: c.DW_FORM_line_strp },
  'version 3 with references into the section': { version: 3, reference: c.DW_FORM_ref_addr },
  'version 2 with references into the section': { version: 2, reference: c.DW_FORM_ref_addr },
  'version 5 with references of 2 bytes': { version: 5, reference: c.DW_FORM_ref2 },
  'version 5 with references of 8 bytes': { version: 5, reference: c.DW_FORM_ref8 },
  'version 5 with references in LEB128': { version: 5, reference: c.DW_FORM_ref_udata },
};

describe('DwarfTypes', () => {
  for (const [what, style] of Object.entries(STYLES)) {
    it(`reads the same struct from ${what}`, () => {
      assert.deepEqual(layoutOf(typesIn(style), 'task_struct'), TASK);
    });
  }

  const types = typesIn({ version: 5 });
  const task = types.find('struct', 'task_struct') as StructType;

  it('completes a declaration from the unit that defines it', () => {
    const place = findMember(task, 'mm');
    assert.ok(place?.type.kind === 'pointer' && place.type.target.kind === 'struct');
    assert.equal(place.type.target.size, 8);
    assert.equal(place.type.target, types.find('struct', 'mm_struct'));
  });

  it('takes what two units define alike for one type, without a name as well', () => {
    const users = findMember(types.find('struct', 'mm_struct') as StructType, 'mm_users');
    assert.equal(users?.type, findMember(task, 'usage')?.type);
    assert.ok(users?.type.kind === 'struct');
    assert.equal(users.type.typedefName, 'atomic_t');
  });

  it('finds members of anonymous structs and unions', () => {
    assert.equal(findMember(task, 'low')?.bitOffset, 512);
    assert.equal(findMember(task, 'words[1][2]')?.bitOffset, 576 + 5 * 32);
  });

  it('finds enumerators of enums with and without a name', () => {
    assert.equal(types.findEnumerator('SCHED_NONE'), -1n);
    assert.equal(types.findEnumerator('___GFP_HIGHMEM_BIT'), 1n);
    assert.equal(types.findEnumerator('SCHED_RR'), undefined);
  });

  it('knows the types of variables, of those that are only declared as well', () => {
    assert.equal(types.variableType('init_task'), task);
    for (const [name, type] of [
      ['nr', 'int'],
      ['nr_extern', 'char'],
    ] as const) {
      assert.equal(describeCType(types.variableType(name)!), type);
    }
    assert.equal(types.variableType('jiffies'), undefined);
  });

  it('has base types by name, and of them the sign', () => {
    const sign = (name: string): unknown => {
      const type = types.find('int', name);
      return type?.kind === 'int' ? type.signed : type?.kind;
    };
    assert.deepEqual(['int', 'unsigned int', 'char', '_Bool', 'double'].map(sign), [
      ...[true, false, true, false, 'float'],
    ]);
  });

  it('declares what a typedef stands for', () => {
    assert.deepEqual(types.typedefDeclaration('atomic_t'), {
      base: 'struct',
      declarator: 'atomic_t',
    });
  });

  it('names all that has a name', () => {
    const names = new Set(types.names());
    for (const name of ['task_struct', 'atomic_t', 'policy', 'mm_struct']) {
      assert.ok(names.has(name), name);
    }
  });
});
