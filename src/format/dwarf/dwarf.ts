// The debugging information of one file, with the dwz alternate file that it may refer to: entries
// by number, wherever they are.

import { AbbrevTables } from './abbrev.ts';
import * as c from './constants.ts';
import { Die, type DieReference } from './die.ts';
import { DwarfSection, type DwarfSources } from './section.ts';
import { DwarfStrings, type StringPlace } from './strings.ts';
import { readUnitHeaders, type Unit, type UnitHeader } from './unit.ts';
import { FormatError } from '../../util/errors.ts';
import { LruCache } from '../../util/lru.ts';

/** An entry: its offset in its section, and which section in the bits above. 0 is `void`. */
export type DieId = number;

/** More than any section has bytes. */
const SPACE_SIZE = 2 ** 44;

/** A section of units; there are at most three. */
interface Space {
  readonly section: DwarfSection;
  readonly tables: AbbrevTables;
  readonly isAlt: boolean;
  readonly base: DieId;
  headers: UnitHeader[] | undefined;
}

const UNITS_CACHED = 48;
/** Of all units that are kept; the largest of a kernel have a few MB. */
const UNIT_BYTES_CACHED = 64 << 20;
/** Of the weight of an abbreviation table, about. */
const BYTES_PER_POINT = 25;

/** All entries of a file. */
export class Dwarf {
  readonly strings: DwarfStrings;
  readonly #spaces: Space[] = [];
  readonly #units = new LruCache<Unit>(UNITS_CACHED, {
    weigh: (unit) => unit.bytes.length + unit.tableWeight * BYTES_PER_POINT,
    weightMax: UNIT_BYTES_CACHED,
  });
  #signatures: Map<bigint, DieId> | undefined;

  constructor(main: DwarfSources, alt?: DwarfSources) {
    this.strings = new DwarfStrings(main, alt);
    const tables = new AbbrevTables(new DwarfSection('.debug_abbrev', main.abbrev));
    this.#addSpace('.debug_info', main.info, { tables, isAlt: false });
    if (main.types !== undefined) {
      this.#addSpace('.debug_types', main.types, { tables, isAlt: false });
    }
    if (alt !== undefined) {
      const section = new DwarfSection('alternate .debug_abbrev', alt.abbrev);
      const altTables = new AbbrevTables(section);
      this.#addSpace('alternate .debug_info', alt.info, { tables: altTables, isAlt: true });
    }
  }

  /** Every unit, in the order of the file; those of the alternate file last. */
  *headers(): Generator<UnitHeader> {
    for (const space of this.#spaces) yield* this.#headersOf(space);
  }

  /**
   * A unit with its bytes.
   *
   * @param into takes the bytes where it is large enough; the unit is then good until its next use
   */
  load(header: UnitHeader, into?: Uint8Array): Unit {
    const length = header.end - header.offset;
    const bytes = into?.subarray(0, length) ?? new Uint8Array(length);
    header.section.readInto(bytes, header.offset);
    const space = this.#spaces.find(({ section }) => section === header.section)!;
    const { isAlt, tables } = space;
    const { abbrevs, weight: tableWeight } = tables.at(header.abbrevOffset);
    // 7.26: the offsets begin behind the header of the table.
    const strOffsetsBase = header.offsetSize === 8 ? 16 : 8;
    const unit = { ...header, bytes, isAlt, abbrevs, tableWeight, strOffsetsBase };
    if (header.version < 5 || header.start === header.end) return unit;
    const top = new Die(unit, header.start - header.offset);
    const base = top.sectionOffset(c.DW_AT_str_offsets_base);
    return base === undefined ? unit : { ...unit, strOffsetsBase: base };
  }

  /** The entry of a number. @throws FormatError if there is none */
  die(id: DieId): Die {
    const space = this.#spaces[Math.floor(id / SPACE_SIZE)]!;
    const offset = id % SPACE_SIZE;
    const header = this.#headerAt(space, offset);
    const unit = this.#unit(space, header);
    return new Die(unit, offset - header.offset);
  }

  /** The entry of a unit itself, above all others of it. */
  topOf(unit: Unit): Die {
    return new Die(unit, unit.start - unit.offset);
  }

  /** The number of an entry. */
  idOf(die: Die): DieId {
    return this.idAt(die.unit, die.at);
  }

  /** @param at where the entry starts in its unit */
  idAt(unit: UnitHeader, at: number): DieId {
    const space = this.#spaces.find(({ section }) => section === unit.section)!;
    return space.base + unit.offset + at;
  }

  /** What an attribute refers to; undefined where the entry has no such attribute. */
  target(die: Die, attribute: number): DieId | undefined {
    const reference = die.reference(attribute);
    return reference === undefined ? undefined : this.#resolve(die, reference);
  }

  /** The place of a name; undefined for an entry without. */
  namePlace(die: Die): StringPlace | undefined {
    const value = die.stringValue(c.DW_AT_name);
    return value && this.strings.place(value.cursor, value.form, die.unit);
  }

  /** A name, empty for an entry without. */
  nameOf(die: Die): string {
    const place = this.namePlace(die);
    return place === undefined ? '' : this.strings.text(place);
  }

  #resolve(die: Die, reference: DieReference): DieId {
    if (reference.in === 'type unit') {
      this.#signatures ??= this.#readSignatures();
      const id = this.#signatures.get(reference.signature);
      if (id !== undefined) return id;
      const signature = `0x${reference.signature.toString(16)}`;
      throw die.error(`refers to type unit ${signature}, which is not there`);
    }
    if (reference.in === 'unit section')
      return this.idAt(die.unit, 0) - die.unit.offset + reference.offset;
    const isAlt = reference.in === 'alternate file' || die.unit.isAlt;
    const space = this.#spaces.find(({ section, isAlt: is }) => {
      return is === isAlt && section.name.endsWith('.debug_info');
    });
    if (space === undefined) throw die.error('refers to an alternate file, which is not there');
    return space.base + reference.offset;
  }

  #readSignatures(): Map<bigint, DieId> {
    const signatures = new Map<bigint, DieId>();
    for (const header of this.headers()) {
      if (header.signature === undefined) continue;
      signatures.set(header.signature, this.idAt(header, 0) - header.offset + header.typeOffset);
    }
    return signatures;
  }

  #addSpace(
    name: string,
    source: DwarfSources['info'],
    { tables, isAlt }: Pick<Space, 'tables' | 'isAlt'>,
  ): void {
    const base = this.#spaces.length * SPACE_SIZE;
    const section = new DwarfSection(name, source);
    this.#spaces.push({ section, tables, isAlt, base, headers: undefined });
  }

  #headersOf(space: Space): UnitHeader[] {
    return (space.headers ??= [...readUnitHeaders(space.section)]);
  }

  /** The last unit that starts at or before an offset, if the offset is behind its header. */
  #headerAt(space: Space, offset: number): UnitHeader {
    const headers = this.#headersOf(space);
    let low = 0;
    let high = headers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (headers[middle]!.offset > offset) high = middle;
      else low = middle + 1;
    }
    const header = headers[low - 1];
    if (header !== undefined && offset >= header.start && offset < header.end) return header;
    const place = { section: space.section.name, offset };
    throw new FormatError(place, 'an entry refers to it, and it is in no unit');
  }

  #unit(space: Space, header: UnitHeader): Unit {
    const key = space.base + header.offset;
    let unit = this.#units.get(key);
    if (unit === undefined) this.#units.set(key, (unit = this.load(header)));
    return unit;
  }
}
