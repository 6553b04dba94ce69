// The strings that entries refer to, most of them in tables that all units share. A scan compares
// places, not texts: linkers keep one copy of a string.

import { FormatError } from '../../util/errors.ts';
import * as c from './constants.ts';
import type { DwarfCursor } from './cursor.ts';
import { DwarfSection, type DwarfSources } from './section.ts';
import type { Unit } from './unit.ts';

/**
 * A string by its place: an offset in `.debug_str`, plus one of the bases below elsewhere. Equal
 * places are equal strings; equal strings may have different places.
 */
export type StringPlace = number;

const LINE_STR_BASE = 2 ** 40;
const ALT_BASE = 2 ** 41;
const OWN_BASE = 2 ** 42;

/** The string tables of one file and of its dwz alternate file. */
export class DwarfStrings {
  readonly #str: DwarfSection | undefined;
  readonly #lineStr: DwarfSection | undefined;
  readonly #strOffsets: DwarfSection | undefined;
  readonly #altStr: DwarfSection | undefined;
  /** Texts that stand in entries themselves: those of less than four bytes, of most compilers. */
  readonly #own: string[] = [];
  readonly #ownPlaces = new Map<string, StringPlace>();
  readonly #isLinked: boolean;

  constructor(main: DwarfSources, alt: DwarfSources | undefined) {
    const section = (name: string, source: DwarfSources['str']): DwarfSection | undefined =>
      source === undefined ? undefined : new DwarfSection(name, source);
    this.#str = section('.debug_str', main.str);
    this.#lineStr = section('.debug_line_str', main.lineStr);
    this.#strOffsets = section('.debug_str_offsets', main.strOffsets);
    this.#altStr = section('alternate .debug_str', alt?.str);
    this.#isLinked = main.isLinked ?? true;
  }

  /**
   * Reads a value of one of the string forms (7.5.5).
   *
   * @throws FormatError if it is none of them
   */
  place(cursor: DwarfCursor, form: number, unit: Unit): StringPlace {
    const place = this.#writtenPlace(cursor, form, unit);
    // Before the linker each unit has a copy of its own.
    return this.#isLinked || place >= OWN_BASE ? place : this.#ownPlace(this.text(place));
  }

  #writtenPlace(cursor: DwarfCursor, form: number, unit: Unit): StringPlace {
    switch (form) {
      case c.DW_FORM_strp:
        return cursor.offset(unit.offsetSize) + (unit.isAlt ? ALT_BASE : 0);
      case c.DW_FORM_string:
        return this.#ownPlace(cursor.string());
      case c.DW_FORM_line_strp:
        return cursor.offset(unit.offsetSize) + LINE_STR_BASE;
      case c.DW_FORM_strp_sup:
      case c.DW_FORM_GNU_strp_alt:
        return cursor.offset(unit.offsetSize) + ALT_BASE;
      case c.DW_FORM_strx:
      case c.DW_FORM_GNU_str_index:
        return this.#indexed(cursor, cursor.uleb(), unit);
      case c.DW_FORM_strx1:
        return this.#indexed(cursor, cursor.u8(), unit);
      case c.DW_FORM_strx2:
        return this.#indexed(cursor, cursor.u16(), unit);
      case c.DW_FORM_strx3:
        return this.#indexed(cursor, cursor.u24(), unit);
      case c.DW_FORM_strx4:
        return this.#indexed(cursor, cursor.u32(), unit);
      default:
        throw cursor.error(`expected a string, have form 0x${form.toString(16)}`);
    }
  }

  /**
   * The text at a place.
   *
   * @throws FormatError if the section is not there, or the text does not end in it
   */
  text(place: StringPlace): string {
    if (place >= OWN_BASE) return this.#own[place - OWN_BASE] ?? '';
    if (place >= ALT_BASE)
      return present(this.#altStr, 'alternate .debug_str').string(place - ALT_BASE);
    if (place >= LINE_STR_BASE) {
      return present(this.#lineStr, '.debug_line_str').string(place - LINE_STR_BASE);
    }
    return present(this.#str, '.debug_str').string(place);
  }

  #ownPlace(text: string): StringPlace {
    let place = this.#ownPlaces.get(text);
    if (place === undefined) {
      place = OWN_BASE + this.#own.length;
      this.#own.push(text);
      this.#ownPlaces.set(text, place);
    }
    return place;
  }

  /** 7.26: an array of offsets into `.debug_str`. */
  #indexed(cursor: DwarfCursor, index: number, unit: Unit): StringPlace {
    if (this.#strOffsets === undefined) {
      throw cursor.error('a string by index, and there is no .debug_str_offsets');
    }
    const at = unit.strOffsetsBase + index * unit.offsetSize;
    return unit.offsetSize === 8 ? this.#strOffsets.u64(at) : this.#strOffsets.u32(at);
  }
}

function present(section: DwarfSection | undefined, name: string): DwarfSection {
  if (section !== undefined) return section;
  throw new FormatError({ section: name }, 'an entry refers to it, and it is not there');
}
