import assert from 'node:assert/strict';
import * as c from '../../src/format/dwarf/constants.ts';
import { Dwarf } from '../../src/format/dwarf/dwarf.ts';
import { findMember, type StructType } from '../../src/types/ctype.ts';
import { DwarfTypes } from '../../src/types/dwarf-types.ts';
import { DwarfStyler } from '../support/dwarf-kernel.ts';
import { layoutOf } from '../support/dwarf-layout.ts';
import { dwarfSources, DwarfWriter, type DieSpec } from '../support/dwarf-writer.ts';

/** A struct in a type unit, and a unit that has a stub of it and a pointer straight to it. */
function typeUnits(version: 4 | 5): DwarfTypes {
  const s = new DwarfStyler({ version });
  const signature = 0x1122334455667788n;
  const int = (label: string): DieSpec => ({ ...s.base('int', 4, c.DW_ATE_signed), label });
  const body: DieSpec = {
    ...s.struct('body', 8, {
      name: 'zone',
      members: [s.member('start', 'unit int', 0), s.member('end', 'unit int', 4)],
    }),
  };
  const stub: DieSpec = {
    tag: c.DW_TAG_structure_type,
    label: 'stub',
    attrs: [
      [c.DW_AT_declaration, c.DW_FORM_flag_present],
      [c.DW_AT_signature, c.DW_FORM_ref_sig8, signature],
    ],
  };
  const direct: DieSpec = {
    tag: c.DW_TAG_pointer_type,
    label: 'zone *',
    attrs: [[c.DW_AT_type, c.DW_FORM_ref_sig8, signature]],
  };
  const writer = new DwarfWriter()
    .unit(
      s.unit(
        [
          int('int'),
          stub,
          direct,
          s.struct('node', 16, {
            name: 'node',
            members: [s.member('zone', 'stub', 0), s.member('next', 'zone *', 8)],
          }),
        ],
        { version },
      ),
    )
    .unit({
      version,
      type: c.DW_UT_type,
      signature,
      typeLabel: 'body',
      top: { tag: c.DW_TAG_type_unit, children: [int('unit int'), body] },
    });
  return new DwarfTypes(new Dwarf(dwarfSources(writer.finish())), 'test');
}

/** A unit whose types and names lie in a file that dwz made. */
function withAlternate(refForm: number, stringForm: number): DwarfTypes {
  const shared = new DwarfStyler({ version: 5 });
  const alt = new DwarfWriter().unit({
    type: c.DW_UT_partial,
    top: {
      tag: c.DW_TAG_partial_unit,
      children: [
        shared.base('int', 4, c.DW_ATE_signed),
        shared.struct('list', 8, {
          name: 'list_head',
          members: [shared.member('next', 'int', 0), shared.member('prev', 'int', 4)],
        }),
      ],
    },
  });
  const altBytes = alt.finish();
  const nameAt = Buffer.from(altBytes['.debug_str']).indexOf('next\0');
  const member: DieSpec = {
    tag: c.DW_TAG_member,
    attrs: [
      [c.DW_AT_name, stringForm, nameAt],
      [c.DW_AT_type, refForm, alt.offsetOf('list')],
      [c.DW_AT_data_member_location, c.DW_FORM_data1, 8],
    ],
  };
  const s = new DwarfStyler({ version: 5 });
  const own = s.unit([s.struct('task', 16, { name: 'task', members: [member] })]);
  const main = new DwarfWriter().unit(own).finish();
  return new DwarfTypes(new Dwarf(dwarfSources(main), dwarfSources(altBytes)), 'test');
}

describe('DwarfTypes of several parts', () => {
  for (const version of [4, 5] as const) {
    it(`finds what stands in type units of version ${version}`, () => {
      const types = typeUnits(version);
      const zone = types.find('struct', 'zone') as StructType;
      assert.deepEqual(layoutOf(types, 'zone'), { start: '0 int', end: '32 int' });
      const node = types.find('struct', 'node') as StructType;
      assert.equal(findMember(node, 'zone')?.type, zone);
      assert.equal(findMember(node, 'zone.end')?.bitOffset, 32);
      const next = findMember(node, 'next')?.type;
      assert.equal(next?.kind === 'pointer' && next.target, zone);
      assert.deepEqual(layoutOf(types, 'node'), {
        zone: '0 struct zone',
        next: '64 struct zone *',
      });
    });
  }

  for (const [what, refForm, stringForm] of [
    ['DWARF 5', c.DW_FORM_ref_sup4, c.DW_FORM_strp_sup],
    ['GNU', c.DW_FORM_GNU_ref_alt, c.DW_FORM_GNU_strp_alt],
  ] as const) {
    it(`follows references of ${what} into the alternate file`, () => {
      const types = withAlternate(refForm, stringForm);
      assert.deepEqual(layoutOf(types, 'task'), { next: '64 struct list_head' });
      const task = types.find('struct', 'task') as StructType;
      assert.equal(findMember(task, 'next.prev')?.bitOffset, 96);
      assert.equal(findMember(task, 'next')?.type, types.find('struct', 'list_head'));
    });
  }

  it('takes the largest of several structs of one name', () => {
    const s = new DwarfStyler({ version: 5 });
    const unit = (size: number, label: string): DieSpec[] => [
      { ...s.base('int', 4, c.DW_ATE_signed), label: `int ${label}` },
      s.struct(label, size, {
        name: 'worker',
        members: [s.member('id', `int ${label}`, 0)],
        line: size,
      }),
    ];
    const writer = new DwarfWriter();
    for (const [size, label] of [
      [8, 'a'],
      [96, 'b'],
      [16, 'c'],
    ] as const) {
      writer.unit(s.unit(unit(size, label)));
    }
    const types = new DwarfTypes(new Dwarf(dwarfSources(writer.finish())), 'test');
    const worker = types.find('struct', 'worker');
    assert.equal(worker?.kind === 'struct' && worker.size, 96);
  });

  it('says that it does not read split DWARF', () => {
    const s = new DwarfStyler({ version: 5 });
    const top: DieSpec = {
      tag: c.DW_TAG_skeleton_unit,
      attrs: [[c.DW_AT_dwo_name, c.DW_FORM_strp, 'init/main.dwo']],
    };
    const bytes = new DwarfWriter().unit(s.unit([], { top })).finish();
    const types = new DwarfTypes(new Dwarf(dwarfSources(bytes)), 'test');
    assert.throws(() => types.find('struct', 'task_struct'), {
      code: 'unsupported',
      message: '.debug_info: its types are in 1 .dwo files (split DWARF), which are not read',
    });
  });

  it('tells a thousand definitions of one name apart, and no more', () => {
    const s = new DwarfStyler({ version: 5 });
    const structs = Array.from({ length: 1500 }, (_, i) => {
      return s.struct(`s${i}`, i + 1, { name: 'same', members: [] });
    });
    const bytes = new DwarfWriter().unit(s.unit(structs)).finish();
    const types = new DwarfTypes(new Dwarf(dwarfSources(bytes)), 'test');
    assert.equal(types.index.count, 1000);
  });

  it('leaves the types of Rust alone', () => {
    const s = new DwarfStyler({ version: 5 });
    const top: DieSpec = {
      tag: c.DW_TAG_compile_unit,
      attrs: [[c.DW_AT_language, c.DW_FORM_data1, c.DW_LANG_Rust]],
      children: [s.base('u8', 1, 7)],
    };
    const bytes = new DwarfWriter().unit({ top }).finish();
    const types = new DwarfTypes(new Dwarf(dwarfSources(bytes)), 'test');
    assert.equal(types.find('int', 'u8'), undefined);
  });
});
