// CTypes over a BTF: each holds ids and asks its BtfTypes for what lies behind them, so that a type
// costs what is looked at and a graph with cycles needs no care.

import type { BtfMember, BtfStruct, BtfType } from '../format/btf/records.ts';
import type { BtfTypes } from './btf-types.ts';
import { declareBtf } from './btf-declaration.ts';
import type { ArrayType, CType, EnumType, Member, PointerType, StructType } from './ctype.ts';
import type { Declaration } from './declaration.ts';

/** A pointer; what it points to is made when it is followed. */
export class BtfPointer implements PointerType {
  readonly kind = 'pointer';
  readonly size: number;
  readonly #types: BtfTypes;
  readonly #target: number;

  constructor(types: BtfTypes, target: number) {
    this.#types = types;
    this.#target = target;
    this.size = types.pointerSize;
  }

  get target(): CType {
    return this.#types.typeOf(this.#target);
  }
}

/** An array whose size has been checked. */
export class BtfArray implements ArrayType {
  readonly kind = 'array';
  readonly count: number;
  readonly #types: BtfTypes;
  readonly #element: number;

  constructor(types: BtfTypes, type: { element: number; count: number }) {
    this.#types = types;
    this.#element = type.element;
    this.count = type.count;
  }

  get element(): CType {
    return this.#types.typeOf(this.#element);
  }
}

/** A struct or union; its members are made when they are asked for. */
export class BtfStructType implements StructType {
  readonly kind: 'struct' | 'union';
  readonly name: string;
  readonly size: number;
  readonly #types: BtfTypes;
  readonly #type: BtfStruct;
  #members: Member[] | undefined;

  constructor(types: BtfTypes, type: BtfStruct) {
    this.#types = types;
    this.#type = type;
    this.kind = type.kind;
    this.name = type.name;
    this.size = type.size;
  }

  get typedefName(): string | undefined {
    return this.name === '' ? this.#types.typedefNameOf(this.#type.id) : undefined;
  }

  get members(): readonly Member[] {
    this.#members ??= this.#types.membersOf(this.#type);
    return this.#members;
  }
}

/** A member; its type is made when it is asked for. */
export class BtfMemberType implements Member {
  readonly name: string;
  readonly bitOffset: number;
  readonly bitSize: number | undefined;
  readonly #types: BtfTypes;
  readonly #type: number;

  constructor(types: BtfTypes, member: BtfMember, bitSize: number | undefined) {
    this.name = member.name;
    this.bitOffset = member.bitOffset;
    this.bitSize = bitSize;
    this.#types = types;
    this.#type = member.type;
  }

  get type(): CType {
    return this.#types.typeOf(this.#type);
  }

  get declaration(): Declaration {
    return declareBtf(this.#types.table, this.#type, this.name);
  }
}

/** An enum of 32 or 64 bits. */
export class BtfEnumType implements EnumType {
  readonly kind = 'enum';
  readonly name: string;
  readonly size: number;
  readonly signed: boolean;
  readonly values: ReadonlyMap<string, bigint>;
  readonly #types: BtfTypes;
  readonly #id: number;

  constructor(types: BtfTypes, type: Extract<BtfType, { kind: 'enum' | 'enum64' }>) {
    this.#types = types;
    this.#id = type.id;
    this.name = type.name;
    this.size = type.size;
    this.signed = type.signed;
    this.values = new Map(type.values.map(({ name, value }) => [name, value]));
  }

  get typedefName(): string | undefined {
    return this.name === '' ? this.#types.typedefNameOf(this.#id) : undefined;
  }
}
