// Whether a struct of DWARF can be: one that holds itself, not behind a pointer, has no size.

import * as c from '../format/dwarf/constants.ts';
import type { Die } from '../format/dwarf/die.ts';
import type { Dwarf, DieId } from '../format/dwarf/dwarf.ts';
import { VmcoreError } from '../util/errors.ts';
import { arrayCounts } from './dwarf-entries.ts';

/** Deeper than the structs of a kernel nest, which is some fifteen. */
const DEPTH_MAX = 64;

/** Looks at each struct once, however many hold it. */
export class DwarfContainment {
  readonly #dwarf: Dwarf;
  readonly #strip: (id: DieId) => DieId;
  readonly #sound = new Set<DieId>();

  /** @param strip takes typedefs and qualifiers off, and gives the entry that stands for a type */
  constructor(dwarf: Dwarf, strip: (id: DieId) => DieId) {
    this.#dwarf = dwarf;
    this.#strip = strip;
  }

  /** @throws FormatError if a struct or union, or one that it holds, holds itself */
  check(id: DieId): void {
    this.#check(id, new Set());
  }

  #check(id: DieId, holders: Set<DieId>): void {
    if (this.#sound.has(id)) return;
    const die = this.#dwarf.die(id);
    if (holders.has(id)) throw die.error(`${this.#words(die)} contains itself`);
    if (holders.size >= DEPTH_MAX) {
      throw die.error(`${this.#words(die)} is nested more than ${DEPTH_MAX} deep`);
    }
    holders.add(id);
    for (const held of this.#heldIn(die)) this.#check(held, holders);
    holders.delete(id);
    this.#sound.add(id);
  }

  /** What is damaged in other ways is told when it is read, and not of all that hold it. */
  #heldIn(die: Die): DieId[] {
    try {
      const members = [...die.children()].filter(({ tag }) => tag === c.DW_TAG_member);
      return members
        .filter((member) => !member.flag(c.DW_AT_external))
        .map((member) => this.#heldBy(this.#dwarf.target(member, c.DW_AT_type) ?? 0))
        .filter((id) => id !== undefined);
    } catch (error) {
      if (error instanceof VmcoreError) return [];
      throw error;
    }
  }

  /** The struct or union that is there in full, in an array perhaps; undefined for any other. */
  #heldBy(start: DieId): DieId | undefined {
    let id = start;
    for (let depth = 0; depth <= DEPTH_MAX && id !== 0; depth++) {
      const die = this.#dwarf.die(id);
      if (SMALL.has(die.tag)) return undefined;
      id = this.#strip(id);
      if (id === 0) return undefined;
      const stripped = this.#dwarf.die(id);
      if (HOLDING.has(stripped.tag)) return id;
      if (stripped.tag !== c.DW_TAG_array_type) return undefined;
      if (arrayCounts(stripped).includes(0)) return undefined;
      id = this.#dwarf.target(stripped, c.DW_AT_type) ?? 0;
    }
    return undefined;
  }

  #words(die: Die): string {
    const kind = die.tag === c.DW_TAG_union_type ? 'union' : 'struct';
    return `${kind} ${this.#dwarf.nameOf(die)}`.trim();
  }
}

/** What most members are, and what holds nothing. */
const SMALL = new Set([c.DW_TAG_base_type, c.DW_TAG_pointer_type, c.DW_TAG_enumeration_type]);

const HOLDING = new Set([c.DW_TAG_structure_type, c.DW_TAG_class_type, c.DW_TAG_union_type]);
