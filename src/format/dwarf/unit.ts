// Unit headers (7.5.1). Units follow each other and say their length, so that those which are not
// needed are passed over.
//
//   unit_length   u32, or 0xffffffff and u64: then offsets have 8 bytes in this unit (7.4)
//   version       u16: 2 to 5
//   5:            unit_type u8, address_size u8, debug_abbrev_offset
//   2 to 4:       debug_abbrev_offset, address_size u8
//   type units:   type_signature u64, type_offset; before 5 all of .debug_types and none elsewhere
//   5, skeleton and split units: dwo_id u64

import type { Abbrev } from './abbrev.ts';
import { DwarfCursor } from './cursor.ts';
import * as c from './constants.ts';
import type { DwarfSection } from './section.ts';

/** One unit, as its header has it; offsets are in its section. */
export interface UnitHeader {
  readonly section: DwarfSection;
  readonly offset: number;
  /** One past its last byte. */
  readonly end: number;
  readonly version: number;
  /** DW_UT_*, also of units of versions that do not have it. */
  readonly type: number;
  /** 4 or 8: bytes of an offset. */
  readonly offsetSize: 4 | 8;
  readonly addressSize: number;
  readonly abbrevOffset: number;
  /** The first entry. */
  readonly start: number;
  /** Of a type unit. */
  readonly signature: bigint | undefined;
  /** The entry that a signature means, in the section; 0 unless it is a type unit. */
  readonly typeOffset: number;
}

/** A unit with its bytes. */
export interface Unit extends UnitHeader {
  /** From `offset` to `end`; entries are at their offset in the unit. */
  readonly bytes: Uint8Array;
  /** Of the dwz alternate file, whose strings and references mean that file. */
  readonly isAlt: boolean;
  /** Code → abbreviation. */
  readonly abbrevs: readonly (Abbrev | undefined)[];
  /** Of its abbreviation table (see there). */
  readonly tableWeight: number;
  /** Where DW_FORM_strx counts from in `.debug_str_offsets`. */
  readonly strOffsetsBase: number;
}

/** No header is longer. */
const HEADER_SIZE_MAX = 4 + 8 + 2 + 1 + 1 + 8 + 8 + 8;

/** A vmlinux has some thousand units, one of Chromium 100,000. Each header takes 200 bytes. */
const UNITS_MAX = 1 << 18;

/** Units are taken into memory one at a time; the largest of a kernel have a few MB. */
const UNIT_SIZE_MAX = 256 << 20;

/**
 * The headers of all units of `.debug_info` or `.debug_types`.
 *
 * @throws FormatError where a header breaks the format; what comes behind it cannot be found
 */
export function* readUnitHeaders(section: DwarfSection): Generator<UnitHeader> {
  let offset = 0;
  for (let count = 0; offset < section.size; count++) {
    if (count > UNITS_MAX) throw section.error(offset, `expected at most ${UNITS_MAX} units`);
    const header = readUnitHeader(section, offset);
    yield header;
    offset = header.end;
  }
}

function readUnitHeader(section: DwarfSection, offset: number): UnitHeader {
  const length = Math.min(HEADER_SIZE_MAX, section.size - offset);
  const bytes = section.view(offset, length);
  const cursor = new DwarfCursor(bytes, { section: section.name, base: offset });
  const { end, offsetSize } = readLength(cursor, section.size);
  const version = cursor.u16();
  if (version < 2 || version > 5) {
    throw cursor.error(`expected version 2 to 5, have ${version}`, cursor.at - 2);
  }
  const readOffset = (): number => (offsetSize === 8 ? cursor.size64() : cursor.u32());
  let type = section.name === '.debug_types' ? c.DW_UT_type : c.DW_UT_compile;
  let addressSize = 0;
  if (version >= 5) {
    type = cursor.u8();
    if (type < c.DW_UT_compile || type > c.DW_UT_split_type) {
      throw cursor.error(`expected a unit type of 1 to 6, have ${type}`, cursor.at - 1);
    }
    addressSize = cursor.u8();
  }
  const abbrevOffset = readOffset();
  if (version < 5) addressSize = cursor.u8();
  if (addressSize !== 4 && addressSize !== 8) {
    throw cursor.error(`expected addresses of 4 or 8 bytes, have ${addressSize}`);
  }
  const isType = type === c.DW_UT_type || type === c.DW_UT_split_type;
  const isSplit = type === c.DW_UT_skeleton || type === c.DW_UT_split_compile;
  const signature = isType ? cursor.u64() : undefined;
  const typeOffset = isType ? offset + readOffset() : 0;
  if (isSplit && version >= 5) cursor.skip(8);
  const start = offset + cursor.at;
  if (start > end) throw section.error(offset, `expected a header in ${end - offset} bytes`);
  const sizes = { version, type, offsetSize, addressSize };
  return { section, offset, end, ...sizes, abbrevOffset, start, signature, typeOffset };
}

function readLength(cursor: DwarfCursor, size: number): { end: number; offsetSize: 4 | 8 } {
  let length = cursor.u32();
  let offsetSize: 4 | 8 = 4;
  if (length === 0xffffffff) {
    length = cursor.size64();
    offsetSize = 8;
  } else if (length >= 0xfffffff0) {
    throw cursor.error(`expected a unit length, have the reserved 0x${length.toString(16)}`, 0);
  }
  const end = cursor.base + cursor.at + length;
  if (end > size) {
    const have = size - cursor.base - cursor.at;
    throw cursor.error(`expected a unit of ${length} bytes, have ${have}`, 0);
  }
  if (length > UNIT_SIZE_MAX) {
    throw cursor.error(`expected a unit of at most ${UNIT_SIZE_MAX} bytes, have ${length}`, 0);
  }
  return { end, offsetSize };
}
