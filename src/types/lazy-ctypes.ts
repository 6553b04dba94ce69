// CTypes over BTF or DWARF: each holds the id of what lies behind it and asks its graph for that,
// so that a type costs what is looked at and a graph with cycles needs no care.

import type { ArrayType, CType, EnumType, Member, PointerType, StructType } from './ctype.ts';
import type { Declaration } from './declaration.ts';

/** What the types of this file ask for; an id is that of a BTF type or of a DWARF entry. */
export interface TypeGraph {
  /** @throws FormatError if the type is damaged */
  typeOf(id: number): CType;
  /** The typedef that names an anonymous struct, union or enum. */
  typedefNameOf(id: number): string | undefined;
  /** @throws FormatError if the type is damaged */
  declare(id: number, name: string): Declaration;
}

/** A pointer; what it points to is made when it is followed. */
export class LazyPointer implements PointerType {
  readonly kind = 'pointer';
  readonly size: number;
  readonly #types: TypeGraph;
  readonly #target: number;

  constructor(types: TypeGraph, { size, target }: { size: number; target: number }) {
    this.#types = types;
    this.#target = target;
    this.size = size;
  }

  get target(): CType {
    return this.#types.typeOf(this.#target);
  }
}

/** An array; its size has been checked. */
export class LazyArray implements ArrayType {
  readonly kind = 'array';
  readonly count: number;
  readonly #types: TypeGraph;
  readonly #target: number;
  readonly #inner: readonly number[];

  /** @param counts of all dimensions, at least one */
  constructor(types: TypeGraph, { counts, target }: { counts: readonly number[]; target: number }) {
    const [count = 0, ...inner] = counts;
    this.count = count;
    this.#types = types;
    this.#target = target;
    this.#inner = inner;
  }

  get element(): CType {
    if (this.#inner.length === 0) return this.#types.typeOf(this.#target);
    return new LazyArray(this.#types, { counts: this.#inner, target: this.#target });
  }
}

/** A struct or union; its members are made when they are asked for. */
export class LazyStruct implements StructType {
  readonly kind: 'struct' | 'union';
  readonly name: string;
  readonly size: number;
  readonly #types: TypeGraph;
  readonly #id: number;
  readonly #read: () => Member[];
  #members: Member[] | undefined;

  constructor(
    types: TypeGraph,
    type: Pick<StructType, 'kind' | 'name' | 'size'> & { id: number; members: () => Member[] },
  ) {
    this.#types = types;
    this.#id = type.id;
    this.#read = type.members;
    this.kind = type.kind;
    this.name = type.name;
    this.size = type.size;
  }

  get typedefName(): string | undefined {
    return this.name === '' ? this.#types.typedefNameOf(this.#id) : undefined;
  }

  get members(): readonly Member[] {
    this.#members ??= this.#read();
    return this.#members;
  }
}

/** A member; its type is made when it is asked for. */
export class LazyMember implements Member {
  readonly name: string;
  readonly bitOffset: number;
  readonly bitSize: number | undefined;
  readonly #types: TypeGraph;
  readonly #type: number;

  constructor(
    types: TypeGraph,
    member: Pick<Member, 'name' | 'bitOffset' | 'bitSize'> & { type: number },
  ) {
    this.name = member.name;
    this.bitOffset = member.bitOffset;
    this.bitSize = member.bitSize;
    this.#types = types;
    this.#type = member.type;
  }

  get type(): CType {
    return this.#types.typeOf(this.#type);
  }

  get declaration(): Declaration {
    return this.#types.declare(this.#type, this.name);
  }
}

/** An enum; its values have been read. */
export class LazyEnum implements EnumType {
  readonly kind = 'enum';
  readonly name: string;
  readonly size: number;
  readonly signed: boolean;
  readonly values: ReadonlyMap<string, bigint>;
  readonly #types: TypeGraph;
  readonly #id: number;

  constructor(
    types: TypeGraph,
    type: Pick<EnumType, 'name' | 'size' | 'signed' | 'values'> & { id: number },
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
