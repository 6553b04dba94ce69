// A small kernel in DWARF: the types of test/support/btf-kernel.ts and what only DWARF has.

import * as c from '../../src/format/dwarf/constants.ts';
import { leb } from './dwarf-bytes.ts';
import type { AttrSpec, DieSpec, UnitSpec } from './dwarf-writer.ts';

/** How a unit writes what several forms can say. */
export interface DwarfStyle {
  readonly version: number;
  readonly offsetSize?: 4 | 8;
  readonly string?: number;
  readonly reference?: number;
  /** As gcc does and clang does not. */
  readonly siblings?: boolean;
}

/** Makes entries in one style. */
export class DwarfStyler {
  readonly style: DwarfStyle;

  constructor(style: DwarfStyle) {
    this.style = style;
  }

  name(text: string): AttrSpec {
    return [c.DW_AT_name, this.style.string ?? c.DW_FORM_strp, text];
  }

  type(label: string): AttrSpec {
    return [c.DW_AT_type, this.style.reference ?? c.DW_FORM_ref4, { label }];
  }

  base(name: string, size: number, encoding: number): DieSpec {
    const attrs: AttrSpec[] = [this.name(name), byteSize(size)];
    return {
      tag: c.DW_TAG_base_type,
      label: name,
      attrs: [...attrs, [c.DW_AT_encoding, c.DW_FORM_data1, encoding]],
    };
  }

  /** A type made from another: a pointer, a qualifier, a typedef where there is a name. */
  derived(tag: number, label: string, target?: string, name?: string): DieSpec {
    const attrs: AttrSpec[] = [];
    if (name !== undefined) attrs.push(this.name(name));
    if (tag === c.DW_TAG_pointer_type) attrs.push(byteSize(8));
    if (target !== undefined) attrs.push(this.type(target));
    return { tag, label, attrs };
  }

  typedef(name: string, target: string): DieSpec {
    return this.derived(c.DW_TAG_typedef, name, target, name);
  }

  pointer(label: string, target?: string): DieSpec {
    return this.derived(c.DW_TAG_pointer_type, label, target);
  }

  struct(label: string, size: number, more: StructParts): DieSpec {
    const { name, tag = c.DW_TAG_structure_type, members, line = 7 } = more;
    const attrs: AttrSpec[] = name === undefined ? [] : [this.name(name)];
    return {
      tag,
      label,
      attrs: [...attrs, byteSize(size), [c.DW_AT_decl_line, c.DW_FORM_data1, line]],
      children: members,
      sibling: this.style.siblings ?? true,
    };
  }

  /** @param more further attributes: those of a bit field */
  member(name: string, type: string, offset?: number, more: readonly AttrSpec[] = []): DieSpec {
    const attrs: AttrSpec[] = name === '' ? [] : [this.name(name)];
    if (offset !== undefined) attrs.push(this.#location(offset));
    return { tag: c.DW_TAG_member, attrs: [...attrs, this.type(type), ...more] };
  }

  /** The dimensions as attributes of each subrange. */
  array(label: string, element: string, dimensions: readonly (readonly AttrSpec[])[]): DieSpec {
    return {
      tag: c.DW_TAG_array_type,
      label,
      attrs: [this.type(element)],
      sibling: this.style.siblings ?? true,
      children: dimensions.map((attrs) => ({ tag: c.DW_TAG_subrange_type, attrs })),
    };
  }

  enumeration(label: string, name: string | undefined, values: Record<string, bigint>): DieSpec {
    return {
      tag: c.DW_TAG_enumeration_type,
      label,
      attrs: [...(name === undefined ? [] : [this.name(name)]), byteSize(4)],
      sibling: this.style.siblings ?? true,
      children: Object.entries(values).map(([key, value]) => ({
        tag: c.DW_TAG_enumerator,
        attrs: [this.name(key), [c.DW_AT_const_value, c.DW_FORM_sdata, value]],
      })),
    };
  }

  unit(children: readonly DieSpec[], more: Partial<UnitSpec> = {}): UnitSpec {
    const { version, offsetSize = 4 } = this.style;
    const top = {
      tag: c.DW_TAG_compile_unit,
      attrs: [[c.DW_AT_language, c.DW_FORM_data1, 0x1d] as const, ...this.#strBase()],
      children,
    };
    return { version, offsetSize, top, ...more };
  }

  /** 7.7.1: before version 3 the place of a member is an expression. */
  #location(offset: number): AttrSpec {
    if (this.style.version > 2) return [c.DW_AT_data_member_location, c.DW_FORM_data2, offset];
    const expression = [c.DW_OP_plus_uconst];
    leb(expression, offset);
    return [c.DW_AT_data_member_location, c.DW_FORM_block1, Uint8Array.from(expression)];
  }

  #strBase(): AttrSpec[] {
    const isIndexed = STRX.has(this.style.string ?? 0);
    return isIndexed ? [[c.DW_AT_str_offsets_base, c.DW_FORM_sec_offset, 8]] : [];
  }
}

