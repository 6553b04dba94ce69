// The result object of `stallcore struct VMCORE NAME`: how a type of the dumped kernel is laid out.

import type { CType, EnumType, Member, StructType, TypeSource } from '../types/ctype.ts';
import { placeOf, sizeOf } from '../types/ctype.ts';
import {
  declarationOf,
  memberTypeWords,
  typeWords,
  type Declaration,
} from '../types/declaration.ts';
import { storedMembers, type Hole, type StoredMember } from '../types/holes.ts';
import { optional } from '../util/optional.ts';

export type { Hole } from '../types/holes.ts';

/** The layout of a struct, a union, an enum, or what a typedef or an int is. */
export interface TypeLayout {
  readonly type: 'type-layout';
  readonly kind: 'struct' | 'union' | 'enum' | 'other';
  /** As it was asked for: `task_struct`, `gfp_t`. */
  readonly name: string;
  /** How the type is declared where a typedef names it: `typedef unsigned int gfp_t`. */
  readonly typedef?: string;
  /** The tag of the struct, union or enum; absent for one without. */
  readonly tag?: string;
  readonly sizeBytes: number;
  /** Where the types come from. */
  readonly source: string;
  /** Of a struct or union. */
  readonly body?: StructBody;
  /** Of an enum. */
  readonly values?: readonly EnumValue[];
}

/** A struct or union from brace to brace. */
export interface StructBody {
  readonly kind: 'struct' | 'union';
  readonly members: readonly MemberLayout[];
  /** Unused before the first member. */
  readonly before: Hole;
  /** Unused behind the last member. */
  readonly padding: Hole;
  /** Members of damaged types that are too many to be shown. */
  readonly notShown?: number;
}

/** A name of an enum; the value in decimal digits, since it may have 64 bits. */
export interface EnumValue {
  readonly name: string;
  readonly value: string;
}

/** A member. */
export interface MemberLayout {
  /** Empty for an anonymous one. */
  readonly name: string;
  /** Its type in C words, `char [16]`. */
  readonly type: string;
  /** The declaration as C has it, in two parts: `char` and `comm[16]`. */
  readonly declaration: Declaration;
  /** From the start of the outermost struct; of a bit field to its storage unit. */
  readonly offsetBytes: number;
  /** Of a bit field the size of its storage unit. */
  readonly sizeBytes: number;
  /** Of a bit field: its first bit, counted from the lowest of the storage unit, and its width. */
  readonly bits?: { readonly start: number; readonly size: number };
  /** Of a struct or union that is defined in place. */
  readonly body?: StructBody;
  /** Of an enum that is defined in place. */
  readonly values?: readonly EnumValue[];
  /** Unused between this member and the next; absent where nothing is. */
  readonly hole?: Hole;
  /** Unused bytes at the end of the struct that the member is; absent where there are none. */
  readonly typePaddingBytes?: number;
}

/** How deep types in place are followed; the kernel's own go to six. */
const NESTING_MAX = 16;
/** Members in all, those in place too; damaged types may contain themselves many times. */
const MEMBERS_MAX = 20_000;

/** The name of a type: a tag or a typedef, and its kind where that was said. */
export interface AskedType {
  readonly kind?: 'struct' | 'union' | 'enum';
  readonly name: string;
}

/** What a name stands for. */
export interface NamedType {
  readonly type: CType;
  /** It is a typedef, declared so. */
  readonly typedef?: Declaration;
}

/**
 * A type by its name: a struct, union or enum of that tag, else a typedef, else an int.
 *
 * @returns undefined if these types have none
 * @throws FormatError if the type is damaged
 */
export function namedType(types: TypeSource, { kind, name }: AskedType): NamedType | undefined {
  for (const each of kind === undefined ? (['struct', 'union', 'enum'] as const) : [kind]) {
    const type = types.find(each, name);
    if (type !== undefined) return { type };
  }
  if (kind !== undefined) return undefined;
  const type = types.find('typedef', name);
  if (type === undefined) {
    const int = types.find('int', name);
    return int === undefined ? undefined : { type: int };
  }
  return { type, typedef: types.typedefDeclaration?.(name) ?? declarationOf(named(name, type)) };
}

function named(name: string, type: CType): Member {
  return { name, type, bitOffset: 0, bitSize: undefined };
}

/**
 * The layout of a type: its members with their offsets and the holes between them, its values.
 *
 * @param found what {@link namedType} found by the name
 * @throws FormatError if the type is damaged
 */
export function typeLayout(asked: AskedType, found: NamedType, source: string): TypeLayout {
  const { type, typedef } = found;
  return {
    type: 'type-layout',
    kind:
      type.kind === 'struct' || type.kind === 'union' || type.kind === 'enum' ? type.kind : 'other',
    name: asked.name,
    ...optional('typedef', typedef === undefined ? undefined : `typedef ${typeWords(typedef)}`),
    ...('name' in type && type.name !== '' && isTagged(type) ? { tag: type.name } : {}),
    sizeBytes: sizeOf(type),
    source,
    ...(isStruct(type) ? { body: new BodyReader().body(type, 0) } : {}),
    ...(type.kind === 'enum' ? { values: enumValues(type) } : {}),
  };
}

/**
 * The layout of the member that a path leads to, `comm`, `se.load.weight`; through a pointer too,
 * and is then counted from the start of what that points to.
 *
 * @returns undefined if there is no such member
 */
