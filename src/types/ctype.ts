// The C types of one kernel, whatever they come from: BTF, DWARF or a layout file. Types refer to
// each other, so everything that points elsewhere is a getter that resolves on first use.

import { InvalidError } from '../util/errors.ts';
import type { Declaration } from './declaration.ts';

/** `void`, also what a pointer to nothing known points to. */
export interface VoidType {
  readonly kind: 'void';
}

/** An integer, character or boolean. */
export interface IntType {
  readonly kind: 'int';
  readonly name: string;
  /** Size in bytes, 1 to 16. */
  readonly size: number;
  readonly signed: boolean;
}

/** A floating point number; the kernel has them only in FPU state. */
export interface FloatType {
  readonly kind: 'float';
  readonly name: string;
  readonly size: number;
}

/** A pointer. */
export interface PointerType {
  readonly kind: 'pointer';
  readonly size: number;
  /** What it points to, qualifiers and typedefs removed. */
  readonly target: CType;
}

/** An array of `count` elements; 0 for a flexible array member. */
export interface ArrayType {
  readonly kind: 'array';
  readonly element: CType;
  readonly count: number;
}

/** A struct or union. A forward declaration has size 0 and no members. */
export interface StructType {
  readonly kind: 'struct' | 'union';
  /** Empty for an anonymous one. */
  readonly name: string;
  /** Of an anonymous one the typedef that names it, as `atomic_t`; undefined if there is none. */
  readonly typedefName?: string | undefined;
  readonly size: number;
  readonly members: readonly Member[];
}

/** One member as it is declared; anonymous structs and unions have an empty name. */
export interface Member {
  readonly name: string;
  /** Offset from the start of the struct in bits. */
  readonly bitOffset: number;
  /** Width in bits of a bit field; undefined for an ordinary member. */
  readonly bitSize: number | undefined;
  /** Its type, qualifiers and typedefs removed. */
  readonly type: CType;
  /** As it is declared, qualifiers and typedefs kept; undefined where the source has lost them. */
  readonly declaration?: Declaration | undefined;
}

/** An enumeration. */
export interface EnumType {
  readonly kind: 'enum';
  readonly name: string;
  /** Of an anonymous one the typedef that names it; undefined if there is none. */
  readonly typedefName?: string | undefined;
  readonly size: number;
  readonly signed: boolean;
  readonly values: ReadonlyMap<string, bigint>;
}

/** A function; its signature is of no use to us. */
export interface FunctionType {
  readonly kind: 'function';
}

/** Any C type, with qualifiers (const, volatile, restrict, type tags) and typedefs removed. */
export type CType =
  VoidType | IntType | FloatType | PointerType | ArrayType | StructType | EnumType | FunctionType;

/** The name spaces of C in which a type is looked up. */
export type TypeKind = 'struct' | 'union' | 'enum' | 'typedef' | 'int';

/** Types by name. */
export interface TypeSource {
  /** Where they come from, in words that stand in results: `BTF in the dump`. */
  readonly origin: string;
  /**
   * A complete type by kind and name; undefined if this kernel has none. A typedef is resolved.
   * Anonymous enums are found through {@link findEnumerator}.
   */
  find(kind: TypeKind, name: string): CType | undefined;
  /** The value of an enumerator (`NR_FREE_PAGES`) in any enum, named or not. */
  findEnumerator(name: string): bigint | undefined;
  /** The type of a variable that the source describes; BTF has the per-CPU ones and no others. */
  variableType?(name: string): CType | undefined;
  /** What a typedef stands for, declared under its name; undefined where there is none. */
  typedefDeclaration?(name: string): Declaration | undefined;
  /**
   * Of a packed dump, which has only types that were used: whether the kernel may have one that is
   * not found. Other sources are whole and do not have this.
   */
  mayLack?(kind: TypeKind, name: string): boolean;
  /** The tags and typedefs that there are, some of them more than once. */
  names?(): Iterable<string>;
}

/** Where a member lies in a struct that may contain it several levels down. */
export interface MemberPlace {
  /** Offset from the start of the outermost struct in bits. */
  readonly bitOffset: number;
  readonly bitSize: number | undefined;
  readonly type: CType;
}

/** The size of a value of this type in bytes. */
export function sizeOf(type: CType): number {
  switch (type.kind) {
    case 'void':
    case 'function':
      return 0;
    case 'array':
      return type.count * sizeOf(type.element);
    default:
      return type.size;
  }
}

