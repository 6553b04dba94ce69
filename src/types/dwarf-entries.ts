// Single entries of DWARF decoded: what a base type is, how many elements an array has, where the
// members of a struct lie (DWARF 5, chapter 5).

import * as c from '../format/dwarf/constants.ts';
import type { Die } from '../format/dwarf/die.ts';
import type { Dwarf, DieId } from '../format/dwarf/dwarf.ts';
import type { Unit } from '../format/dwarf/unit.ts';
import type { CType, Member } from './ctype.ts';
import { LazyMember, type TypeGraph } from './lazy-ctypes.ts';

/** A member further inside, or a type larger than this, is damage. */
const SIZE_MAX = 0xffff_ffff;
const INT_SIZE_MAX = 16;
/** As deep as modifiers and arrays nest in a kernel (MAX_RESOLVE_DEPTH in btf.c). */
const DEPTH_MAX = 32;

const FLOATS = new Set([c.DW_ATE_float, c.DW_ATE_complex_float]);
const SIGNED = new Set([c.DW_ATE_signed, c.DW_ATE_signed_char]);

/** 5.1.1. @throws FormatError if it has no size that an int can have */
export function baseType(dwarf: Dwarf, die: Die): CType {
  const name = dwarf.nameOf(die);
  const size = byteSize(die);
  const encoding = die.size(c.DW_AT_encoding) ?? 0;
  if (FLOATS.has(encoding)) return { kind: 'float', name, size };
  if (size < 1 || size > INT_SIZE_MAX) {
    throw die.error(`base type ${name}, expected 1 to ${INT_SIZE_MAX} bytes, have ${size}`);
  }
  return { kind: 'int', name, size, signed: SIGNED.has(encoding) };
}

/** DW_AT_byte_size; 0 for what has none: a declaration. @throws FormatError if it is absurd */
export function byteSize(die: Die): number {
  const size = die.size(c.DW_AT_byte_size) ?? 0;
  if (size > SIZE_MAX) throw die.error(`expected at most ${SIZE_MAX} bytes, have ${size}`);
  return size;
}

/**
 * The elements of each dimension, the outermost first (5.13). 0 stands for a dimension that is not
 * known: a flexible array, or one that a variable sizes.
 *
 * @throws FormatError if there are more elements than memory has bytes
 */
export function arrayCounts(die: Die): number[] {
  const counts: number[] = [];
  for (const child of die.children()) {
    if (child.tag === c.DW_TAG_subrange_type) counts.push(countOf(child));
  }
  return counts.length === 0 ? [0] : counts;
}

function countOf(range: Die): number {
  const upper = range.constant(c.DW_AT_upper_bound);
  const lower = range.constant(c.DW_AT_lower_bound) ?? 0n;
  const counted = range.constant(c.DW_AT_count);
  if (counted === undefined && upper === undefined) return 0;
  const count = counted ?? (upper as bigint) - lower + 1n;
  // gcc writes -1 for `[0]`, in whatever width.
  if (ALL_ONES.has(counted ?? (upper as bigint)) || count === 0n) return 0;
  if (count > 0n && count <= BigInt(SIZE_MAX)) return Number(count);
  throw range.error(`expected 0 to ${SIZE_MAX} elements, have ${count}`);
}

const ALL_ONES = new Set([-1n, 0xffff_ffffn, 0xffff_ffff_ffff_ffffn]);

/**
 * Looks at an array with all its dimensions.
 *
 * @param strip takes typedefs and qualifiers off
 * @throws FormatError if it contains itself, or is larger than memory
 */
export function checkArray(dwarf: Dwarf, start: DieId, strip: (id: DieId) => DieId): void {
  let id = start;
  let count = 1;
  for (let depth = 0; depth <= DEPTH_MAX; depth++) {
    const stripped = strip(id);
    const die = stripped === 0 ? undefined : dwarf.die(stripped);
    if (die?.tag !== c.DW_TAG_array_type) {
      const size = die?.size(c.DW_AT_byte_size) ?? 0;
      if (count * size <= SIZE_MAX) return;
      const have = `${count} elements of ${size}`;
      throw dwarf.die(start).error(`array, expected at most ${SIZE_MAX} bytes, have ${have}`);
    }
    for (const dimension of arrayCounts(die)) count *= dimension;
    id = dwarf.target(die, c.DW_AT_type) ?? 0;
  }
  const what = `array, expected at most ${DEPTH_MAX} dimensions, have more`;
  throw dwarf.die(start).error(what);
}

/** Enumerator → the enum that has it; of several the first. */
export function enumeratorNames(dwarf: Dwarf, enums: Iterable<DieId>): Map<string, DieId> {
  const found = new Map<string, DieId>();
  for (const id of enums) {
    for (const child of dwarf.die(id).children()) {
      if (child.tag !== c.DW_TAG_enumerator) continue;
      const name = dwarf.nameOf(child);
      if (!found.has(name)) found.set(name, id);
    }
  }
  return found;
}