export function memberLayout(type: CType, path: string): MemberLayout | undefined {
  let current = type;
  let base = 0;
  let found: Member | undefined;
  for (const step of path.split('.')) {
    base += Math.floor((found?.bitOffset ?? 0) / 8);
    if (current.kind === 'pointer') [current, base] = [current.target, 0];
    const [, name = '', indices = ''] = /^(\w+)((?:\[\d+\])*)$/.exec(step) ?? [];
    const place = isStruct(current) ? placeOf(current, step) : undefined;
    if (!isStruct(current) || place === undefined) return undefined;
    const declared = indices === '' ? memberNamed(current, name)?.declaration : undefined;
    found = { ...place, name: step, ...optional('declaration', declared) };
    current = place.type;
  }
  return found === undefined ? undefined : new BodyReader().member(unionOf(found), base);
}

/** The member itself, which may be one of an anonymous struct. */
function memberNamed(struct: StructType, name: string, depth = 0): Member | undefined {
  for (const member of struct.members) {
    if (member.name === name) return member;
    if (member.name !== '' || !isStruct(member.type) || depth > NESTING_MAX) continue;
    const inner = memberNamed(member.type, name, depth + 1);
    if (inner !== undefined) return inner;
  }
  return undefined;
}

/** A union has no holes. */
function unionOf(member: Member): StoredMember {
  return storedMembers({ kind: 'union', name: '', size: 0, members: [member] }).members[0]!;
}

/** Reads bodies, so many members in all. */
class BodyReader {
  #left = MEMBERS_MAX;
  /** A struct may be a member many times. */
  readonly #paddings = new Map<StructType, number | undefined>();

  body(struct: StructType, base: number, depth = 0): StructBody {
    const { kind } = struct;
    if (this.#left <= 0) {
      return {
        kind,
        members: [],
        before: NO_HOLE,
        padding: NO_HOLE,
        notShown: struct.members.length,
      };
    }
    const { members, before, padding } = storedMembers(struct);
    const shown = members.slice(0, this.#left);
    this.#left -= shown.length;
    const notShown = members.length - shown.length;
    return {
      kind,
      members: shown.map((stored) => {
        const member = this.member(stored, base, depth);
        // What the end of a member of a union leaves, another may use.
        const paddingBytes = kind === 'union' ? undefined : this.#padding(stored.member);
        return { ...member, ...optional('typePaddingBytes', paddingBytes) };
      }),
      before,
      padding,
      ...(notShown > 0 ? { notShown } : {}),
    };
  }

  member({ member, byte, size, bits, hole }: StoredMember, base: number, depth = 0): MemberLayout {
    const declaration = declarationOf(member);
    const inPlace = typeInPlace(member.type, declaration);
    return {
      name: member.name,
      type: memberTypeWords(member),
      declaration,
      offsetBytes: base + byte,
      sizeBytes: size,
      ...optional('bits', bits),
      ...(isStruct(inPlace) && depth < NESTING_MAX
        ? { body: this.body(inPlace, isBehindPointer(member.type) ? 0 : base + byte, depth + 1) }
        : {}),
      ...(inPlace?.kind === 'enum' ? { values: this.#values(inPlace) } : {}),
      ...(hole.bytes > 0 || hole.bits > 0 ? { hole } : {}),
    };
  }

  #values(type: EnumType): EnumValue[] {
    const values = enumValues(type).slice(0, Math.max(0, this.#left));
    this.#left -= values.length;
    return values;
  }

  /** As pahole: of what is declared as a struct itself, not through a typedef. */
  #padding({ type, declaration }: Member): number | undefined {
    if (type.kind !== 'struct') return undefined;
    if (declaration !== undefined && !declaration.base.startsWith('struct')) return undefined;
    if (!this.#paddings.has(type)) {
      const { bytes } = storedMembers(type).padding;
      this.#paddings.set(type, bytes > 0 ? bytes : undefined);
    }
    return this.#paddings.get(type);
  }
}

const NO_HOLE: Hole = { bytes: 0, bits: 0 };

/** `struct { … } *name` lies elsewhere, and its members are counted from there. */
function isBehindPointer(type: CType): boolean {
  let current = type;
  while (current.kind === 'array') current = current.element;
  return current.kind === 'pointer';
}

/** A struct, union or enum of which neither a tag nor a typedef stands in the declaration. */
const IN_PLACE = /^(?:(?:const|volatile) )*(?:struct|union|enum)(?: \*)*$/;

/** The type that is written out where the member is. */
function typeInPlace(type: CType, { base }: Declaration): StructType | EnumType | undefined {
  if (!IN_PLACE.test(base)) return undefined;
  let current = type;
  for (let depth = 0; depth < NESTING_MAX; depth++) {
    if (current.kind === 'array') current = current.element;
    else if (current.kind === 'pointer') current = current.target;
    else break;
  }
  return isStruct(current) || current.kind === 'enum' ? current : undefined;
}

function isTagged(type: CType): boolean {
  return (isStruct(type) || type.kind === 'enum') && type.name !== '';
}

function enumValues({ values }: EnumType): EnumValue[] {
  return [...values].map(([name, value]) => ({ name, value: String(value) }));
}

function isStruct(type: CType | undefined): type is StructType {
  return type?.kind === 'struct' || type?.kind === 'union';
}
