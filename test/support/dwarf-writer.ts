// Writes small DWARF sections from a description, in every version and with every form, sound or
// not: what compilers write, and what none would.

import * as c from '../../src/format/dwarf/constants.ts';
import type { DwarfSources } from '../../src/format/dwarf/section.ts';
import { BytesSource } from '../../src/util/io.ts';
import { BLOCK_WIDTHS, LEB_FORMS, PADDED_LEB_WIDTH, STRX_WIDTHS, widthOf } from './dwarf-bytes.ts';
import { leb, paddedLeb, put, set, sleb, StringTable } from './dwarf-bytes.ts';

/** A number or text, the bytes of a block, or the entry with that label. */
export type AttrValue = number | bigint | string | Uint8Array | { readonly label: string };

/** Attribute, form, value. DW_FORM_indirect takes the form that stands before its value, too. */
export type AttrSpec = readonly [
  attribute: number,
  form: number,
  value?: AttrValue,
  inner?: number,
];

/** One entry. */
export interface DieSpec {
  readonly tag: number;
  readonly attrs?: readonly AttrSpec[];
  readonly children?: readonly DieSpec[];
  readonly label?: string;
  /** Writes DW_AT_sibling, as gcc does. */
  readonly sibling?: boolean;
}

/** One unit with its top entry. */
export interface UnitSpec {
  readonly version?: number;
  readonly offsetSize?: 4 | 8;
  readonly addressSize?: number;
  /** DW_UT_*; before version 5 DW_UT_type goes to `.debug_types`. */
  readonly type?: number;
  readonly signature?: bigint;
  /** The label of the type that the signature means. */
  readonly typeLabel?: string;
  readonly top: DieSpec;
}

/** Sections by name. */
export type DwarfBytes = Record<
  '.debug_info' | '.debug_abbrev' | '.debug_str' | '.debug_line_str' | '.debug_str_offsets',
  Uint8Array
> & { '.debug_types'?: Uint8Array };

type Bytes = number[];

/** A reference that is written once all entries have their places. */
interface Patch {
  readonly bytes: Bytes;
  readonly at: number;
  readonly width: number;
  readonly label: string;
  /** The start of the unit, where the reference counts from there. */
  readonly base: number;
  readonly isLeb?: boolean;
}

/** Builds the sections of one file, unit after unit. */
export class DwarfWriter {
  readonly #info: Bytes = [];
  readonly #types: Bytes = [];
  readonly #abbrev: Bytes = [];
  readonly #str = new StringTable();
  readonly #lineStr = new StringTable();
  readonly #indexed: number[] = [];
  readonly #offsets = new Map<string, number>();
  readonly #patches: Patch[] = [];

