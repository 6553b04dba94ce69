// CTypes over DWARF: each holds the number of its entry and asks its DwarfTypes for what lies
// behind it, as those over BTF do.

import type { DieId } from '../format/dwarf/dwarf.ts';
import type { ArrayType, CType, EnumType, Member, PointerType, StructType } from './ctype.ts';
import type { Declaration } from './declaration.ts';

/** What the types of this file ask for. */
export interface DwarfGraph {
  typeOf(id: DieId): CType;
  membersOf(id: DieId): Member[];
  typedefNameOf(id: DieId): string | undefined;
  declare(id: DieId, name: string): Declaration;
}

/** A pointer; what it points to is made when it is followed. */
export class DwarfPointer implements PointerType {
  readonly kind = 'pointer';
  readonly size: number;
  readonly #types: DwarfGraph;
  readonly #target: DieId;

  constructor(types: DwarfGraph, { size, target }: { size: number; target: DieId }) {
    this.#types = types;
    this.#target = target;
    this.size = size;
  }

  get target(): CType {
    return this.#types.typeOf(this.#target);
  }
}

/** An array of one entry, which has all dimensions; its size has been checked. */
export class DwarfArray implements ArrayType {
  readonly kind = 'array';
  readonly count: number;
  readonly #types: DwarfGraph;
  readonly #target: DieId;
  readonly #inner: readonly number[];

  /** @param counts of all dimensions, at least one */
  constructor(types: DwarfGraph, { counts, target }: { counts: readonly number[]; target: DieId }) {
    const [count = 0, ...inner] = counts;
    this.count = count;
    this.#types = types;
    this.#target = target;
    this.#inner = inner;
  }

  get element(): CType {
    if (this.#inner.length === 0) return this.#types.typeOf(this.#target);
    return new DwarfArray(this.#types, { counts: this.#inner, target: this.#target });
  }
}

/** A struct or union; its members are made when they are asked for. */
export class DwarfStruct implements StructType {
  readonly kind: 'struct' | 'union';
  readonly name: string;
  readonly size: number;
  readonly #types: DwarfGraph;
  readonly #id: DieId;
  #members: Member[] | undefined;

  constructor(types: DwarfGraph, type: Pick<StructType, 'kind' | 'name' | 'size'> & { id: DieId }) {
    this.#types = types;
    this.#id = type.id;
    this.kind = type.kind;
    this.name = type.name;
    this.size = type.size;
  }

  get typedefName(): string | undefined {
    return this.name === '' ? this.#types.typedefNameOf(this.#id) : undefined;
  }

  get members(): readonly Member[] {
    this.#members ??= this.#types.membersOf(this.#id);
    return this.#members;
  }
}

/** A member; its type is made when it is asked for. */
export class DwarfMember implements Member {
  readonly name: string;
  readonly bitOffset: number;
  readonly bitSize: number | undefined;
  readonly #types: DwarfGraph;
  readonly #type: DieId;

  constructor(
    types: DwarfGraph,
    member: Pick<Member, 'name' | 'bitOffset' | 'bitSize'> & { target: DieId },
  ) {
    this.name = member.name;
    this.bitOffset = member.bitOffset;
    this.bitSize = member.bitSize;
    this.#types = types;
    this.#type = member.target;
  }

  get type(): CType {
    return this.#types.typeOf(this.#type);
  }

  get declaration(): Declaration {
    return this.#types.declare(this.#type, this.name);
  }
}

/** An enum; its values have been read. */
export class DwarfEnum implements EnumType {
  readonly kind = 'enum';
  readonly name: string;
  readonly size: number;
  readonly signed: boolean;
  readonly values: ReadonlyMap<string, bigint>;
  readonly #types: DwarfGraph;
  readonly #id: DieId;

  constructor(
    types: DwarfGraph,
    type: Pick<EnumType, 'name' | 'size' | 'signed' | 'values'> & { id: DieId },
  ) {
    this.#types = types;
    this.#id = type.id;
    this.name = type.name;
    this.size = type.size;
    this.signed = type.signed;
    this.values = type.values;
  }

  get typedefName(): string | undefined {
    return this.name === '' ? this.#types.typedefNameOf(this.#id) : undefined;
  }
}
