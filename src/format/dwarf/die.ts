// One debugging information entry (7.5.3): the attributes that its abbreviation names, decoded when
// they are asked for, and the entries below it.

import type { Abbrev } from './abbrev.ts';
import * as c from './constants.ts';
import { DwarfCursor } from './cursor.ts';
import { formSizes, indirectForm, skipForm } from './forms.ts';
import type { Unit } from './unit.ts';

/** What a reference names: an entry of the same file, or a type unit by its signature. */
export type DieReference =
  | { readonly in: 'unit section' | 'debug_info' | 'alternate file'; readonly offset: number }
  | { readonly in: 'type unit'; readonly signature: bigint };

/** One entry. */
export class Die {
  readonly unit: Unit;
  /** Where it starts, in its unit. */
  readonly at: number;
  readonly abbrev: Abbrev;
  /** One past its attributes: its first child, or what follows. */
  readonly end: number;
  /** Places of the values, in their unit, by index of the attribute. */
  readonly #places: number[] = [];
  /** Forms of DW_FORM_indirect values. */
  #indirect: Map<number, number> | undefined;

  /** @throws FormatError if there is no entry, or it does not lie in its unit */
  constructor(unit: Unit, at: number) {
    this.unit = unit;
    this.at = at;
    const cursor = cursorAt(unit, at);
    const code = cursor.uleb();
    const abbrev = unit.abbrevs[code];
    if (abbrev === undefined) throw cursor.error(`expected an entry, have code ${code}`, at);
    this.abbrev = abbrev;
    const sizes = formSizes(unit);
    const { specs } = abbrev;
    for (let i = 0; i < specs.length; i += 2) {
      let form = specs[i + 1]!;
      if (form === c.DW_FORM_indirect) {
        form = indirectForm(cursor);
        this.#indirect ??= new Map();
        this.#indirect.set(i, form);
      }
      this.#places.push(cursor.at);
      const size = sizes[form] ?? -1;
      if (size >= 0) cursor.skip(size);
      else skipForm(cursor, form, unit);
    }
    this.end = cursor.at;
  }

  get tag(): number {
    return this.abbrev.tag;
  }

  has(attribute: number): boolean {
    return this.#find(attribute) >= 0;
  }

  /** A flag (7.5.5); false where it is not there. */
  flag(attribute: number): boolean {
    const value = this.#value(attribute);
    return (
      value !== undefined && (value.form === c.DW_FORM_flag_present || value.cursor.u8() !== 0)
    );
  }

  /** A constant; undefined where it is not there, or is an expression. */
  constant(attribute: number): bigint | undefined {
    const value = this.#value(attribute);
    if (value === undefined) return undefined;
    const { form, cursor, index } = value;
    switch (form) {
      case c.DW_FORM_data1:
        return BigInt(cursor.u8());
      case c.DW_FORM_data2:
        return BigInt(cursor.u16());
      case c.DW_FORM_data4:
        return BigInt(cursor.u32());
      case c.DW_FORM_data8:
        return cursor.u64();
      case c.DW_FORM_udata:
        return cursor.ulebBig();
      case c.DW_FORM_sdata:
        return cursor.sleb();
      case c.DW_FORM_implicit_const:
        return this.abbrev.implicit?.get(index);
      default:
        return undefined;
    }
  }

