// Passes over the entries below one that does not say where its next sibling is: clang never says
// it, and most of what a kernel's units have is inside of functions.

import * as c from './constants.ts';
import { DwarfCursor } from './cursor.ts';
import { formSizes, skipForm } from './forms.ts';
import type { Unit } from './unit.ts';

/**
 * How to move behind the attributes of an entry: bytes of fixed forms, then a form whose size
 * differs, then bytes, and so on. The first number is always bytes.
 */
type SkipPlan = readonly number[];

/** Moves over entries of one unit. */
export class EntrySkipper {
  readonly #unit: Unit;
  readonly #cursor: DwarfCursor;
  readonly #plans: (SkipPlan | undefined)[] = [];

  constructor(unit: Unit) {
    this.#unit = unit;
    this.#cursor = new DwarfCursor(unit.bytes, { section: unit.section.name, base: unit.offset });
  }

  /**
   * Behind all entries from `start` on to the end of their siblings, and what is below them.
   *
   * @throws FormatError if the unit ends before
   */
  behindSiblings(start: number): number {
    const { bytes } = this.#unit;
    let at = start;
    for (let depth = 1; depth > 0;) {
      let code = bytes[at];
      if (code === undefined) throw this.#cursor.error('expected the end of its children', at);
      at++;
      if (code === 0) {
        depth--;
        continue;
      }
      if (code >= 0x80) {
        this.#cursor.at = at - 1;
        code = this.#cursor.uleb();
        at = this.#cursor.at;
      }
      at = this.#skip(at, this.#plans[code] ?? this.#plan(code, at));
      if (this.#unit.abbrevs[code]!.hasChildren) depth++;
    }
    return at;
  }

  /** Past the end of the unit the bytes are undefined, which ends every number and every entry. */
  #skip(start: number, plan: SkipPlan): number {
    const { bytes } = this.#unit;
    let at = start + plan[0]!;
    for (let i = 1; i < plan.length; i += 2) {
      const form = plan[i]!;
      if (IS_LEB[form] === 1) {
        while (bytes[at++]! >= 0x80);
      } else if (form === c.DW_FORM_exprloc && bytes[at]! < 0x80) {
        at += 1 + bytes[at]!;
      } else {
        this.#cursor.at = Math.min(at, bytes.length);
        skipForm(this.#cursor, form, this.#unit);
        at = this.#cursor.at;
      }
      at += plan[i + 1]!;
    }
    if (at <= bytes.length) return at;
    throw this.#cursor.error('expected an entry that ends in its unit', start);
  }

  #plan(code: number, at: number): SkipPlan {
    const abbrev = this.#unit.abbrevs[code];
    if (abbrev === undefined) {
      throw this.#cursor.error(`expected an entry, have code ${code}`, at - 1);
    }
    const sizes = formSizes(this.#unit);
    const plan = [0];
    for (let i = 1; i < abbrev.specs.length; i += 2) {
      const form = abbrev.specs[i]!;
      const size = sizes[form] ?? -1;
      if (size >= 0) plan[plan.length - 1]! += size;
      else plan.push(form, 0);
    }
    this.#plans[code] = plan;
    return plan;
  }
}

/** By form: 1 for a number in LEB128. */
const IS_LEB = new Uint8Array(0x30);
for (const form of [
  ...[c.DW_FORM_udata, c.DW_FORM_sdata, c.DW_FORM_ref_udata, c.DW_FORM_strx, c.DW_FORM_addrx],
  ...[c.DW_FORM_loclistx, c.DW_FORM_rnglistx],
]) {
  IS_LEB[form] = 1;
}
