// How many bytes the value of an attribute takes (7.5.6): of most that is all one has to know.

import * as c from './constants.ts';
import type { DwarfCursor } from './cursor.ts';
import type { UnitHeader } from './unit.ts';

/** What the size of a form depends on. */
export type FormSizes = Pick<UnitHeader, 'version' | 'offsetSize' | 'addressSize'>;

/** Bytes by form; -1 where they differ from value to value, or where there is no such form. */
const SIZES = new Map<number, number>([
  [c.DW_FORM_flag_present, 0],
  [c.DW_FORM_implicit_const, 0],
  ...[c.DW_FORM_data1, c.DW_FORM_ref1, c.DW_FORM_flag].map((form) => [form, 1] as const),
  ...[c.DW_FORM_strx1, c.DW_FORM_addrx1].map((form) => [form, 1] as const),
  ...[c.DW_FORM_data2, c.DW_FORM_ref2].map((form) => [form, 2] as const),
  ...[c.DW_FORM_strx2, c.DW_FORM_addrx2].map((form) => [form, 2] as const),
  ...[c.DW_FORM_strx3, c.DW_FORM_addrx3].map((form) => [form, 3] as const),
  ...[c.DW_FORM_data4, c.DW_FORM_ref4, c.DW_FORM_ref_sup4].map((form) => [form, 4] as const),
  ...[c.DW_FORM_strx4, c.DW_FORM_addrx4].map((form) => [form, 4] as const),
  ...[c.DW_FORM_data8, c.DW_FORM_ref8].map((form) => [form, 8] as const),
  ...[c.DW_FORM_ref_sig8, c.DW_FORM_ref_sup8].map((form) => [form, 8] as const),
  [c.DW_FORM_data16, 16],
]);

const OFFSET_FORMS = new Set([
  ...[c.DW_FORM_strp, c.DW_FORM_line_strp, c.DW_FORM_strp_sup, c.DW_FORM_sec_offset],
  ...[c.DW_FORM_GNU_ref_alt, c.DW_FORM_GNU_strp_alt],
]);

/** Forms below this are looked up in a table; GNU's own have large numbers. */
const TABLE_LENGTH = 0x30;

const tables = new Map<number, Int8Array>();

/** The bytes of each small form in a unit, -1 where {@link skipForm} has to look. */
export function formSizes(unit: FormSizes): Int8Array {
  const { version, offsetSize, addressSize } = unit;
  const key = (version << 8) | (offsetSize << 4) | addressSize;
  let table = tables.get(key);
  if (table === undefined) {
    table = new Int8Array(TABLE_LENGTH).map((_, form) => sizeOfForm(form, unit));
    tables.set(key, table);
  }
  return table;
}

function sizeOfForm(form: number, { version, offsetSize, addressSize }: FormSizes): number {
  if (form === c.DW_FORM_addr) return addressSize;
  // 7.5.6: an address in version 2, an offset from version 3 on.
  if (form === c.DW_FORM_ref_addr) return version === 2 ? addressSize : offsetSize;
  if (OFFSET_FORMS.has(form)) return offsetSize;
  return SIZES.get(form) ?? -1;
}

/**
 * Moves behind a value.
 *
 * @throws FormatError if it does not end in its unit, or there is no such form
 */
export function skipForm(cursor: DwarfCursor, form: number, unit: FormSizes): void {
  const size = sizeOfForm(form, unit);
  if (size >= 0) return cursor.skip(size);
  switch (form) {
    case c.DW_FORM_block1:
      return cursor.skip(cursor.u8());
    case c.DW_FORM_block2:
      return cursor.skip(cursor.u16());
    case c.DW_FORM_block4:
      return cursor.skip(cursor.u32());
    case c.DW_FORM_block:
    case c.DW_FORM_exprloc:
      return cursor.skip(cursor.uleb());
    case c.DW_FORM_string:
      cursor.string();
      return;
    case c.DW_FORM_sdata:
    case c.DW_FORM_udata:
    case c.DW_FORM_ref_udata:
    case c.DW_FORM_strx:
    case c.DW_FORM_addrx:
    case c.DW_FORM_loclistx:
    case c.DW_FORM_rnglistx:
    case c.DW_FORM_GNU_addr_index:
    case c.DW_FORM_GNU_str_index:
      return cursor.skipLeb();
    case c.DW_FORM_indirect:
      return skipForm(cursor, indirectForm(cursor), unit);
    default:
      throw cursor.error(`form 0x${form.toString(16)} is unknown`);
  }
}

/** The form that stands before a value of DW_FORM_indirect; it cannot be indirect itself. */
export function indirectForm(cursor: DwarfCursor): number {
  const form = cursor.uleb();
  if (form !== c.DW_FORM_indirect && form !== c.DW_FORM_implicit_const) return form;
  throw cursor.error(`form 0x${form.toString(16)} inside DW_FORM_indirect`);
}