  /**
   * A constant that counts or measures something.
   *
   * @throws FormatError if it is negative, or 2^53 or more
   */
  size(attribute: number): number | undefined {
    const value = this.constant(attribute);
    if (value === undefined) return undefined;
    if (value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
    throw this.error(`attribute 0x${attribute.toString(16)}: expected a size, have ${value}`);
  }

  /** An offset into another section; data4 and data8 were that before version 4 (7.5.5). */
  sectionOffset(attribute: number): number | undefined {
    const value = this.#value(attribute);
    if (value === undefined) return undefined;
    if (value.form === c.DW_FORM_sec_offset) return value.cursor.offset(this.unit.offsetSize);
    return this.size(attribute);
  }

  /** A cursor before the first byte of a block or an expression; undefined where it is neither. */
  block(attribute: number): { cursor: DwarfCursor; length: number } | undefined {
    const value = this.#value(attribute);
    if (value === undefined) return undefined;
    const { form, cursor } = value;
    if (form === c.DW_FORM_block1) return { length: cursor.u8(), cursor };
    if (form === c.DW_FORM_block2) return { length: cursor.u16(), cursor };
    if (form === c.DW_FORM_block4) return { length: cursor.u32(), cursor };
    const isLong = form === c.DW_FORM_block || form === c.DW_FORM_exprloc;
    return isLong ? { length: cursor.uleb(), cursor } : undefined;
  }

  /** A string as the cursor before it, and its form. */
  stringValue(attribute: number): { form: number; cursor: DwarfCursor } | undefined {
    return this.#value(attribute);
  }

  /** What an attribute refers to. @throws FormatError if its form is none of a reference */
  reference(attribute: number): DieReference | undefined {
    const value = this.#value(attribute);
    if (value === undefined) return undefined;
    const { form, cursor } = value;
    const own = (offset: number): DieReference => {
      return { in: 'unit section', offset: this.unit.offset + offset };
    };
    switch (form) {
      case c.DW_FORM_ref1:
        return own(cursor.u8());
      case c.DW_FORM_ref2:
        return own(cursor.u16());
      case c.DW_FORM_ref4:
        return own(cursor.u32());
      case c.DW_FORM_ref8:
        return own(cursor.size64());
      case c.DW_FORM_ref_udata:
        return own(cursor.uleb());
      case c.DW_FORM_ref_addr:
        return { in: 'debug_info', offset: cursor.offset(formSizes(this.unit)[form]!) };
      case c.DW_FORM_ref_sup4:
        return { in: 'alternate file', offset: cursor.u32() };
      case c.DW_FORM_ref_sup8:
        return { in: 'alternate file', offset: cursor.size64() };
      case c.DW_FORM_GNU_ref_alt:
        return { in: 'alternate file', offset: cursor.offset(this.unit.offsetSize) };
      case c.DW_FORM_ref_sig8:
        return { in: 'type unit', signature: cursor.u64() };
      default:
        throw this.error(`expected a reference, have form 0x${form.toString(16)}`);
    }
  }

  /** The entries directly below it. */
  *children(): Generator<Die> {
    if (!this.abbrev.hasChildren) return;
    let { end: at } = this;
    while (this.unit.bytes[at] !== 0) {
      const child = new Die(this.unit, at);
      yield child;
      at = child.next();
    }
  }

  /** Where the entry that follows it and all below it starts, or the end of its siblings. */
  next(): number {
    if (!this.abbrev.hasChildren) return this.end;
    const sibling = this.reference(c.DW_AT_sibling);
    if (sibling?.in === 'unit section') return this.#checkedSibling(sibling.offset);
    let at = this.end;
    for (let depth = 1; depth > 0;) {
      if (this.unit.bytes[at] === 0) {
        depth--;
        at++;
      } else {
        const die: Die = new Die(this.unit, at);
        at = die.end;
        if (die.abbrev.hasChildren) depth++;
      }
    }
    return at;
  }

  error(what: string): Error {
    return cursorAt(this.unit, this.at).error(what);
  }

  /** A sibling before its entry would be a circle. */
  #checkedSibling(offset: number): number {
    const at = offset - this.unit.offset;
    if (at >= this.end && at <= this.unit.bytes.length) return at;
    throw this.error(`expected a sibling behind it in its unit, have 0x${offset.toString(16)}`);
  }

  #find(attribute: number): number {
    const { specs } = this.abbrev;
    for (let i = 0; i < specs.length; i += 2) if (specs[i] === attribute) return i;
    return -1;
  }

  #value(attribute: number): { form: number; cursor: DwarfCursor; index: number } | undefined {
    const index = this.#find(attribute);
    if (index < 0) return undefined;
    const form = this.#indirect?.get(index) ?? this.abbrev.specs[index + 1]!;
    return { form, cursor: cursorAt(this.unit, this.#places[index / 2]!), index };
  }
}

function cursorAt(unit: Unit, at: number): DwarfCursor {
  const cursor = new DwarfCursor(unit.bytes, { section: unit.section.name, base: unit.offset });
  cursor.at = at;
  return cursor;
}
