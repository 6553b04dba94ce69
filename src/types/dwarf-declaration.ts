// DWARF as types that can be declared.

import * as c from '../format/dwarf/constants.ts';
import type { Die } from '../format/dwarf/die.ts';
import type { Dwarf, DieId } from '../format/dwarf/dwarf.ts';
import { ELLIPSIS, taggedWords, type DeclarationStep } from './declare.ts';
import { arrayCounts } from './dwarf-entries.ts';

/** What an entry is in a declaration. @throws FormatError if there is none, or it is damaged */
export function dwarfStep(dwarf: Dwarf, id: DieId): DeclarationStep {
  if (id === 0) return { kind: 'base', words: 'void' };
  const die = dwarf.die(id);
  const word = QUALIFIERS.get(die.tag);
  const target = (): DieId => dwarf.target(die, c.DW_AT_type) ?? 0;
  if (word !== undefined) return { kind: 'qualifier', word, target: target() };
  switch (die.tag) {
    case c.DW_TAG_pointer_type:
      return { kind: 'pointer', target: target() };
    case c.DW_TAG_array_type:
      return { kind: 'array', counts: arrayCounts(die), target: target() };
    case c.DW_TAG_subroutine_type:
      return { kind: 'function', parameters: parametersOf(dwarf, die), target: target() };
    default:
      return { kind: 'base', words: baseWords(dwarf, die) };
  }
}

const QUALIFIERS = new Map([
  [c.DW_TAG_const_type, 'const'],
  [c.DW_TAG_volatile_type, 'volatile'],
  [c.DW_TAG_restrict_type, 'restrict'],
  [c.DW_TAG_atomic_type, '_Atomic'],
]);

function parametersOf(dwarf: Dwarf, die: Die): number[] {
  const parameters: number[] = [];
  for (const child of die.children()) {
    if (child.tag === c.DW_TAG_formal_parameter) {
      parameters.push(dwarf.target(child, c.DW_AT_type) ?? 0);
    } else if (child.tag === c.DW_TAG_unspecified_parameters) parameters.push(ELLIPSIS);
  }
  return parameters;
}

function baseWords(dwarf: Dwarf, die: Die): string {
  const name = nameOf(dwarf, die);
  switch (die.tag) {
    case c.DW_TAG_structure_type:
    case c.DW_TAG_class_type:
      return taggedWords('struct', name);
    case c.DW_TAG_union_type:
      return taggedWords('union', name);
    case c.DW_TAG_enumeration_type:
      return taggedWords('enum', name);
    case c.DW_TAG_unspecified_type:
      return 'void';
    default:
      return name;
  }
}

/** A stub in place of a type that stands in a type unit may leave the name to that (7.5.3). */
function nameOf(dwarf: Dwarf, die: Die): string {
  if (die.has(c.DW_AT_name)) return dwarf.nameOf(die);
  const signed = dwarf.target(die, c.DW_AT_signature);
  return signed === undefined ? '' : dwarf.nameOf(dwarf.die(signed));
}
