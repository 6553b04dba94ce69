// BTF for an image, made from any source of types. Kernels with the patch were never distributed,
// so their types come from a layout file, and the image carries them as such a kernel would.

import { BTF_INT_BOOL, BTF_INT_SIGNED } from '../../format/btf/constants.ts';
import { BtfWriter } from '../../format/btf/write.ts';
import {
  sizeOf,
  type CType,
  type EnumType,
  type StructType,
  type TypeSource,
} from '../../types/ctype.ts';
import type { TypeName } from '../../types/layout-write.ts';
import { assert } from '../../util/assert.ts';

/** What {@link encodeBtf} encodes. */
export interface BtfContents {
  /** Types by name, with everything they are made of; those that the source lacks are left out. */
  readonly names: readonly TypeName[];
  /** Enumerators of enums that have no name; they become one. */
  readonly enumerators?: readonly string[];
}

/** The BTF of these types. The same types give the same bytes. */
export function encodeBtf(types: TypeSource, { names, enumerators = [] }: BtfContents): Uint8Array {
  const encoder = new Encoder(types);
  for (const typeName of names) {
    const [kind, name] = typeName.split(' ') as [Parameters<TypeSource['find']>[0], string];
    const type = types.find(kind, name);
    if (type === undefined) continue;
    if (kind === 'typedef') encoder.addTypedef(name, type);
    else encoder.idOf(type);
  }
  const values = enumerators.flatMap((name): [string, bigint][] => {
    const value = types.findEnumerator(name);
    return value === undefined ? [] : [[name, value]];
  });
  if (values.length > 0) encoder.addEnum(new Map(values));
  return encoder.finish();
}

/** Writes one record; its id is known before, the ids of what it refers to as well. */
type Emit = (writer: BtfWriter) => number;

/**
 * Gives each type an id when it is first met and writes the records afterwards, in the order of
 * their ids: a struct that points to itself needs its id before its members are looked at.
 */
class Encoder {
  readonly #records: (Emit | undefined)[] = [];
  readonly #ids = new Map<CType, number>();
  /** Sources make a new object for each pointer and array; equal ones share a record. */
  readonly #shared = new Map<string, number>();
  readonly #typedefs = new Set<string>();
  readonly #pending: { id: number; type: StructType }[] = [];
  readonly #types: TypeSource;

  constructor(types: TypeSource) {
    this.#types = types;
  }

  idOf(type: CType): number {
    const known = this.#ids.get(type);
    if (known !== undefined) return known;
    const id = this.#add(type);
    this.#ids.set(type, id);
    return id;
  }

  addTypedef(name: string, type: CType): void {
    if (this.#typedefs.has(name)) return;
    this.#typedefs.add(name);
    const target = this.idOf(type);
    this.#record((writer) => writer.typedef(name, target));
  }

  addEnum(values: EnumType['values']): void {
    this.#record(enumRecord({ kind: 'enum', name: '', size: 4, signed: false, values }));
  }

  finish(): Uint8Array {
    for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) {
      this.#fillStruct(next.id, next.type);
    }
    const writer = new BtfWriter();
    this.#records.forEach((emit, i) => {
      assert(emit?.(writer) === i + 1, `BTF type ${i + 1} is out of order`);
    });
    return writer.finish();
  }

  #add(type: CType): number {
    switch (type.kind) {
      case 'void':
        return 0;
      case 'int':
        return this.#share(`int ${type.name} ${type.size}`, (writer) =>
          writer.int(type.name, type.size, intEncoding(type)),
        );
      case 'float':
        return this.#share(`float ${type.name}`, (writer) => writer.float(type.name, type.size));
      case 'pointer': {
        const target = this.idOf(type.target);
        return this.#share(`ptr ${target}`, (writer) => writer.ptr(target));
      }
      case 'array': {
        const element = this.idOf(type.element);
        const index = this.#indexType();
        const { count } = type;
        return this.#share(`array ${element} ${count}`, (writer) =>
          writer.array(element, count, index),
        );
      }
      case 'function':
        return this.#share('func_proto', (writer) => writer.funcProto(0, []));
      case 'enum':
        return this.#named(type, this.#record(enumRecord(type)));
      default:
        return this.#addStruct(type);
    }
  }

  #addStruct(type: StructType): number {
    if (this.#isForward(type)) {
      return this.#share(`fwd ${type.kind} ${type.name}`, (writer) =>
        writer.fwd(type.name, type.kind),
      );
    }
    const id = this.#record(undefined);
    this.#pending.push({ id, type });
    return this.#named(type, id);
  }

  /** A struct may be empty and complete: `struct hstate` of a kernel without hugetlbfs. */
  #isForward(type: StructType): boolean {
    if (type.name === '' || type.size > 0 || type.members.length > 0) return false;
    return this.#types.find(type.kind, type.name) === undefined;
  }

  /** An anonymous type is known by its typedef alone. */
  #named(type: StructType | EnumType, id: number): number {
    this.#ids.set(type, id);
    if (type.typedefName !== undefined) this.addTypedef(type.typedefName, type);
    return id;
  }

  #fillStruct(id: number, type: StructType): void {
    const members = type.members.map(({ name, bitOffset, bitSize, type: memberType }) => ({
      name,
      bitOffset,
      type: this.idOf(memberType),
      ...(bitSize === undefined ? {} : { bitSize }),
    }));
    this.#records[id - 1] = (writer) => writer[type.kind](type.name, type.size, members);
  }

  /** pahole gives every array an index type of this name. */
  #indexType(): number {
    return this.#share('index', (writer) => writer.int('__ARRAY_SIZE_TYPE__', 4));
  }

  #share(key: string, emit: Emit): number {
    let id = this.#shared.get(key);
    if (id === undefined) {
      id = this.#record(emit);
      this.#shared.set(key, id);
    }
    return id;
  }

  #record(emit: Emit | undefined): number {
    return this.#records.push(emit);
  }
}

function intEncoding(type: { name: string; signed: boolean }): number {
  if (type.name === '_Bool') return BTF_INT_BOOL;
  return type.signed ? BTF_INT_SIGNED : 0;
}

/** An enum of 32 bits cannot hold every value; Linux 6.0 brought one that can. */
function enumRecord(type: EnumType): Emit {
  const values = [...type.values].map(([name, value]) => ({ name, value }));
  const { name, signed } = type;
  const form = { size: sizeOf(type), signed };
  const isWide = form.size > 4 || values.some(({ value }) => BigInt.asIntN(33, value) !== value);
  return (writer) => (isWide ? writer.enum64(name, values, form) : writer.enum(name, values, form));
}
