// A typed reference: a C type at a virtual address of the dumped kernel. Nothing is read until a
// value is asked for, and then only the bytes of that value, so that `pack` can keep just those.

import { vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';
import { LookupError } from '../util/errors.ts';
import { byteAndBitsOf, byteOffsetOf, placeOf, sizeOf } from '../types/ctype.ts';
import type { BitField, CType, MemberPlace, StructType, TypeSource } from '../types/ctype.ts';

/** What a reference reads through. */
export interface TypedMemory {
  readonly types: TypeSource;
  /**
   * @param of what the bytes are a part of, for the manifest of `pack`: a struct, `log`, `stack`
   * @throws FaultError naming the first virtual address that cannot be read
   */
  readInto(into: Uint8Array, address: Vaddr, of?: string): void;
}

/** Where in a struct a {@link Ref} points to. */
interface Inside {
  readonly bits: BitField | undefined;
  readonly root: string | undefined;
}

const NOWHERE: Inside = { bits: undefined, root: undefined };

/** A value of a C type in the memory of the dump. */
export class Ref {
  readonly memory: TypedMemory;
  readonly type: CType;
  readonly address: Vaddr;
  readonly #bits: BitField | undefined;
  /** The struct that the way to here began in; undefined where this is none's member. */
  readonly #root: string | undefined;

  /** @param inside of a member, its bits and the struct that it was reached from */
  constructor(memory: TypedMemory, type: CType, address: Vaddr, inside: Inside = NOWHERE) {
    this.memory = memory;
    this.type = type;
    this.address = address;
    this.#bits = inside.bits;
    this.#root = inside.root;
  }

  /**
   * A member by its path, `thread.sp` or `watermark[1]`. A pointer is followed, as `->` does:
   * `task.member('signal').member('thread_head')`; a path itself stays inside one struct.
   *
   * @throws LookupError if this kernel's struct has no such member
   * @throws FaultError if a pointer on the way cannot be read
   */
  member(path: string): Ref {
    if (this.type.kind === 'pointer') return this.deref().member(path);
    const place = this.#place(path);
    if (place === undefined) throw new LookupError('member', `${describeType(this.type)}.${path}`);
    const { byte, bits } = byteAndBitsOf(place);
    const inside = { bits, root: this.#of };
    return new Ref(this.memory, place.type, vaddrAdd(this.address, byte), inside);
  }

  /** Whether this kernel's struct, or the one that a pointer points to, has such a member. */
  has(path: string): boolean {
    const struct = this.type.kind === 'pointer' ? this.type.target : this.type;
    return isStruct(struct) && placeOf(struct, path) !== undefined;
  }

  /**
   * The first of several members that exists: kernels rename them.
   *
   * @throws LookupError if there is none of them
   */
  firstMember(...paths: string[]): Ref {
    const found = paths.find((path) => this.has(path));
    if (found === undefined) {
      throw new LookupError('member', `${describeType(this.type)}.${paths.join(' or .')}`);
    }
    return this.member(found);
  }

  /** Element `index` of an array, or of the array that a pointer points to. */
  at(index: number): Ref {
    if (this.type.kind === 'array') {
      const { element } = this.type;
      const inside = { bits: undefined, root: this.#of };
      return new Ref(this.memory, element, vaddrAdd(this.address, index * sizeOf(element)), inside);
    }
    const target = this.deref();
    return new Ref(this.memory, target.type, vaddrAdd(target.address, index * sizeOf(target.type)));
  }

  /** What a pointer points to. */
  deref(): Ref {
    if (this.type.kind !== 'pointer') {
      throw new LookupError('type', `${describeType(this.type)} *`);
    }
    return new Ref(this.memory, this.type.target, this.pointer());
  }

  /** The same address as another type. */
  as(type: CType): Ref {
    return new Ref(this.memory, type, this.address);
  }

  /** The same type at another address. */
  moved(address: Vaddr): Ref {
    return new Ref(this.memory, this.type, address);
  }

  /** The struct that has this value as its member `path` (the kernel's container_of()). */
  containerOf(type: StructType, path: string): Ref {
    const place = placeOf(type, path);
    if (place === undefined) throw new LookupError('member', `${describeType(type)}.${path}`);
    return new Ref(this.memory, type, vaddrAdd(this.address, -byteOffsetOf(place)));
  }

  /** An integer, enum, pointer or bit field, sign-extended where the type is signed. */
  integer(): bigint {
    if (this.#bits !== undefined) return this.#bitField(this.#bits);
    const size = sizeOf(this.type);
    const raw = readUnsigned(this.memory, this.address, size, this.#of);
    return isSigned(this.type) ? BigInt.asIntN(size * 8, raw) : raw;
  }

  /** The same as a number; only for values that fit into 53 bits by their type. */
  number(): number {
    const size = sizeOf(this.type);
    if (this.#bits !== undefined || size > 4) return Number(this.integer());
    const view = readView(this.memory, this.address, size, this.#of);
    const signed = isSigned(this.type);
    if (size === 4) return signed ? view.getInt32(0, true) : view.getUint32(0, true);
    if (size === 2) return signed ? view.getInt16(0, true) : view.getUint16(0, true);
    return signed ? view.getInt8(0) : view.getUint8(0);
  }

  /** A pointer's value, or an unsigned long's taken as one. */
  pointer(): Vaddr {
    return vaddr(readUnsigned(this.memory, this.address, 8, this.#of));
  }

  /** All bytes of the value, as a copy. */
  bytes(length = sizeOf(this.type)): Uint8Array {
    const bytes = new Uint8Array(length);
    this.memory.readInto(bytes, this.address, this.#of);
    return bytes;
  }

  /** A char array up to its first NUL (all of it where there is none), as bytes. */
  cString(length = sizeOf(this.type)): Uint8Array {
    const bytes = this.bytes(length);
    const end = bytes.indexOf(0);
    return end < 0 ? bytes : bytes.subarray(0, end);
  }

  /** What the value is a part of. */
  get #of(): string | undefined {
    return this.#root ?? (isStruct(this.type) ? this.type.name : undefined);
  }

  #place(path: string): MemberPlace | undefined {
    return isStruct(this.type) ? placeOf(this.type, path) : undefined;
  }

  #bitField({ start, size }: BitField): bigint {
    const byteCount = Math.ceil((start + size) / 8);
    const bytes = this.bytes(byteCount);
    let value = 0n;
    for (let i = byteCount - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0);
    value = BigInt.asUintN(size, value >> BigInt(start));
    return isSigned(this.type) ? BigInt.asIntN(size, value) : value;
  }
}

const scratch = new Uint8Array(8);
const scratchView = new DataView(scratch.buffer);

/** A view of up to 8 bytes, valid until the next call. No object of arguments: this is hot. */
function readView(
  memory: TypedMemory,
  address: Vaddr,
  size: number,
  of: string | undefined,
): DataView {
  memory.readInto(scratch.subarray(0, size), address, of);
  return scratchView;
}

function readUnsigned(
  memory: TypedMemory,
  address: Vaddr,
  size: number,
  of: string | undefined,
): bigint {
  const view = readView(memory, address, size, of);
  switch (size) {
    case 1:
      return BigInt(view.getUint8(0));
    case 2:
      return BigInt(view.getUint16(0, true));
    case 4:
      return BigInt(view.getUint32(0, true));
    case 8:
      return view.getBigUint64(0, true);
    default:
      throw new LookupError('type', `integer of ${size} bytes`);
  }
}

function isStruct(type: CType): type is StructType {
  return type.kind === 'struct' || type.kind === 'union';
}

function isSigned(type: CType): boolean {
  return (type.kind === 'int' || type.kind === 'enum') && type.signed;
}

/** A type in C words, for messages. */
export function describeType(type: CType): string {
  switch (type.kind) {
    case 'struct':
    case 'union':
    case 'enum':
      return `${type.kind} ${type.name || '<anonymous>'}`;
    case 'pointer':
      return `${describeType(type.target)} *`;
    case 'array':
      return `${describeType(type.element)} [${type.count}]`;
    case 'int':
    case 'float':
      return type.name;
    default:
      return type.kind;
  }
}
