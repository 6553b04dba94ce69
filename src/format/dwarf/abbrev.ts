// Abbreviation tables (7.5.3): what attributes the entries of a unit have, and in which forms.
// Units may share a table, and a table may start inside of another: what a file makes a reader
// parse and keep is bounded by neither its size nor the count of its units, but here.
//
//   code uleb (0 ends the table), tag uleb, has children u8,
//   { attribute uleb, form uleb, of DW_FORM_implicit_const its value sleb } …, 0, 0

import { FormatError } from '../../util/errors.ts';
import { LruCache } from '../../util/lru.ts';
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

/** An abbreviation table. */
export interface AbbrevTable {
  /** Code → abbreviation. Codes mostly count up from 1. */
  readonly abbrevs: readonly (Abbrev | undefined)[];
  /** How much it takes to parse and to keep, in points. */
  readonly weight: number;
}

/** More attributes in one entry than any producer writes. */
const SPECS_MAX = 512;
/** A unit of a kernel has about 150 abbreviations, one of a large C++ program some thousand. */
const CODE_MAX = 1 << 20;

const TABLES_CACHED = 64;

/** What an abbreviation weighs without its attributes, which weigh 1 each: a point is 25 bytes. */
const ABBREV_WEIGHT = 4;

/** A table of gcc's has 1,500 points, the most of a kernel's 3,000. This many take 30 MB. */
const KEPT_WEIGHT_MAX = 1 << 20;

/**
 * What is parsed of one section, tables that were forgotten in between again: some seconds. Those
 * of a distribution's kernel have 3 million points; going through all its types takes 5 million.
 */
const PARSED_WEIGHT_MAX = 1 << 24;

/** The tables of one section, of which the last ones used are kept. */
export class AbbrevTables {
  readonly #section: DwarfSection;
  readonly #kept = new LruCache<AbbrevTable>(TABLES_CACHED, {
    weigh: ({ weight }) => weight,
    weightMax: KEPT_WEIGHT_MAX,
  });
  readonly #parsedMax: number;
  #parsedWeight = 0;

  constructor(section: DwarfSection) {
    this.#section = section;
    // A byte of a sound section is not a point, so that it may be parsed some times at any size.
    this.#parsedMax = PARSED_WEIGHT_MAX + 4 * section.size;
  }

  /**
   * The table at `offset`.
   *
   * @throws FormatError if it does not end inside the section, or if too much was parsed
   */
  at(offset: number): AbbrevTable {
    let table = this.#kept.get(offset);
    if (table !== undefined) return table;
    if (this.#parsedWeight > this.#parsedMax) {
      const what = 'the tables of all units take longer to parse than their size allows';
      throw this.#section.error(offset, `${what}: they overlap, or take turns`);
    }
    table = readAbbrevs(this.#section, offset);
    this.#parsedWeight += table.weight;
    this.#kept.set(offset, table);
    return table;
  }
}

function readAbbrevs(section: DwarfSection, offset: number): AbbrevTable {
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
  const abbrevs: (Abbrev | undefined)[] = [];
  let weight = 0;
  for (;;) {
    const start = cursor.at;
    const code = cursor.uleb();
    if (code === 0) return { abbrevs, weight };
    if (code > CODE_MAX) {
      throw cursor.error(`expected a code up to ${CODE_MAX}, have ${code}`, start);
    }
    if (abbrevs[code] !== undefined) throw cursor.error(`code ${code} is there twice`, start);
    const abbrev = parseAbbrev(cursor);
    weight += ABBREV_WEIGHT + abbrev.specs.length / 2;
    if (weight > KEPT_WEIGHT_MAX) {
      throw cursor.error('a table of more abbreviations and attributes than any has', start);
    }
    abbrevs[code] = abbrev;
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
