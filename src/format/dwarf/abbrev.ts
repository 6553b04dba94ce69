// Abbreviation tables (7.5.3): what attributes the entries of a unit have, and in which forms.
//
//   code uleb (0 ends the table), tag uleb, has children u8,
//   { attribute uleb, form uleb, of DW_FORM_implicit_const its value sleb } …, 0, 0

import { FormatError } from '../../util/errors.ts';
import { DwarfCursor } from './cursor.ts';
import { DW_FORM_implicit_const } from './constants.ts';
import type { DwarfSection } from './section.ts';

/** One abbreviation. */
export interface Abbrev {
  readonly tag: number;
  readonly hasChildren: boolean;
  /** Attribute and form in turns. */
  readonly specs: readonly number[];
  /** Values of DW_FORM_implicit_const by index in `specs`. */
  readonly implicit: ReadonlyMap<number, bigint> | undefined;
}

/** An abbreviation table: code → abbreviation. Codes mostly count up from 1. */
export type AbbrevTable = readonly (Abbrev | undefined)[];

/** More attributes in one entry than any producer writes. */
const SPECS_MAX = 512;
/** A unit of a kernel has about 150 abbreviations, one of a large C++ program some thousand. */
const CODE_MAX = 1 << 20;

/**
 * The table at `offset`.
 *
 * @throws FormatError if it does not end inside the section
 */
export function readAbbrevs(section: DwarfSection, offset: number): AbbrevTable {
  // Where a table ends is known at its end only: more is read until it is in it.
  for (let length = 32 << 10; ; length *= 8) {
    const available = Math.min(length, Math.max(1, section.size - offset));
    const bytes = section.view(offset, available);
    try {
      return parseTable(new DwarfCursor(bytes, { section: section.name, base: offset }));
    } catch (error) {
      if (!(error instanceof FormatError) || available < length) throw error;
    }
  }
}

function parseTable(cursor: DwarfCursor): AbbrevTable {
  const table: (Abbrev | undefined)[] = [];
  for (;;) {
    const start = cursor.at;
    const code = cursor.uleb();
    if (code === 0) return table;
    if (code > CODE_MAX) {
      throw cursor.error(`expected a code up to ${CODE_MAX}, have ${code}`, start);
    }
    if (table[code] !== undefined) throw cursor.error(`code ${code} is there twice`, start);
    table[code] = parseAbbrev(cursor);
  }
}

function parseAbbrev(cursor: DwarfCursor): Abbrev {
  const tag = cursor.uleb();
  const hasChildren = cursor.u8() !== 0;
  const specs: number[] = [];
  let implicit: Map<number, bigint> | undefined;
  for (;;) {
    const attribute = cursor.uleb();
    const form = cursor.uleb();
    if (attribute === 0 && form === 0) return { tag, hasChildren, specs, implicit };
    if (specs.length >= 2 * SPECS_MAX) throw cursor.error(`more than ${SPECS_MAX} attributes`);
    if (form === DW_FORM_implicit_const) {
      implicit ??= new Map();
      implicit.set(specs.length, cursor.sleb());
    }
    specs.push(attribute, form);
  }
}
