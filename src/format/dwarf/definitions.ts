// What is defined under which name: the first entry of each definition that the units share. A
// header's struct stands in every unit that includes it, so that a kernel has five million
// definitions and some hundred thousand that differ.

import { UnsupportedError } from '../../util/errors.ts';
import * as c from './constants.ts';
import type { Dwarf, DieId } from './dwarf.ts';
import type { Die } from './die.ts';
import { DEFINED, scanUnit, type Defined, type Found } from './scan.ts';
import type { StringPlace } from './strings.ts';

/** One definition. */
export interface Definition {
  readonly what: Defined;
  readonly name: StringPlace;
  readonly size: number;
  readonly id: DieId;
}

/** More definitions than any file has: a kernel has 50,000 that differ. Each takes 400 bytes. */
const DEFINITIONS_MAX = 1 << 20;

/** Of one name as many are told apart, which bounds the search among them. */
const SAME_NAME_MAX = 1000;

/** Every definition of a file; made by passing over all of it once. */
export class DwarfIndex {
  readonly #dwarf: Dwarf;
  readonly #heads = new Map<number, number>();
  readonly #keys: number[] = [];
  readonly #sizes: number[] = [];
  readonly #lines: number[] = [];
  readonly #ids: number[] = [];
  /** The next definition of the same name. */
  readonly #nexts: number[] = [];
  #byName: Map<string, number[]> | undefined;

  /**
   * @throws FormatError if the file is damaged, naming section and offset
   * @throws UnsupportedError if all types are in files of their own
   */
  constructor(dwarf: Dwarf) {
    this.#dwarf = dwarf;
    let buffer = new Uint8Array(1 << 20);
    let skeletonCount = 0;
    for (const header of dwarf.headers()) {
      const length = header.end - header.offset;
      if (length > buffer.length) buffer = new Uint8Array(length * 2);
      const unit = dwarf.load(header, buffer);
      const base = dwarf.idAt(unit, 0);
      const add = (found: Found): void => this.#add(found, base + found.at);
      if (scanUnit(unit, dwarf.strings, add)) skeletonCount++;
    }
    if (skeletonCount > 0 && this.#ids.length === 0) {
      const what = `its types are in ${skeletonCount} .dwo files (split DWARF), which are not read`;
      throw new UnsupportedError(`.debug_info: ${what}`);
    }
  }

  /** How many different definitions there are. */
  get count(): number {
    return this.#ids.length;
  }

  /** What is defined under a name, in the order of the file. */
  find(what: Defined, name: string): Definition[] {
    this.#byName ??= this.#readNames();
    return (this.#byName.get(name) ?? [])
      .map((at) => this.#at(at))
      .filter((definition) => definition.what === what);
  }

  /** The names of all definitions. */
  names(): Iterable<string> {
    return (this.#byName ??= this.#readNames()).keys();
  }

  /**
   * The entry that stands for all that define the same: the same name, size and line, in whatever
   * unit. An entry without a name stands for itself.
   */
  canonical(what: Defined, die: Die): DieId {
    const name = this.#dwarf.namePlace(die);
    const own = this.#dwarf.idOf(die);
    if (name === undefined) return own;
    const size = die.size(c.DW_AT_byte_size) ?? 0;
    const line = die.size(c.DW_AT_decl_line) ?? 0;
    const at = this.#search(keyOf(what, name), { size, line });
    return at === undefined ? own : this.#ids[at]!;
  }

  #add(found: Found, id: DieId): void {
    const key = keyOf(found.what, found.name);
    if (this.#search(key, found) !== undefined) return;
    const at = this.#ids.length;
    if (at >= DEFINITIONS_MAX) {
      throw new UnsupportedError(`.debug_info: more than ${DEFINITIONS_MAX} definitions`);
    }
    this.#keys.push(key);
    this.#sizes.push(found.size);
    this.#lines.push(found.line);
    this.#ids.push(id);
    this.#nexts.push(this.#heads.get(key) ?? -1);
    this.#heads.set(key, at);
  }

  #search(key: number, { size, line }: { size: number; line: number }): number | undefined {
    let count = 0;
    for (let at = this.#heads.get(key) ?? -1; at >= 0; at = this.#nexts[at]!) {
      if (this.#sizes[at] === size && this.#lines[at] === line) return at;
      if (++count === SAME_NAME_MAX) return at;
    }
    return undefined;
  }

  #at(at: number): Definition {
    const key = this.#keys[at]!;
    return {
      what: (key % KINDS) as Defined,
      name: Math.floor(key / KINDS),
      size: this.#sizes[at]!,
      id: this.#ids[at]!,
    };
  }

  #readNames(): Map<string, number[]> {
    const byName = new Map<string, number[]>();
    // By place, so that the table of strings is read once from end to end.
    const order = this.#keys.map((_, at) => at).sort((a, b) => this.#keys[a]! - this.#keys[b]!);
    for (const at of order) {
      const { what, name } = this.#at(at);
      if (what === DEFINED.anonymousEnum) continue;
      const text = this.#dwarf.strings.text(name);
      const known = byName.get(text);
      if (known === undefined) byName.set(text, [at]);
      else known.push(at);
    }
    for (const list of byName.values()) list.sort((a, b) => a - b);
    return byName;
  }

  /** Every enum, named or not. */
  *enums(): Generator<DieId> {
    for (let at = 0; at < this.#ids.length; at++) {
      const what = this.#keys[at]! % KINDS;
      if (what === DEFINED.enum || what === DEFINED.anonymousEnum) yield this.#ids[at]!;
    }
  }
}

/** Room for the kinds of {@link DEFINED} below a place. */
const KINDS = 16;

function keyOf(what: Defined, name: StringPlace): number {
  return name * KINDS + what;
}
