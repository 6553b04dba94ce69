// The types of a kernel from its BTF. A BTF has some 100,000 of them and a command looks at fifty,
// so a CType is made when it is asked for and the graph grows from there.

import * as c from '../format/btf/constants.ts';
import type { BtfInt, BtfMember, BtfStruct, BtfType } from '../format/btf/records.ts';
import type { BtfTable } from '../format/btf/table.ts';
import { declareBtf } from './btf-declaration.ts';
import { pointerSizeOf } from './c-declaration.ts';
import { sortByContent, type CType, type Member } from './ctype.ts';
import type { TypeKind, TypeSource } from './ctype.ts';
import type { Declaration } from './declaration.ts';
import type { TypeName } from './layout-write.ts';
import {
  LazyArray,
  LazyEnum,
  LazyMember,
  LazyPointer,
  LazyStruct,
  type TypeGraph,
} from './lazy-ctypes.ts';

/** How a {@link BtfTypes} is made from its table. */
export interface BtfTypesOptions {
  /** Words for results; `BTF in the dump` unless told. */
  readonly origin?: string;
  /** Bytes of a pointer; else those of `unsigned long`, which the kernel makes the same. */
  readonly pointerSize?: number;
  /**
   * Where types are completed that this BTF only names: forward declarations, and the memberless
   * structs of a distilled base (`.BTF.base`, Linux 6.11), which keeps name and size only.
   */
  readonly completeFrom?: TypeSource;
}

type BtfEnum = Extract<BtfType, { kind: 'enum' | 'enum64' }>;

/** As the kernel's own limit on modifiers and nested arrays (MAX_RESOLVE_DEPTH in btf.c). */
const DEPTH_MAX = 32;

/** The kernel refuses types of 4 GiB and more (btf_array_check_member and friends). */
const SIZE_MAX = 0xffff_ffff;

const FUNCTION_TYPE: CType = { kind: 'function' };
const VOID_TYPE: CType = { kind: 'void' };

/**
 * The name that gcc gives `s8`. BTF of older encoders lacks the mark of signed ints on it (seen in
 * Debian's 5.10.223, whose DWARF has DW_ATE_signed_char), and the differences that CPUs keep to the
 * counters of zones and nodes are `s8`: -1 page would be 255. Of a plain `char` without the mark
 * nothing is known: its sign is the compiler's.
 */
const SIGNED_CHAR = 'signed char';

function isSigned({ encoding, name }: BtfInt): boolean {
  return (encoding & c.BTF_INT_SIGNED) !== 0 || name === SIGNED_CHAR;
}

/** A {@link TypeSource} over one BTF, split or not. */
export class BtfTypes implements TypeSource, TypeGraph {
  readonly origin: string;
  readonly table: BtfTable;
  readonly pointerSize: number;
  readonly #completeFrom: TypeSource | undefined;
  readonly #made = new Map<number, CType>();
  #typedefNames: Map<number, string> | undefined;

  constructor(table: BtfTable, options: BtfTypesOptions = {}) {
    this.table = table;
    this.origin = options.origin ?? 'BTF in the dump';
    this.#completeFrom = options.completeFrom;
    this.pointerSize = options.pointerSize ?? pointerSizeOf(this);
  }

  find(kind: TypeKind, name: string): CType | undefined {
    return this.findAll(kind, name)[0];
  }

  /**
   * Every type of that kind and name. Source files may define different structs of one name; the
   * one with members and of the largest size comes first, since the others are mostly opaque
   * stand-ins. A forward declaration is no type here.
   */
  findAll(kind: TypeKind, name: string): CType[] {
    const ids = this.table
      .idsNamed(name)
      .filter((id) => KINDS[kind].includes(this.table.kindOf(id)));
    const types = ids.map((id) => this.typeOf(id));
    return sortByContent(types);
  }

  findEnumerator(name: string): bigint | undefined {
    const place = this.table.enumeratorsNamed(name)[0];
    if (place === undefined) return undefined;
    const type = this.table.type(place.id);
    if (type.kind !== 'enum' && type.kind !== 'enum64') return undefined;
    return type.values[place.index]?.value;
  }

  /**
   * The type of a variable that BTF describes: pahole encodes the per-CPU variables of a kernel
   * (section .data..percpu) and no others unless it is asked to.
   */
  variableType(name: string): CType | undefined {
    for (const id of this.table.idsNamed(name)) {
      const type = this.table.type(id);
      if (type.kind === 'var') return this.typeOf(type.target);
    }
    return undefined;
  }

  *names(): Generator<string> {
    for (let id = this.table.firstId; id < this.table.endId; id++) {
      if (NAMED_KINDS.has(this.table.kindOf(id))) yield this.table.nameOf(id);
    }
  }

  typedefDeclaration(name: string): Declaration | undefined {
    const id = this.table.idsNamed(name).find((each) => {
      return this.table.kindOf(each) === c.BTF_KIND_TYPEDEF;
    });
    return id === undefined ? undefined : this.declare(this.table.targetOf(id), name);
  }

  declare(id: number, name: string): Declaration {
    return declareBtf(this.table, id, name);
  }

  /**
   * A type by its id, typedefs and qualifiers removed.
   *
   * @throws FormatError if the id is none, or if the type or what it is made of is damaged
   */
  typeOf(id: number): CType {
    const stripped = this.#strip(id);
    const known = this.#made.get(stripped);
    if (known !== undefined) return known;
    const type = this.#make(this.table.type(stripped));
    this.#made.set(stripped, type);
    return type;
  }

  /** Structs, unions and enums with a name that were looked at, also behind a pointer. */
  *usedNames(): Generator<TypeName> {
    for (const type of this.#made.values()) {
      const isNamed = type.kind === 'struct' || type.kind === 'union' || type.kind === 'enum';
      if (isNamed && type.name !== '') yield `${type.kind} ${type.name}`;
    }
  }

