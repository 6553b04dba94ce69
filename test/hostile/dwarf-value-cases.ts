// Damage in what entries refer to and in what they say.

import * as c from '../../src/format/dwarf/constants.ts';
import { built, elements, entries, s, sound } from '../support/damaged-dwarf.ts';
import { typedefOf, withMember, type Case } from '../support/damaged-dwarf.ts';
import { DwarfStyler, taskUnit } from '../support/dwarf-kernel.ts';
import type { AttrSpec } from '../support/dwarf-writer.ts';

export const REFERENCES: Case[] = [
  [
    'a type behind the section',
    withMember([c.DW_AT_type, c.DW_FORM_ref4, 0xffffff]),
    /^\.debug_info\+0xffffff: an entry refers to it, and it is in no unit$/,
  ],
  [
    'a type inside the header of a unit',
    withMember([c.DW_AT_type, c.DW_FORM_ref4, 4]),
    /^\.debug_info\+0x4: an entry refers to it, and it is in no unit$/,
  ],
  [
    'a type that is a unit',
    withMember([c.DW_AT_type, c.DW_FORM_ref4, 12]),
    /^\.debug_info\+0xc: expected a type, have tag 0x11$/,
  ],
  [
    'a type that is a number',
    withMember([c.DW_AT_type, c.DW_FORM_data4, 7]),
    /^\.debug_info\+0x\w+: expected a reference, have form 0x6$/,
  ],
  [
    'a type of a type unit that is not there',
    withMember([c.DW_AT_type, c.DW_FORM_ref_sig8, 0x1234n]),
    /^\.debug_info\+0x\w+: refers to type unit 0x1234, which is not there$/,
  ],
  [
    'a type in a file that is not there',
    withMember([c.DW_AT_type, c.DW_FORM_GNU_ref_alt, 0x1234]),
    /^\.debug_info\+0x\w+: refers to an alternate file, which is not there$/,
  ],
  [
    'typedefs in a circle',
    entries(s.typedef('one', 'two'), s.typedef('two', 'one')),
    /^\.debug_info\+0x\w+: expected at most 32 typedefs and qualifiers, have more$/,
  ],
  [
    'an array of itself',
    typedefOf(s.array('array', 'array', [[[c.DW_AT_count, c.DW_FORM_data1, 2]]])),
    /^\.debug_info\+0x\w+: array, expected at most 32 dimensions, have more$/,
  ],
];

export const STRINGS: Case[] = [
  [
    'a name behind .debug_str',
    entries({ tag: c.DW_TAG_typedef, attrs: [[c.DW_AT_name, c.DW_FORM_strp, 0xffff]] }),
    /^\.debug_str\+0xffff: expected 1 bytes in the section, have 0 of \d+$/,
  ],
  [
    'a table of strings without end',
    { ...sound(), '.debug_str': Buffer.from('\0unsigned int') },
    /^\.debug_str\+0x\w+: expected a string that ends within \d+ bytes$/,
  ],
  [
    'names by index without the table of them',
    {
      ...built(
        new DwarfStyler({ version: 5, string: c.DW_FORM_strx }).unit(
          taskUnit(new DwarfStyler({ version: 5, string: c.DW_FORM_strx })),
        ),
      ),
      '.debug_str_offsets': undefined as unknown as Uint8Array,
    },
    /^\.debug_info\+0x\w+: a string by index, and there is no \.debug_str_offsets$/,
  ],
  [
    'a name by an index that is too large',
    entries({ tag: c.DW_TAG_typedef, attrs: [[c.DW_AT_name, c.DW_FORM_strx2, 0x4444]] }),
    /^\.debug_str_offsets\+0x11118: expected 4 bytes in the section, have 0 of 8$/,
  ],
  [
    'a name in a section that is not there',
    entries({ tag: c.DW_TAG_typedef, attrs: [[c.DW_AT_name, c.DW_FORM_strp_sup, 1]] }),
    /^alternate \.debug_str: an entry refers to it, and it is not there$/,
  ],
  [
    'a name that is a number',
    entries({ tag: c.DW_TAG_typedef, attrs: [[c.DW_AT_name, c.DW_FORM_data4, 1]] }),
    /^\.debug_info\+0x\w+: expected a string, have form 0x6$/,
  ],
];