const STRX = new Set([
  ...[c.DW_FORM_strx, c.DW_FORM_strx1, c.DW_FORM_strx2, c.DW_FORM_strx3, c.DW_FORM_strx4],
]);

interface StructParts {
  readonly name?: string;
  readonly tag?: number;
  readonly members: readonly DieSpec[];
  readonly line?: number;
}

function byteSize(size: number): AttrSpec {
  return [c.DW_AT_byte_size, c.DW_FORM_data2, size];
}

/** A unit with a task_struct that has a member of every kind. */
export function taskUnit(s: DwarfStyler): DieSpec[] {
  return [
    ...baseTypes(s),
    s.pointer('list_head *', 'list_head'),
    s.struct('list_head', 16, {
      name: 'list_head',
      members: [s.member('next', 'list_head *', 0), s.member('prev', 'list_head *', 8)],
    }),
    s.struct('counter', 4, { members: [s.member('counter', 'int', 0)] }),
    s.typedef('atomic_t', 'counter'),
    s.enumeration('policy', 'policy', { SCHED_NORMAL: 0n, SCHED_IDLE: 5n, SCHED_NONE: -1n }),
    s.enumeration('bits', undefined, { ___GFP_DMA_BIT: 0n, ___GFP_HIGHMEM_BIT: 1n }),
    { tag: c.DW_TAG_structure_type, label: 'mm', attrs: [s.name('mm_struct'), DECLARATION] },
    s.pointer('mm *', 'mm'),
    ...derivedTypes(s),
    ...taskParts(s),
    s.struct('task_struct', 128, { name: 'task_struct', members: taskMembers(s) }),
    ...variables(s),
  ];
}

/** A unit that has what the other only declares, and some of it once more. */
export function otherUnit(s: DwarfStyler): DieSpec[] {
  const own = new DwarfStyler(s.style);
  const rename = (spec: DieSpec): DieSpec => ({ ...spec, label: `other ${spec.label ?? ''}` });
  return [
    rename(own.base('int', 4, c.DW_ATE_signed)),
    own.struct('other counter', 4, { members: [own.member('counter', 'other int', 0)] }),
    { ...own.typedef('atomic_t', 'other counter'), label: 'other atomic_t' },
    own.struct('mm_struct', 8, {
      name: 'mm_struct',
      members: [own.member('mm_users', 'other atomic_t', 0), own.member('flags', 'other int', 4)],
    }),
  ];
}

const DECLARATION: AttrSpec = [c.DW_AT_declaration, c.DW_FORM_flag_present];

function baseTypes(s: DwarfStyler): DieSpec[] {
  return [
    s.base('int', 4, c.DW_ATE_signed),
    s.base('unsigned int', 4, 7),
    s.base('char', 1, c.DW_ATE_signed_char),
    s.base('_Bool', 1, c.DW_ATE_boolean),
    s.base('long unsigned int', 8, 7),
    s.base('double', 8, c.DW_ATE_float),
  ];
}

