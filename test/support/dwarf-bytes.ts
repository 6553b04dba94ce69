// Bytes of DWARF as the writer for tests puts them together: integers, LEB128, string tables, and
// how wide each form is.

import * as c from '../../src/format/dwarf/constants.ts';

/** Appends a little-endian integer. */
export function put(bytes: number[], width: number, value: number | bigint): void {
  let rest = BigInt.asUintN(width * 8, BigInt(value));
  for (let i = 0; i < width; i++, rest >>= 8n) bytes.push(Number(rest & 0xffn));
}

/** Overwrites a little-endian integer. */
export function set(bytes: number[], field: { at: number; width: number }, value: number): void {
  const written: number[] = [];
  put(written, field.width, value);
  written.forEach((byte, i) => (bytes[field.at + i] = byte));
}

/** Appends an unsigned LEB128 number. */
export function leb(bytes: number[], value: number | bigint): void {
  let rest = BigInt(value);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
}

/** Appends a signed LEB128 number. */
export function sleb(bytes: number[], value: bigint): void {
  for (let rest = value; ;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    const isLast = (rest === 0n && low < 0x40) || (rest === -1n && low >= 0x40);
    bytes.push(isLast ? low : low | 0x80);
    if (isLast) return;
  }
}

/** Wide enough for every reference of a test, padded as the format allows. */
export const PADDED_LEB_WIDTH = 5;

/** An unsigned LEB128 number of that width. */
export function paddedLeb(value: number): number[] {
  return Array.from({ length: PADDED_LEB_WIDTH }, (_, i) => {
    const low = (value >> (7 * i)) & 0x7f;
    return i === PADDED_LEB_WIDTH - 1 ? low : low | 0x80;
  });
}

/** A string table that keeps one copy of each. */
export class StringTable {
  readonly #bytes: number[] = [0];
  readonly #places = new Map<string, number>();

  place(text: string): number {
    let place = this.#places.get(text);
    if (place === undefined) {
      place = this.#bytes.length;
      this.#places.set(text, place);
      this.#bytes.push(...Buffer.from(`${text}\0`, 'latin1'));
    }
    return place;
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** Of a block's length. */
export const BLOCK_WIDTHS = new Map([
  [c.DW_FORM_block1, 1],
  [c.DW_FORM_block2, 2],
  [c.DW_FORM_block4, 4],
]);

/** Of an index into `.debug_str_offsets`. */
export const STRX_WIDTHS = new Map([
  [c.DW_FORM_strx1, 1],
  [c.DW_FORM_strx2, 2],
  [c.DW_FORM_strx3, 3],
  [c.DW_FORM_strx4, 4],
]);

export const LEB_FORMS = new Set([
  ...[c.DW_FORM_udata, c.DW_FORM_ref_udata, c.DW_FORM_strx, c.DW_FORM_addrx],
  ...[c.DW_FORM_loclistx, c.DW_FORM_rnglistx],
]);

const WIDTHS = new Map([
  ...[c.DW_FORM_data1, c.DW_FORM_ref1, c.DW_FORM_flag].map((form) => [form, 1] as const),
  ...[c.DW_FORM_data2, c.DW_FORM_ref2].map((form) => [form, 2] as const),
  ...[c.DW_FORM_data4, c.DW_FORM_ref4, c.DW_FORM_ref_sup4].map((form) => [form, 4] as const),
  ...[c.DW_FORM_data8, c.DW_FORM_ref8, c.DW_FORM_ref_sig8].map((form) => [form, 8] as const),
  [c.DW_FORM_data16, 16],
]);

/** Bytes of a fixed form; undefined for those as wide as an offset. */
export function widthOf(
  form: number,
  unit: { version: number; addressSize: number },
): number | undefined {
  const isAddress = form === c.DW_FORM_addr;
  if (isAddress || (form === c.DW_FORM_ref_addr && unit.version === 2)) return unit.addressSize;
  return WIDTHS.get(form);
}