/**
 * Sorts types of one name, in place: those that say what they contain first, of them the largest,
 * since the others are mostly opaque stand-ins.
 */
export function sortByContent(types: CType[]): CType[] {
  if (types.length < 2) return types;
  return types.sort((a, b) => weight(b) - weight(a) || ownSize(b) - ownSize(a));
}

function weight(type: CType): number {
  if (type.kind === 'struct' || type.kind === 'union') return type.members.length > 0 ? 1 : 0;
  if (type.kind === 'enum') return type.values.size > 0 ? 1 : 0;
  return 1;
}

function ownSize(type: CType): number {
  return 'size' in type ? type.size : 0;
}

/** How deep anonymous structs are followed; a damaged type graph may contain itself. */
const NESTING_MAX = 32;

/**
 * A member by its path: `mm`, `signal.thread_head` is not one (that is another struct), but
 * `thread.sp`, `tasks.next` are. Members of anonymous structs and unions are found by their own
 * name, as in C. An array index may follow a name: `watermark[1]`.
 *
 * @returns undefined if there is no such member
 */
export function findMember(struct: StructType, path: string): MemberPlace | undefined {
  let place: MemberPlace = { bitOffset: 0, bitSize: undefined, type: struct };
  for (const step of path.split('.')) {
    const [, name, indices] = /^([A-Za-z_]\w*)((?:\[\d+\])*)$/.exec(step) ?? [];
    if (name === undefined) return undefined;
    if (place.type.kind !== 'struct' && place.type.kind !== 'union') return undefined;
    const found = findDirect(place.type, name, 0);
    if (found === undefined) return undefined;
    let { type, bitOffset } = found;
    for (const index of (indices ?? '').match(/\d+/g) ?? []) {
      if (type.kind !== 'array') return undefined;
      bitOffset += Number(index) * sizeOf(type.element) * 8;
      type = type.element;
    }
    place = { type, bitOffset: place.bitOffset + bitOffset, bitSize: found.bitSize };
  }
  return place;
}

/** Where members were found, per struct: walks ask for the same ones 100,000 times. */
const places = new WeakMap<StructType, Map<string, MemberPlace | undefined>>();

/** {@link findMember}, remembered. */
export function placeOf(struct: StructType, path: string): MemberPlace | undefined {
  let byPath = places.get(struct);
  if (byPath === undefined) {
    byPath = new Map();
    places.set(struct, byPath);
  }
  let place = byPath.get(path);
  if (place === undefined && !byPath.has(path)) {
    place = findMember(struct, path);
    byPath.set(path, place);
  }
  return place;
}

/** The bits of a bit field, counted from the least significant one of the byte it begins in. */
export interface BitField {
  readonly start: number;
  readonly size: number;
}

/** The byte that a member begins in, and of a bit field its bits from there on. */
export function byteAndBitsOf({ bitOffset, bitSize }: MemberPlace): {
  readonly byte: number;
  readonly bits: BitField | undefined;
} {
  const byte = Math.floor(bitOffset / 8);
  if (bitSize === undefined) return { byte, bits: undefined };
  return { byte, bits: { start: bitOffset - byte * 8, size: bitSize } };
}

/**
 * Where a member starts, in bytes.
 *
 * @throws InvalidError for one that starts inside a byte: a bit field, or damaged types
 */
export function byteOffsetOf({ bitOffset }: MemberPlace): number {
  if (bitOffset % 8 === 0) return bitOffset / 8;
  throw new InvalidError(`member: expected it at the start of a byte, have bit ${bitOffset}`);
}

function findDirect(struct: StructType, name: string, depth: number): MemberPlace | undefined {
  if (depth > NESTING_MAX) return undefined;
  for (const member of struct.members) {
    if (member.name === name) return member;
    if (member.name !== '') continue;
    const { type } = member;
    if (type.kind !== 'struct' && type.kind !== 'union') continue;
    const inner = findDirect(type, name, depth + 1);
    if (inner === undefined) continue;
    // Not `...inner`: a member's type may be a getter of its class, which a spread leaves out.
    const bitOffset = member.bitOffset + inner.bitOffset;
    return { bitOffset, bitSize: inner.bitSize, type: inner.type };
  }
  return undefined;
}
