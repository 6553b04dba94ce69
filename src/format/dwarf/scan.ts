// Passes over the entries of a unit to find those that define something under a name. Of 160 MB of
// entries all but the topmost are jumped over, and of those only the places of a few attributes are
// taken down.

import type { Abbrev } from './abbrev.ts';
import * as c from './constants.ts';
import { DwarfCursor } from './cursor.ts';
import { Die } from './die.ts';
import { formSizes, skipForm } from './forms.ts';
import { EntrySkipper } from './skip.ts';
import type { DwarfStrings, StringPlace } from './strings.ts';
import type { Unit } from './unit.ts';

/** What an entry defines; a number, since a scan makes keys of them. */
export const DEFINED = {
  struct: 1,
  union: 2,
  enum: 3,
  typedef: 4,
  int: 5,
  /** A variable with a place that other units see, one that they do not see, one declared only. */
  external: 6,
  static: 7,
  declared: 8,
  /** An enum without a name; it goes by that of its first enumerator. */
  anonymousEnum: 9,
} as const;
export type Defined = (typeof DEFINED)[keyof typeof DEFINED];

/** Something that a unit defines. */
export interface Found {
  readonly what: Defined;
  readonly name: StringPlace;
  readonly size: number;
  readonly line: number;
  /** Where the entry starts in the unit. */
  readonly at: number;
}

/** Told what a unit defines, in the order of its entries. */
export type ScanSink = (found: Found) => void;

const DEFINED_BY_TAG = new Map<number, Defined>([
  [c.DW_TAG_structure_type, DEFINED.struct],
  [c.DW_TAG_class_type, DEFINED.struct],
  [c.DW_TAG_union_type, DEFINED.union],
  [c.DW_TAG_enumeration_type, DEFINED.enum],
  [c.DW_TAG_typedef, DEFINED.typedef],
  [c.DW_TAG_base_type, DEFINED.int],
  [c.DW_TAG_variable, DEFINED.static],
]);

/** The attributes whose places are kept, each in a slot of its own; slot 0 is for all others. */
const NAME = 1;
const SIBLING = 2;
const SIZE = 3;
const LINE = 4;
const DECLARATION = 5;
const SPECIFICATION = 6;
const LOCATION = 7;
const EXTERNAL = 8;
const SLOT_COUNT = 9;

const SLOT_OF = new Uint8Array(0x100);
SLOT_OF[c.DW_AT_name] = NAME;
SLOT_OF[c.DW_AT_sibling] = SIBLING;
SLOT_OF[c.DW_AT_byte_size] = SIZE;
SLOT_OF[c.DW_AT_decl_line] = LINE;
SLOT_OF[c.DW_AT_declaration] = DECLARATION;
SLOT_OF[c.DW_AT_specification] = SPECIFICATION;
SLOT_OF[c.DW_AT_location] = LOCATION;
SLOT_OF[c.DW_AT_external] = EXTERNAL;

/**
 * Tells `sink` of every definition at the top of a unit.
 *
 * @returns whether the unit is the skeleton of one in a .dwo file (3.1.2), which is not read
 * @throws FormatError if it is damaged
 */
export function scanUnit(unit: Unit, strings: DwarfStrings, sink: ScanSink): boolean {
  return new UnitScan(unit, strings, sink).run();
}

class UnitScan {
  readonly #unit: Unit;
  readonly #strings: DwarfStrings;
  readonly #sink: ScanSink;
  /** Stands behind the attributes of the entry that was read last. */
  readonly #cursor: DwarfCursor;
  readonly #sizes: Int8Array;
  /** Of that entry, by slot: where the value is, in which form; form 0 where there is none. */
  readonly #places = new Int32Array(SLOT_COUNT);
  readonly #forms = new Int32Array(SLOT_COUNT);
  #abbrev: Abbrev | undefined;
  readonly #skipper: EntrySkipper;

  constructor(unit: Unit, strings: DwarfStrings, sink: ScanSink) {
    this.#unit = unit;
    this.#strings = strings;
    this.#sink = sink;
    this.#cursor = cursorOf(unit, 0);
    this.#sizes = formSizes(unit);
    this.#skipper = new EntrySkipper(unit);
  }

