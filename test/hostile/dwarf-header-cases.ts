// Damage in headers of units, in abbreviations, and in how entries are put together.

import * as c from '../../src/format/dwarf/constants.ts';
import { leb } from '../support/dwarf-bytes.ts';
import { abbrev, entry, info, sound, type Case } from '../support/damaged-dwarf.ts';

const MANY: number[] = [1, c.DW_TAG_compile_unit, 0];
for (let i = 0; i < 600; i++) MANY.push(c.DW_AT_name, c.DW_FORM_data1);

const BIG_CODE: number[] = [];
leb(BIG_CODE, 1 << 24);

export const HEADERS: Case[] = [
  [
    'a unit longer than the section',
    info(0, 0xff, 0xff, 0xff, 0x7f),
    /^\.debug_info\+0x0: expected a unit of 2147483647 bytes, have \d+$/,
  ],
  [
    'a reserved unit length',
    info(0, 0xf5, 0xff, 0xff, 0xff),
    /^\.debug_info\+0x0: expected a unit length, have the reserved 0xfffffff5$/,
  ],
  [
    'a unit of 2^60 bytes',
    info(0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0x10),
    /^\.debug_info\+0xc: expected a number below 2\^53, have 0x1000000000000000$/,
  ],
  ['version 1', info(4, 1), /^\.debug_info\+0x4: expected version 2 to 5, have 1$/],
  ['version 6', info(4, 6), /^\.debug_info\+0x4: expected version 2 to 5, have 6$/],
  [
    'an unknown type of unit',
    info(6, 0x77),
    /^\.debug_info\+0x6: expected a unit type of 1 to 6, have 119$/,
  ],
  [
    'addresses of 3 bytes',
    info(7, 3),
    /^\.debug_info\+0x\w+: expected addresses of 4 or 8 bytes, have 3$/,
  ],
  [
    'a unit shorter than its header',
    info(0, 4, 0, 0, 0),
    /^\.debug_info\+0x0: expected a header in 8 bytes$/,
  ],
  [
    'a header that is cut',
    { ...sound(), '.debug_info': Uint8Array.of(9, 0, 0) },
    /^\.debug_info\+0x0: expected 4 bytes, have 3$/,
  ],
  [
    'a table of abbreviations behind its section',
    info(8, 0xff, 0xff, 0xff),
    /^\.debug_abbrev\+0xffffff: expected 1 bytes in the section, have 0 of \d+$/,
  ],
];

export const ABBREVIATIONS: Case[] = [
  ['no table', abbrev(), /^\.debug_abbrev\+0x0: expected 1 bytes in the section, have 0 of 0$/],
  ['a table without end', abbrev(1, 0x11, 0, 0, 0), /^\.debug_abbrev\+0x5: expected 1 bytes/],
  ['an abbreviation that is cut', abbrev(1, 0x11, 0, 3), /^\.debug_abbrev\+0x4: expected 1 bytes/],
  [
    'a code that is there twice',
    abbrev(1, 0x11, 0, 0, 0, 1, 0x24, 0, 0, 0, 0),
    /^\.debug_abbrev\+0x5: code 1 is there twice$/,
  ],
  [
    'a code of millions',
    abbrev(...BIG_CODE, 0x11, 0, 0, 0, 0),
    /^\.debug_abbrev\+0x0: expected a code up to 1048576, have 16777216$/,
  ],
  [
    'a number without end',
    abbrev(...Array<number>(20).fill(0x80)),
    /^\.debug_abbrev\+0x0: expected an LEB128 number of at most 16 bytes$/,
  ],
  [
    'more attributes than there are',
    abbrev(...MANY, 0, 0, 0),
    /^\.debug_abbrev\+0x\w+: more than 512 attributes$/,
  ],
  [
    'a constant that is cut',
    abbrev(1, 0x11, 0, 3, 0x21),
    /^\.debug_abbrev\+0x5: expected 1 bytes, have 0$/,
  ],
];

export const ENTRIES: Case[] = [
  ['no abbreviation of a unit', abbrev(0), /^\.debug_info\+0xc: expected an entry, have code 1$/],
  ['an unknown form', entry([c.DW_AT_name, 0x2f], 1), /^\.debug_info\+0xd: form 0x2f is unknown$/],
  [
    'an unknown form of GNU',
    entry([c.DW_AT_name, 0xff, 0x3f], 1),
    /^\.debug_info\+0xd: form 0x1fff is unknown$/,
  ],
  [
    'a code that has no abbreviation',
    entry([c.DW_AT_name, c.DW_FORM_data1], 7, 5, 0),
    /^\.debug_info\+0xe: expected an entry, have code 5$/,
  ],
  [
    'an entry that is cut',
    entry([c.DW_AT_name, c.DW_FORM_data8], 7, 5, 0),
    /^\.debug_info\+0xd: expected 8 bytes, have 3$/,
  ],
  [
    'a block longer than its unit',
    entry([c.DW_AT_location, c.DW_FORM_exprloc], 0x70, 1),
    /^\.debug_info\+0xe: expected 112 bytes, have 1$/,
  ],
  [
    'a text without end',
    entry([c.DW_AT_name, c.DW_FORM_string], 0x41, 0x42),
    /^\.debug_info\+0xd: expected a string that ends in its unit$/,
  ],
  [
    'a form that says that it says its form',
    entry([c.DW_AT_name, c.DW_FORM_indirect], c.DW_FORM_indirect, 1),
    /^\.debug_info\+0xe: form 0x16 inside DW_FORM_indirect$/,
  ],
  [
    'a sibling before its entry',
    entry([c.DW_AT_sibling, c.DW_FORM_ref4], 12, 0, 0, 0, 1, 12, 0, 0, 0, 0, 0),
    /^\.debug_info\+0x\w+: expected a sibling behind it in its unit, have 0xc$/,
  ],
  [
    'a sibling behind its unit',
    entry([c.DW_AT_sibling, c.DW_FORM_ref4], 12, 0, 0, 0, 1, 99, 1, 0, 0, 0, 0),
    /^\.debug_info\+0x\w+: expected a sibling behind it in its unit, have 0x163$/,
  ],
  [
    'children without end',
    entry([c.DW_AT_name, c.DW_FORM_data1], 7, 1, 7, 1, 7),
    /^\.debug_info\+0x12: expected the end of its children$/,
  ],
];
