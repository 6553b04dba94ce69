// The types of one BTF by id and by name. Only the place of each type is known beforehand; names,
// members and the indices by name are made when somebody asks.

import { latin1 } from '../../util/byte-reader.ts';
import { FormatError } from '../../util/errors.ts';
import { BTF_KIND_ENUM, BTF_KIND_ENUM64, BTF_KIND_FUNC, btfKind, btfVlen } from './constants.ts';
import { NameIndex, type StringRange } from './name-index.ts';
import { decodeBtfType, type BtfType } from './records.ts';

/** A section of the BTF, its offset counted from the start of the header. */
export interface BtfPart {
  readonly offset: number;
  readonly length: number;
}

/** Header of a BTF, offsets made absolute. */
export interface BtfHeader {
  readonly littleEndian: boolean;
  readonly headerLength: number;
  readonly types: BtfPart;
  readonly strings: BtfPart;
  /** Present from Linux 7.1 on, where the header has 32 bytes. */
  readonly layout: BtfPart | undefined;
}

/** What a {@link BtfTable} is made of; `readBtf` has checked it. */
export interface BtfParts {
  readonly place: { section: string; offset: number };
  readonly words: Uint32Array;
  readonly starts: Uint32Array;
  readonly firstId: number;
  readonly strings: Uint8Array;
  readonly header: BtfHeader;
  readonly base: BtfTable | undefined;
}

/** An enumerator found by its name: the type that declares it and its place there. */
export interface BtfEnumerator {
  readonly id: number;
  readonly index: number;
}

/** The types of one BTF by id and by name. Ids of a split BTF include those of its base. */
export class BtfTable {
  readonly section: string;
  readonly base: BtfTable | undefined;
  readonly header: BtfHeader;
  /** The first id of this table itself; 1 unless it is split. */
  readonly firstId: number;
  /** One past the last id. */
  readonly endId: number;
  /** One past the last string offset, the base's strings included. */
  readonly stringsEnd: number;
  readonly #parts: BtfParts;
  #names: NameIndex | undefined;
  #enumerators: { index: NameIndex; found: BtfEnumerator[] } | undefined;

  constructor(parts: BtfParts) {
    this.#parts = parts;
    this.section = parts.place.section;
    this.base = parts.base;
    this.header = parts.header;
    this.firstId = parts.firstId;
    this.endId = parts.firstId + parts.starts.length;
    this.stringsEnd = (parts.base?.stringsEnd ?? 0) + parts.strings.length;
  }