function derivedTypes(s: DwarfStyler): DieSpec[] {
  return [
    s.derived(c.DW_TAG_const_type, 'const char', 'char'),
    s.pointer('const char *', 'const char'),
    s.derived(c.DW_TAG_volatile_type, 'volatile int', 'int'),
    s.pointer('void *'),
    s.array('char [16]', 'char', [[[c.DW_AT_upper_bound, c.DW_FORM_data1, 15]]]),
    s.array('int [2][3]', 'int', [
      [[c.DW_AT_upper_bound, c.DW_FORM_data1, 1]],
      [[c.DW_AT_count, c.DW_FORM_udata, 3]],
    ]),
    s.array('int []', 'int', [[]]),
    s.array('int [0]', 'int', [[[c.DW_AT_upper_bound, c.DW_FORM_data8, 2n ** 64n - 1n]]]),
    {
      tag: c.DW_TAG_subroutine_type,
      label: 'probe',
      attrs: [s.type('int')],
      children: [
        { tag: c.DW_TAG_formal_parameter, attrs: [s.type('const char *')] },
        { tag: c.DW_TAG_unspecified_parameters },
      ],
    },
    s.pointer('probe *', 'probe'),
  ];
}

function taskParts(s: DwarfStyler): DieSpec[] {
  return [
    s.struct('inner', 4, { members: [s.member('low', 'int', 0)] }),
    s.struct('outer', 8, {
      tag: c.DW_TAG_union_type,
      members: [s.member('word', 'long unsigned int'), s.member('', 'inner')],
    }),
  ];
}

function taskMembers(s: DwarfStyler): DieSpec[] {
  const bit = (start: number, size: number): AttrSpec[] => bitField(s.style.version, start, size);
  const isOld = s.style.version < 4;
  return [
    s.member('__state', 'volatile int', 0),
    s.member('usage', 'atomic_t', 4),
    s.member('tasks', 'list_head', 8),
    s.member('mm', 'mm *', 24),
    s.member('comm', 'char [16]', 32),
    s.member('name', 'const char *', 48),
    s.member('policy', 'policy', 56),
    s.member('in_iowait', 'unsigned int', isOld ? 60 : undefined, bit(60 * 8 + 1, 3)),
    s.member('', 'outer', 64),
    s.member('words', 'int [2][3]', 72),
    s.member('probe', 'probe *', 96),
    s.member('stack', 'void *', 104),
    s.member('none', 'int [0]', 128),
    s.member('tail', 'int []', 128),
  ];
}

/** Before version 4 from the top of the storage unit of four bytes. */
function bitField(version: number, start: number, size: number): AttrSpec[] {
  const bitSize: AttrSpec = [c.DW_AT_bit_size, c.DW_FORM_data1, size];
  if (version >= 4) return [bitSize, [c.DW_AT_data_bit_offset, c.DW_FORM_data2, start]];
  const fromTop = 32 - (start % 32) - size;
  return [byteSize(4), bitSize, [c.DW_AT_bit_offset, c.DW_FORM_data1, fromTop]];
}

function variables(s: DwarfStyler): DieSpec[] {
  const external: AttrSpec = [c.DW_AT_external, c.DW_FORM_flag, 1];
  const declaration: AttrSpec = [c.DW_AT_declaration, c.DW_FORM_flag, 1];
  const place: AttrSpec = [c.DW_AT_location, c.DW_FORM_block1, Uint8Array.of(3, 0, 0)];
  return [
    {
      tag: c.DW_TAG_variable,
      label: 'init_task',
      attrs: [s.name('init_task'), s.type('task_struct'), external, declaration],
    },
    {
      tag: c.DW_TAG_variable,
      attrs: [[c.DW_AT_specification, c.DW_FORM_ref4, { label: 'init_task' }], place],
    },
    { tag: c.DW_TAG_variable, attrs: [s.name('nr'), s.type('int'), place] },
    { tag: c.DW_TAG_variable, attrs: [s.name('nr_extern'), s.type('char'), external, declaration] },
  ];
}