export const VALUES: Case[] = [
  [
    'an int without size',
    entries({ tag: c.DW_TAG_base_type, attrs: [s.name('word')] }),
    /^\.debug_info\+0x\w+: base type word, expected 1 to 16 bytes, have 0$/,
  ],
  [
    'an int of 17 bytes',
    entries(s.base('long', 17, c.DW_ATE_signed)),
    /^\.debug_info\+0x\w+: base type long, expected 1 to 16 bytes, have 17$/,
  ],
  [
    'a struct of 2^40 bytes',
    entries({
      tag: c.DW_TAG_structure_type,
      attrs: [s.name('it'), [c.DW_AT_byte_size, c.DW_FORM_data8, 2n ** 40n]],
    }),
    /^\.debug_info\+0x\w+: expected at most 4294967295 bytes, have 1099511627776$/,
  ],
  [
    'a struct of -1 bytes',
    entries({
      tag: c.DW_TAG_structure_type,
      attrs: [s.name('it'), [c.DW_AT_byte_size, c.DW_FORM_sdata, -1]],
    }),
    /^\.debug_info\+0x\w+: attribute 0xb: expected a size, have -1$/,
  ],
  [
    'a member at 2^40',
    withMember(s.type('int'), [c.DW_AT_data_member_location, c.DW_FORM_data8, 2n ** 40n]),
    /^\.debug_info\+0x\w+: expected a member at 0 to 4294967295, have 1099511627776$/,
  ],
  [
    'a member at -8',
    withMember(s.type('int'), [c.DW_AT_data_member_location, c.DW_FORM_sdata, -8]),
    /^\.debug_info\+0x\w+: expected a member at 0 to 4294967295, have -8$/,
  ],
  [
    'a member at what an expression computes',
    withMember(s.type('int'), [
      ...[c.DW_AT_data_member_location, c.DW_FORM_exprloc, Uint8Array.of(0x12)],
    ] as unknown as AttrSpec),
    /^\.debug_info\+0x\w+: expected DW_OP_plus_uconst, have operation 0x12$/,
  ],
  [
    'a bit field before its struct',
    withMember(
      s.type('int'),
      [c.DW_AT_bit_size, c.DW_FORM_data1, 8],
      [c.DW_AT_bit_offset, c.DW_FORM_data1, 40],
    ),
    /^\.debug_info\+0x\w+: bit field, expected it inside its struct, have bit -16$/,
  ],
  [
    'an enumerator without value',
    entries({
      tag: c.DW_TAG_enumeration_type,
      attrs: [s.name('it')],
      children: [{ tag: c.DW_TAG_enumerator, attrs: [s.name('SCHED_NORMAL')] }],
    }),
    /^\.debug_info\+0x\w+: expected an enumerator with a value$/,
  ],
  [
    'an array of 2^40 elements',
    elements([[c.DW_AT_count, c.DW_FORM_data8, 2n ** 40n]]),
    /^\.debug_info\+0x\w+: expected 0 to 4294967295 elements, have 1099511627776$/,
  ],
  [
    'an array of less than none',
    elements([[c.DW_AT_upper_bound, c.DW_FORM_sdata, -9]]),
    /^\.debug_info\+0x\w+: expected 0 to 4294967295 elements, have -8$/,
  ],
  [
    'an array of 2^32 bytes in two dimensions',
    elements(
      [[c.DW_AT_count, c.DW_FORM_data4, 0x8000]],
      [[c.DW_AT_count, c.DW_FORM_data4, 0x8000]],
    ),
    /^\.debug_info\+0x\w+: array, expected at most \d+ bytes, have 1073741824 elements of 4$/,
  ],
];
