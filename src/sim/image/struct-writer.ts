// Writes members of a C struct into its bytes, by the layout that the kernel's types give.

import { findMember, sizeOf, type MemberPlace, type StructType } from '../../types/ctype.ts';
import { assert } from '../../util/assert.ts';

/** What a member can be set to: a number of any width, or the bytes of an array or struct. */
export type FieldValue = number | bigint | boolean | Uint8Array;

/** Members by their path, as `findMember` takes them: `tasks.next`, `pid_links[1].pprev`. */
export type Fields = Readonly<Record<string, FieldValue>>;

/** One struct, little-endian, in bytes that somebody else keeps. */
export class StructWriter {
  readonly type: StructType;
  readonly bytes: Uint8Array;

  constructor(type: StructType, bytes: Uint8Array = new Uint8Array(type.size)) {
    assert(bytes.length >= type.size, `${bytes.length} bytes for struct ${type.name}`);
    this.type = type;
    this.bytes = bytes;
  }

  /** Whether this kernel's struct has such a member. */
  has(path: string): boolean {
    return placeOf(this.type, path) !== undefined;
  }

  /** @throws AssertionError if there is no such member, or if the value does not fit into it */
  set(path: string, value: FieldValue): this {
    const place = placeOf(this.type, path);
    assert(place !== undefined, `struct ${this.type.name} has no member ${path}`);
    const what = `${this.type.name}.${path}`;
    if (value instanceof Uint8Array) this.#setBytes(place, value, what);
    else if (place.bitSize === undefined) this.#setInteger(place, BigInt(value), what);
    else this.#setBits({ ...place, bitSize: place.bitSize }, BigInt(value), what);
    return this;
  }

  /** {@link set} for several members. */
  setAll(fields: Fields): this {
    for (const [path, value] of Object.entries(fields)) this.set(path, value);
    return this;
  }

  #setBytes(place: MemberPlace, value: Uint8Array, what: string): void {
    const size = sizeOf(place.type);
    assert(value.length <= size, `${what}: ${value.length} bytes for ${size}`);
    const start = place.bitOffset / 8;
    this.bytes.fill(0, start, start + size);
    this.bytes.set(value, start);
  }

  #setInteger(place: MemberPlace, value: bigint, what: string): void {
    const size = sizeOf(place.type);
    assert([1, 2, 4, 8].includes(size), `${what}: no integer of ${size} bytes`);
    assert(fits(value, size * 8), `${what}: ${value} in ${size} bytes`);
    let rest = BigInt.asUintN(64, value);
    for (let i = 0; i < size; i++, rest >>= 8n) {
      this.bytes[place.bitOffset / 8 + i] = Number(rest & 0xffn);
    }
  }

  #setBits(place: MemberPlace & { bitSize: number }, value: bigint, what: string): void {
    assert(fits(value, place.bitSize), `${what}: ${value} in ${place.bitSize} bits`);
    for (let i = 0; i < place.bitSize; i++) {
      const bit = place.bitOffset + i;
      const mask = 1 << (bit & 7);
      const byte = this.bytes[bit >> 3] as number;
      const isSet = ((value >> BigInt(i)) & 1n) === 1n;
      this.bytes[bit >> 3] = isSet ? byte | mask : byte & ~mask;
    }
  }
}

/** As signed or as unsigned: both spellings of a value are common, `-1` and `0xffffffff`. */
function fits(value: bigint, bits: number): boolean {
  return value >= -(1n << BigInt(bits - 1)) && value < 1n << BigInt(bits);
}

/** Where members lie, per struct: the same members are set in 100,000 tasks. */
const places = new WeakMap<StructType, Map<string, MemberPlace | undefined>>();

function placeOf(type: StructType, path: string): MemberPlace | undefined {
  let byPath = places.get(type);
  if (byPath === undefined) {
    byPath = new Map();
    places.set(type, byPath);
  }
  if (!byPath.has(path)) byPath.set(path, findMember(type, path));
  return byPath.get(path);
}