  /** The kind of a type, one of BTF_KIND_*; 0 for void. @throws FormatError if there is none */
  kindOf(id: number): number {
    if (id === 0) return 0;
    const table = this.#tableOf(id);
    return btfKind(table.#parts.words[table.#startOf(id) + 1] as number);
  }

  /** The name of a type, empty if it has none. @throws FormatError if there is no such id */
  nameOf(id: number): string {
    if (id === 0) return 'void';
    const table = this.#tableOf(id);
    const start = table.#startOf(id);
    return table.string(table.#parts.words[start] as number, id);
  }

  /**
   * The third word of a type: what a pointer, typedef, qualifier, function, variable or tag refers
   * to. Of other kinds it is the size, so ask {@link kindOf} first.
   */
  targetOf(id: number): number {
    const table = this.#tableOf(id);
    return table.#parts.words[table.#startOf(id) + 2] as number;
  }

  /**
   * Decodes one type with its members.
   *
   * @throws FormatError naming id and offset if it breaks the format
   */
  type(id: number): BtfType {
    if (id === 0) return { id: 0, kind: 'void' };
    const table = this.#tableOf(id);
    if (table !== this) return table.type(id);
    return decodeBtfType({
      id,
      words: this.#parts.words,
      start: this.#startOf(id),
      string: (offset) => this.string(offset, id),
      error: (what, wordIndex) => this.error(id, what, wordIndex),
    });
  }

  /** Ids of named types other than functions, those of the base first. */
  idsNamed(name: string): number[] {
    const own = name === '' ? [] : this.#nameIndex().find(name);
    return this.base === undefined ? own : [...this.base.idsNamed(name), ...own];
  }

  /** Enumerators of any enum by name, those of the base first. */
  enumeratorsNamed(name: string): BtfEnumerator[] {
    const { index, found } = this.#enumeratorIndex();
    const own = index.find(name).map((at) => found[at] as BtfEnumerator);
    return this.base === undefined ? own : [...this.base.enumeratorsNamed(name), ...own];
  }

  /**
   * A string by its offset; a split BTF counts on from the end of its base's strings.
   *
   * @throws FormatError naming type `id` if the offset lies outside
   */
  string(offset: number, id: number): string {
    const baseEnd = this.base?.stringsEnd ?? 0;
    if (offset < baseEnd && this.base !== undefined) return this.base.string(offset, id);
    const { strings } = this.#parts;
    const start = offset - baseEnd;
    if (start >= strings.length) {
      throw this.error(id, `name_off, expected below ${this.stringsEnd}, have ${offset}`);
    }
    return latin1(strings.subarray(start, strings.indexOf(0, start)));
  }

  /** A {@link FormatError} that names a type and where it, or a word of it, lies. */
  error(id: number, what: string, wordIndex?: number): FormatError {
    const { place, starts } = this.#parts;
    const at = wordIndex ?? starts[id - this.firstId];
    const where = at === undefined ? {} : { offset: place.offset + at * 4 };
    return new FormatError({ section: place.section, ...where }, `type ${id}, ${what}`);
  }

  #tableOf(id: number): BtfTable {
    if (id >= 0 && id < this.firstId && this.base !== undefined) return this.base.#tableOf(id);
    if (!(id >= this.firstId && id < this.endId)) {
      throw new FormatError(
        { section: this.section },
        `type ${id}, expected an id below ${this.endId}`,
      );
    }
    return this;
  }

  #startOf(id: number): number {
    return this.#parts.starts[id - this.firstId] as number;
  }

  /** Built by the first look-up: a run that needs no type does not pay for it. */
  #nameIndex(): NameIndex {
    if (this.#names !== undefined) return this.#names;
    const { words, starts } = this.#parts;
    const names = new NameIndex(this.#stringRanges(), starts.length);
    for (let i = 0; i < starts.length; i++) {
      const start = starts[i] as number;
      const name = words[start] as number;
      if (name === 0 || btfKind(words[start + 1] as number) === BTF_KIND_FUNC) continue;
      names.add(name, this.firstId + i);
    }
    this.#names = names;
    return names;
  }

  #enumeratorIndex(): { index: NameIndex; found: BtfEnumerator[] } {
    if (this.#enumerators !== undefined) return this.#enumerators;
    const { words, starts } = this.#parts;
    const found: BtfEnumerator[] = [];
    const names: number[] = [];
    for (let i = 0; i < starts.length; i++) {
      const start = starts[i] as number;
      const info = words[start + 1] as number;
      const kind = btfKind(info);
      if (kind !== BTF_KIND_ENUM && kind !== BTF_KIND_ENUM64) continue;
      const step = kind === BTF_KIND_ENUM ? 2 : 3;
      for (let index = 0; index < btfVlen(info); index++) {
        names.push(words[start + 3 + index * step] as number);
        found.push({ id: this.firstId + i, index });
      }
    }
    const index = new NameIndex(this.#stringRanges(), names.length);
    names.forEach((name, at) => index.add(name, at));
    this.#enumerators = { index, found };
    return this.#enumerators;
  }

  /** A split BTF shares strings with its base, so its names may lie in either. */
  #stringRanges(): StringRange[] {
    const own = { start: this.base?.stringsEnd ?? 0, bytes: this.#parts.strings };
    return this.base === undefined ? [own] : [...this.base.#stringRanges(), own];
  }
}