/**
 * The enumerators of an enum (5.7). A value of the enum's whole width with its top bit set is taken
 * for what it says, unless others of the enum are negative: then it is, too.
 */
export function enumValues(dwarf: Dwarf, die: Die, size: number): Map<string, bigint> {
  const values = new Map<string, bigint>();
  for (const child of die.children()) {
    if (child.tag !== c.DW_TAG_enumerator) continue;
    const value = child.constant(c.DW_AT_const_value);
    if (value === undefined) throw child.error('expected an enumerator with a value');
    values.set(dwarf.nameOf(child), value);
  }
  const bits = size * 8;
  if (![...values.values()].some((value) => value < 0n)) return values;
  for (const [name, value] of values) values.set(name, BigInt.asIntN(bits, value));
  return values;
}

/** The members of a struct, union or class in their order (5.7.6). */
export function structMembers(types: TypeGraph, dwarf: Dwarf, die: Die): Member[] {
  const members: Member[] = [];
  for (const child of die.children()) {
    if (child.tag !== c.DW_TAG_member || child.flag(c.DW_AT_external)) continue;
    const target = dwarf.target(child, c.DW_AT_type) ?? 0;
    const name = dwarf.nameOf(child);
    const bitSize = child.size(c.DW_AT_bit_size);
    const place =
      bitSize === undefined
        ? locationOf(child) * 8
        : bitFieldOffset(child, bitSize, () => storageSize(dwarf, target));
    members.push(new LazyMember(types, { name, bitOffset: place, bitSize, type: target }));
  }
  return members;
}

/**
 * Where a bit field starts, in bits from the start of the struct, counted from the least
 * significant bit (5.7.6). Before version 4 it is counted from the most significant bit of its
 * storage unit.
 */
function bitFieldOffset(member: Die, bitSize: number, typeSize: () => number): number {
  const direct = member.size(c.DW_AT_data_bit_offset);
  if (direct !== undefined) return direct;
  const fromTop = member.constant(c.DW_AT_bit_offset);
  const start = locationOf(member) * 8;
  if (fromTop === undefined) return start;
  const unitBits = (member.size(c.DW_AT_byte_size) ?? typeSize()) * 8;
  const offset = start + unitBits - Number(fromTop) - bitSize;
  if (offset >= 0 && offset <= SIZE_MAX * 8) return offset;
  throw member.error(`bit field, expected it inside its struct, have bit ${offset}`);
}

/** Bytes of the int behind typedefs and qualifiers. */
function storageSize(dwarf: Dwarf, start: DieId): number {
  let id = start;
  for (let depth = 0; depth < DEPTH_MAX && id !== 0; depth++) {
    const die = dwarf.die(id);
    const size = die.size(c.DW_AT_byte_size);
    if (size !== undefined) return size;
    id = dwarf.target(die, c.DW_AT_type) ?? 0;
  }
  return 0;
}

/**
 * DW_AT_data_member_location in bytes: a constant, or the one expression that gcc wrote before
 * version 3 allowed constants. It is left out of unions.
 */
function locationOf(member: Die): number {
  const constant = member.constant(c.DW_AT_data_member_location);
  if (constant !== undefined) return checkedLocation(member, constant);
  const block = member.block(c.DW_AT_data_member_location);
  if (block === undefined) {
    if (!member.has(c.DW_AT_data_member_location)) return 0;
    throw member.error('expected the place of the member as a constant or an expression');
  }
  const { cursor, length } = block;
  const operation = length === 0 ? 0 : cursor.u8();
  if (operation !== c.DW_OP_plus_uconst && operation !== c.DW_OP_constu) {
    throw member.error(`expected DW_OP_plus_uconst, have operation 0x${operation.toString(16)}`);
  }
  return checkedLocation(member, cursor.ulebBig());
}

function checkedLocation(member: Die, location: bigint): number {
  if (location >= 0n && location <= BigInt(SIZE_MAX)) return Number(location);
  throw member.error(`expected a member at 0 to ${SIZE_MAX}, have ${location}`);
}

/** Entry → the first typedef of it, of the typedefs of one unit. */
export function typedefTargets(dwarf: Dwarf, unit: Unit): Map<DieId, string> {
  const targets = new Map<DieId, string>();
  for (const die of dwarf.topOf(unit).children()) {
    if (die.tag !== c.DW_TAG_typedef) continue;
    const target = dwarf.target(die, c.DW_AT_type);
    if (target !== undefined && !targets.has(target)) targets.set(target, dwarf.nameOf(die));
  }
  return targets;
}