  unit(spec: UnitSpec): this {
    const { version = 5, offsetSize = 4, addressSize = 8, type = c.DW_UT_compile } = spec;
    const isType = type === c.DW_UT_type;
    const bytes = isType && version < 5 ? this.#types : this.#info;
    const base = bytes.length;
    if (offsetSize === 8) put(bytes, 4, 0xffffffff);
    const lengthAt = bytes.length;
    put(bytes, offsetSize, 0);
    put(bytes, 2, version);
    if (version >= 5) bytes.push(type, addressSize);
    put(bytes, offsetSize, this.#abbrev.length);
    if (version < 5) bytes.push(addressSize);
    if (isType) {
      put(bytes, 8, spec.signature ?? 0n);
      const label = spec.typeLabel ?? '';
      this.#patches.push({ bytes, at: bytes.length, width: offsetSize, label, base });
      put(bytes, offsetSize, 0);
    }
    const codes = new Map<string, number>();
    this.#die(spec.top, { bytes, base, version, offsetSize, addressSize, codes });
    this.#abbrev.push(0);
    set(bytes, { at: lengthAt, width: offsetSize }, bytes.length - lengthAt - offsetSize);
    return this;
  }

  /** Where an entry lies in its section. */
  offsetOf(label: string): number {
    const offset = this.#offsets.get(label);
    if (offset === undefined) throw new Error(`no entry is called ${label}`);
    return offset;
  }

  finish(): DwarfBytes {
    for (const { bytes, at, width, label, base, isLeb } of this.#patches) {
      const value = this.offsetOf(label) - base;
      if (isLeb === true) paddedLeb(value).forEach((byte, i) => (bytes[at + i] = byte));
      else set(bytes, { at, width }, value);
    }
    const strOffsets: Bytes = [];
    put(strOffsets, 4, 4 + this.#indexed.length * 4);
    put(strOffsets, 4, 5);
    for (const place of this.#indexed) put(strOffsets, 4, place);
    return {
      '.debug_info': Uint8Array.from(this.#info),
      '.debug_abbrev': Uint8Array.from(this.#abbrev),
      '.debug_str': this.#str.finish(),
      '.debug_line_str': this.#lineStr.finish(),
      '.debug_str_offsets': Uint8Array.from(strOffsets),
      ...(this.#types.length === 0 ? {} : { '.debug_types': Uint8Array.from(this.#types) }),
    };
  }

  #die(spec: DieSpec, unit: UnitPlace): void {
    const { bytes } = unit;
    const label = spec.label ?? '';
    if (label !== '') this.#offsets.set(label, bytes.length);
    const children = spec.children ?? [];
    const behind = `behind ${this.#patches.length} ${bytes.length}`;
    const attrs: AttrSpec[] = [...(spec.attrs ?? [])];
    if (spec.sibling === true) attrs.push([c.DW_AT_sibling, c.DW_FORM_ref4, { label: behind }]);
    leb(bytes, this.#code({ ...spec, attrs }, unit.codes));
    for (const [, form, value, inner] of attrs) this.#value({ form, value, inner }, unit);
    for (const child of children) this.#die(child, unit);
    if (spec.children !== undefined) bytes.push(0);
    if (spec.sibling === true) this.#offsets.set(behind, bytes.length);
  }

  #code({ tag, attrs = [], children }: DieSpec, codes: Map<string, number>): number {
    const abbrev: Bytes = [];
    leb(abbrev, tag);
    abbrev.push(children === undefined ? 0 : 1);
    for (const [attribute, form, value] of attrs) {
      leb(abbrev, attribute);
      leb(abbrev, form);
      if (form === c.DW_FORM_implicit_const) sleb(abbrev, BigInt(value as number));
    }
    abbrev.push(0, 0);
    const key = abbrev.join();
    let code = codes.get(key);
    if (code === undefined) {
      code = codes.size + 1;
      codes.set(key, code);
      leb(this.#abbrev, code);
      this.#abbrev.push(...abbrev);
    }
    return code;
  }

  #value({ form, value = 0, inner }: ValueSpec, unit: UnitPlace): void {
    const { bytes, offsetSize } = unit;
    if (form === c.DW_FORM_indirect) {
      leb(bytes, inner ?? 0);
      this.#value({ form: inner ?? 0, value, inner: undefined }, unit);
    } else if (typeof value === 'string') this.#text(form, value, unit);
    else if (value instanceof Uint8Array) {
      const width = BLOCK_WIDTHS.get(form);
      if (width === undefined) leb(bytes, value.length);
      else put(bytes, width, value.length);
      bytes.push(...value);
    } else if (typeof value === 'object') this.#reference(form, value.label, unit);
    else if (form === c.DW_FORM_sdata) sleb(bytes, BigInt(value));
    else if (form === c.DW_FORM_implicit_const || form === c.DW_FORM_flag_present) return;
    else if (LEB_FORMS.has(form)) leb(bytes, value);
    else put(bytes, widthOf(form, unit) ?? offsetSize, value);
  }

  #text(form: number, text: string, { bytes, offsetSize }: UnitPlace): void {
    if (form === c.DW_FORM_string) return void bytes.push(...Buffer.from(`${text}\0`, 'latin1'));
    if (form === c.DW_FORM_line_strp) return put(bytes, offsetSize, this.#lineStr.place(text));
    const place = this.#str.place(text);
    const width = STRX_WIDTHS.get(form);
    if (width === undefined && form !== c.DW_FORM_strx) return put(bytes, offsetSize, place);
    const index = this.#indexed.push(place) - 1;
    if (width === undefined) leb(bytes, index);
    else put(bytes, width, index);
  }

  #reference(form: number, label: string, unit: UnitPlace): void {
    const { bytes } = unit;
    const at = bytes.length;
    const base = form === c.DW_FORM_ref_addr ? 0 : unit.base;
    if (form === c.DW_FORM_ref_udata) {
      bytes.push(...paddedLeb(0));
      this.#patches.push({ bytes, at, width: PADDED_LEB_WIDTH, label, base, isLeb: true });
      return;
    }
    const width = widthOf(form, unit) ?? unit.offsetSize;
    put(bytes, width, 0);
    this.#patches.push({ bytes, at, width, label, base });
  }
}

/** The sections as the reader takes them. */
export function dwarfSources(bytes: DwarfBytes): DwarfSources {
  const source = (name: keyof DwarfBytes): BytesSource | undefined =>
    bytes[name] === undefined ? undefined : new BytesSource(bytes[name], 'test');
  return {
    info: source('.debug_info')!,
    abbrev: source('.debug_abbrev')!,
    str: source('.debug_str'),
    lineStr: source('.debug_line_str'),
    strOffsets: source('.debug_str_offsets'),
    types: source('.debug_types'),
  };
}

interface ValueSpec {
  readonly form: number;
  readonly value: AttrValue | undefined;
  readonly inner: number | undefined;
}

interface UnitPlace {
  readonly bytes: Bytes;
  readonly base: number;
  readonly version: number;
  readonly offsetSize: 4 | 8;
  readonly addressSize: number;
  readonly codes: Map<string, number>;
}
