// Small DWARF with one thing wrong, as rows of a table.

import * as c from '../../src/format/dwarf/constants.ts';
import { DwarfStyler, taskUnit } from './dwarf-kernel.ts';
import { DwarfWriter } from './dwarf-writer.ts';
import type { AttrSpec, DieSpec, DwarfBytes, UnitSpec } from './dwarf-writer.ts';

/** What is damaged, and what comes of it. */
export type Case = readonly [what: string, sections: Sections, message: RegExp];

export const s = new DwarfStyler({ version: 5 });

/** Sections, perhaps with one left out. */
export type Sections = Partial<DwarfBytes>;

export function built(...units: readonly UnitSpec[]): DwarfBytes {
  const writer = new DwarfWriter();
  for (const unit of units) writer.unit(unit);
  return writer.finish();
}

export function sound(): DwarfBytes {
  return built(s.unit(taskUnit(s)));
}

/** Entries below a unit, with an int before them. */
export function entries(...children: readonly DieSpec[]): DwarfBytes {
  return built(s.unit([s.base('int', 4, c.DW_ATE_signed), ...children]));
}

/** A struct `it` with one member of these attributes. */
export function withMember(...attrs: readonly AttrSpec[]): DwarfBytes {
  const member: DieSpec = { tag: c.DW_TAG_member, attrs: [s.name('m'), ...attrs] };
  return entries(s.struct('it', 8, { name: 'it', members: [member] }));
}

/** A typedef of an entry, so that it is looked at. */
export function typedefOf(...specs: readonly DieSpec[]): DwarfBytes {
  return entries(...specs, s.typedef('it', specs[0]?.label ?? ''));
}

export function patched(
  sections: DwarfBytes,
  name: '.debug_info' | '.debug_abbrev',
  patch: { at: number; bytes: readonly number[] },
): Sections {
  const bytes = sections[name].slice();
  bytes.set(patch.bytes, patch.at);
  return { ...sections, [name]: bytes };
}

export function info(at: number, ...bytes: readonly number[]): Sections {
  return patched(sound(), '.debug_info', { at, bytes });
}

export function abbrev(...bytes: readonly number[]): Sections {
  return { ...sound(), '.debug_abbrev': Uint8Array.from(bytes) };
}

/** The one abbreviation of a table, with the bytes of its entry behind the header of a unit. */
export function entry(specs: readonly number[], ...bytes: readonly number[]): Sections {
  const header = [9 + bytes.length, 0, 0, 0, 5, 0, 1, 8, 0, 0, 0, 0];
  return {
    '.debug_info': Uint8Array.from([...header, 1, ...bytes]),
    '.debug_abbrev': Uint8Array.from([1, c.DW_TAG_compile_unit, 1, ...specs, 0, 0, 0]),
  };
}

/** The number of an array's elements, as an attribute. */
export function elements(...attrs: readonly (readonly AttrSpec[])[]): DwarfBytes {
  return typedefOf(s.array('array', 'int', attrs));
}