  run(): boolean {
    const { bytes, start, offset } = this.#unit;
    const top = new Die(this.#unit, start - offset);
    if (top.has(c.DW_AT_dwo_name) || top.has(c.DW_AT_GNU_dwo_name)) return true;
    if (!top.abbrev.hasChildren) return false;
    if (RUST.has(Number(top.constant(c.DW_AT_language)))) return false;
    // The end of a unit ends its entries as well as a code of 0 does: some producers leave it out.
    for (let at = top.end; at < bytes.length && bytes[at] !== 0;) {
      const { tag, hasChildren } = this.#read(at);
      const end = this.#cursor.at;
      const what = DEFINED_BY_TAG.get(tag);
      if (what !== undefined && this.#forms[DECLARATION] === 0) this.#define(what, { at, end });
      else if (what === DEFINED.static) this.#tell(DEFINED.declared, at);
      at = hasChildren ? this.#behindChildren(end) : end;
    }
    return false;
  }

  /** Reads the attributes of an entry as far as they are of interest. */
  #read(at: number): Abbrev {
    const { bytes, abbrevs } = this.#unit;
    const cursor = this.#cursor;
    cursor.at = at;
    const code = cursor.uleb();
    const abbrev = abbrevs[code];
    if (abbrev === undefined) throw cursor.error(`expected an entry, have code ${code}`, at);
    this.#forms.fill(0);
    this.#abbrev = abbrev;
    const { specs } = abbrev;
    for (let i = 0; i < specs.length; i += 2) {
      const attribute = specs[i]!;
      const form = specs[i + 1]!;
      const slot = attribute < SLOT_OF.length ? SLOT_OF[attribute]! : 0;
      this.#places[slot] = form === c.DW_FORM_implicit_const ? i : cursor.at;
      this.#forms[slot] = form;
      const size = this.#sizes[form] ?? -1;
      if (size >= 0) cursor.at += size;
      else skipForm(cursor, form, this.#unit);
    }
    if (cursor.at > bytes.length) throw cursor.error('expected an entry that ends in its unit', at);
    return abbrev;
  }

  #define(what: Defined, { at, end }: { at: number; end: number }): void {
    if (what === DEFINED.static) {
      const isPlaced = this.#forms[LOCATION] !== 0 || this.#forms[SPECIFICATION] !== 0;
      if (this.#forms[SPECIFICATION] !== 0) this.#tellSpecified(at);
      else if (!isPlaced) this.#tell(DEFINED.declared, at);
      else this.#tell(this.#forms[EXTERNAL] === 0 ? DEFINED.static : DEFINED.external, at);
    } else if (what === DEFINED.enum && this.#forms[NAME] === 0) {
      const first = this.#abbrev?.hasChildren === true ? this.#nameAt(end) : undefined;
      if (first !== undefined) this.#tell(DEFINED.anonymousEnum, at, first);
    } else {
      this.#tell(what, at);
    }
  }

  #tell(what: Defined, at: number, name = this.#name()): void {
    if (name === undefined) return;
    const isType = what <= DEFINED.int || what === DEFINED.anonymousEnum;
    const size = isType ? this.#constant(SIZE) : 0;
    const line = isType ? this.#constant(LINE) : 0;
    this.#sink({ what, name, size, line, at });
  }

  /** A variable that is declared first (5.7.1.1): its name stands there. */
  #tellSpecified(at: number): void {
    const reference = new Die(this.#unit, at).reference(c.DW_AT_specification);
    if (reference?.in !== 'unit section') return;
    const declared = new Die(this.#unit, reference.offset - this.#unit.offset);
    const value = declared.stringValue(c.DW_AT_name);
    if (value === undefined) return;
    const name = this.#strings.place(value.cursor, value.form, this.#unit);
    const isExternal = declared.flag(c.DW_AT_external);
    this.#tell(isExternal ? DEFINED.external : DEFINED.static, at, name);
  }

  #name(): StringPlace | undefined {
    const form = this.#forms[NAME]!;
    if (form === 0) return undefined;
    return this.#strings.place(this.#at(this.#places[NAME]!), form, this.#unit);
  }

  /** The name of another entry; undefined where it has none, or there is none. */
  #nameAt(at: number): StringPlace | undefined {
    if (at >= this.#unit.bytes.length || this.#unit.bytes[at] === 0) return undefined;
    const value = new Die(this.#unit, at).stringValue(c.DW_AT_name);
    return value && this.#strings.place(value.cursor, value.form, this.#unit);
  }

  /** A small constant; 0 where there is none: what it is, is decided when the entry is decoded. */
  #constant(slot: number): number {
    const place = this.#places[slot]!;
    switch (this.#forms[slot]) {
      case c.DW_FORM_data1:
        return this.#unit.bytes[place]!;
      case c.DW_FORM_data2:
        return this.#cursor.view.getUint16(place, true);
      case c.DW_FORM_data4:
        return this.#cursor.view.getUint32(place, true);
      case c.DW_FORM_udata:
        return this.#at(place).uleb();
      case c.DW_FORM_implicit_const:
        return Number(this.#abbrev?.implicit?.get(place) ?? 0n);
      default:
        return 0;
    }
  }

  /** Behind the entries below the last one, whose first child is at `end`. */
  #behindChildren(end: number): number {
    const { bytes, offset } = this.#unit;
    if (this.#forms[SIBLING] === c.DW_FORM_ref4) {
      const sibling = this.#cursor.view.getUint32(this.#places[SIBLING]!, true);
      if (sibling >= end && sibling <= bytes.length) return sibling;
      const have = `0x${(offset + sibling).toString(16)}`;
      throw this.#cursor.error(`expected a sibling behind it in its unit, have ${have}`, end);
    }
    return this.#skipper.behindSiblings(end);
  }

  #at(place: number): DwarfCursor {
    this.#cursor.at = place;
    return this.#cursor;
  }
}

/** 7.12; 0x9000 was rustc's before the language had a number. */
const RUST = new Set([c.DW_LANG_Rust, 0x9000]);

function cursorOf(unit: Unit, at: number): DwarfCursor {
  const cursor = new DwarfCursor(unit.bytes, { section: unit.section.name, base: unit.offset });
  cursor.at = at;
  return cursor;
}
