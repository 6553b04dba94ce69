// Writes members of a C struct into its bytes, by the layout that the kernel's types give.

import {
  byteOffsetOf,
  placeOf,
  sizeOf,
  type MemberPlace,
  type StructType,
} from '../../types/ctype.ts';
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
    const place = memberPlace(this.type, path);
    const what = `${this.type.name}.${path}`;
    if (place.bitSize !== undefined) setBits(this.bytes, place, { value, what });
    else this.bytes.set(memberBytes(place, value, what), byteOffsetOf(place));
    return this;
  }

  /** {@link set} for several members. */
  setAll(fields: Fields): this {
    for (const [path, value] of Object.entries(fields)) this.set(path, value);
    return this;
  }
}

/** @throws AssertionError if the struct has no such member */
export function memberPlace(type: StructType, path: string): MemberPlace {
  const place = placeOf(type, path);
  assert(place !== undefined, `struct ${type.name} has no member ${path}`);
  return place;
}

const scratch = new DataView(new ArrayBuffer(8));
const SCRATCH: ReadonlyMap<number, Uint8Array> = new Map(
  [1, 2, 4, 8].map((size) => [size, new Uint8Array(scratch.buffer, 0, size)]),
);

/**
 * A member that is no bit field, as it stands in memory. Numbers are in bytes that the next call
 * writes over: millions of members are set in a machine of 100,000 tasks.
 *
 * @throws AssertionError if the value does not fit
 */
export function memberBytes({ type }: MemberPlace, value: FieldValue, what: string): Uint8Array {
  const size = sizeOf(type);
  if (value instanceof Uint8Array) {
    assert(value.length <= size, `${what}: ${value.length} bytes for ${size}`);
    if (value.length === size) return value;
    const bytes = new Uint8Array(size);
    bytes.set(value);
    return bytes;
  }
  return integerBytes(size, value, what);
}

/** An integer of 1, 2, 4 or 8 bytes, in bytes that the next call writes over. */
export function integerBytes(
  size: number,
  value: Exclude<FieldValue, Uint8Array>,
  what: string,
): Uint8Array {
  const bytes = SCRATCH.get(size);
  assert(bytes !== undefined, `${what}: no integer of ${size} bytes`);
  if (typeof value !== 'bigint' && size <= 4) {
    const number = Number(value);
    const fits = number >= -(2 ** (size * 8 - 1)) && number < 2 ** (size * 8);
    assert(fits && Number.isInteger(number), `${what}: ${number} in ${size} bytes`);
    scratch.setInt32(0, number, true);
    return bytes;
  }
  const wide = BigInt(value);
  assert(fits(wide, size * 8), `${what}: ${wide} in ${size} bytes`);
  scratch.setBigInt64(0, wide, true);
  return bytes;
}

/** @throws AssertionError if the value does not fit into the bit field */
export function setBits(
  bytes: Uint8Array,
  { bitOffset, bitSize = 0 }: MemberPlace,
  { value: given, what }: { value: FieldValue; what: string },
): void {
  assert(!(given instanceof Uint8Array), `${what}: bytes for a bit field`);
  const value = BigInt(given);
  assert(fits(value, bitSize), `${what}: ${value} in ${bitSize} bits`);
  for (let i = 0; i < bitSize; i++) {
    const bit = bitOffset + i;
    const mask = 1 << (bit & 7);
    const byte = bytes[bit >> 3] as number;
    const isSet = ((value >> BigInt(i)) & 1n) === 1n;
    bytes[bit >> 3] = isSet ? byte | mask : byte & ~mask;
  }
}

/** As signed or as unsigned: both spellings of a value are common, `-1` and `0xffffffff`. */
function fits(value: bigint, bits: number): boolean {
  return value >= -(1n << BigInt(bits - 1)) && value < 1n << BigInt(bits);
}