  typedefNameOf(id: number): string | undefined {
    this.#typedefNames ??= this.#readTypedefNames();
    return this.#typedefNames.get(id);
  }

  /** Members of a struct with old and new bit fields alike. */
  #membersOf(struct: BtfStruct): Member[] {
    return struct.members.map((member) => {
      if (member.bitSize !== 0) return new LazyMember(this, member);
      const field = this.#oldBitField(member);
      return field ?? new LazyMember(this, { ...member, bitSize: undefined });
    });
  }

  /**
   * Before kind_flag (Linux 5.0) a bit field was a member of an int type with fewer bits than its
   * size holds.
   */
  #oldBitField(member: BtfMember): Member | undefined {
    const id = this.#strip(member.type);
    if (this.table.kindOf(id) !== c.BTF_KIND_INT) return undefined;
    const int = this.table.type(id) as BtfInt;
    if (int.offset === 0 && int.bits === int.size * 8) return undefined;
    const bitOffset = member.bitOffset + int.offset;
    return new LazyMember(this, { ...member, bitOffset, bitSize: int.bits });
  }

  #strip(start: number): number {
    let id = start;
    for (let depth = 0; depth <= DEPTH_MAX; depth++) {
      const kind = this.table.kindOf(id);
      if (!TRANSPARENT.has(kind)) return id;
      id = this.table.targetOf(id);
    }
    throw this.table.error(
      start,
      `expected at most ${DEPTH_MAX} typedefs and qualifiers, have more`,
    );
  }

  #make(type: BtfType): CType {
    switch (type.kind) {
      case 'void':
        return VOID_TYPE;
      case 'int':
        return { kind: 'int', name: type.name, size: type.size, signed: isSigned(type) };
      case 'float':
        return { kind: 'float', name: type.name, size: type.size };
      case 'ptr':
        return new LazyPointer(this, { size: this.pointerSize, target: type.target });
      case 'array':
        this.#checkArray(type.id);
        return new LazyArray(this, { counts: [type.count], target: type.element });
      case 'struct':
      case 'union':
        return this.#makeStruct(type);
      case 'enum':
      case 'enum64':
        return this.#makeEnum(type);
      case 'fwd':
        return this.#completeForward(type.name, type.isUnion ? 'union' : 'struct');
      case 'func':
      case 'func_proto':
        return FUNCTION_TYPE;
      default:
        throw this.table.error(type.id, `expected a type of values, have ${type.kind}`);
    }
  }

  #makeStruct(type: BtfStruct): CType {
    if (type.members.length === 0 && type.name !== '' && this.#completeFrom !== undefined) {
      const complete = this.#completeFrom.find(type.kind, type.name);
      if (complete !== undefined && sizeIn(complete) === type.size) return complete;
    }
    const { kind, name, size, id } = type;
    return new LazyStruct(this, { kind, name, size, id, members: () => this.#membersOf(type) });
  }

  #makeEnum({ values, ...type }: BtfEnum): CType {
    const byName = new Map(values.map(({ name, value }) => [name, value]));
    return new LazyEnum(this, { ...type, values: byName });
  }

  #completeForward(name: string, kind: 'struct' | 'union'): CType {
    const complete = this.find(kind, name) ?? this.#completeFrom?.find(kind, name);
    return complete ?? { kind, name, size: 0, members: [] };
  }

  /** An array that contains itself, or of more elements than memory has, must not get out. */
  #checkArray(start: number): void {
    let id = start;
    let count = 1;
    for (let depth = 0; depth <= DEPTH_MAX; depth++) {
      const type = this.table.type(this.#strip(id));
      if (type.kind !== 'array') {
        const elementSize = type.kind === 'ptr' ? this.pointerSize : 'size' in type ? type.size : 0;
        if (count * elementSize <= SIZE_MAX) return;
        const have = `${count} elements of ${elementSize}`;
        throw this.table.error(start, `array, expected at most ${SIZE_MAX} bytes, have ${have}`);
      }
      count *= type.count;
      id = type.element;
    }
    throw this.table.error(start, `array, expected at most ${DEPTH_MAX} dimensions, have more`);
  }

  #readTypedefNames(): Map<number, string> {
    const names = new Map<number, string>();
    for (let id = 1; id < this.table.endId; id++) {
      if (this.table.kindOf(id) !== c.BTF_KIND_TYPEDEF) continue;
      const target = this.table.targetOf(id);
      if (!names.has(target)) names.set(target, this.table.nameOf(id));
    }
    return names;
  }
}

/** The kinds that say how a type may be used, not what it is. */
const TRANSPARENT = new Set([
  c.BTF_KIND_TYPEDEF,
  c.BTF_KIND_VOLATILE,
  c.BTF_KIND_CONST,
  c.BTF_KIND_RESTRICT,
  c.BTF_KIND_TYPE_TAG,
]);

const NAMED_KINDS = new Set([
  ...[c.BTF_KIND_STRUCT, c.BTF_KIND_UNION, c.BTF_KIND_TYPEDEF],
  ...[c.BTF_KIND_ENUM, c.BTF_KIND_ENUM64],
]);

const KINDS: Record<TypeKind, readonly number[]> = {
  struct: [c.BTF_KIND_STRUCT],
  union: [c.BTF_KIND_UNION],
  enum: [c.BTF_KIND_ENUM, c.BTF_KIND_ENUM64],
  typedef: [c.BTF_KIND_TYPEDEF],
  int: [c.BTF_KIND_INT],
};

function sizeIn(type: CType): number {
  return 'size' in type ? type.size : 0;
}
