// Accessors made from a layout: the code that reads a member is generated once, with its offset,
// width, sign and byte order as constants in it, and then runs for each of thousands of structs.
// Only numbers that were checked and names that are C identifiers ever become code.
//
// Bit fields: a bit offset counts from the least significant bit of the first byte on a
// little-endian kernel and from the most significant one on a big-endian kernel, as BTF
// (Documentation/bpf/btf.rst) and DWARF's DW_AT_data_bit_offset do.

import { InvalidError, LookupError } from '../util/errors.ts';
import { findMember, sizeOf, type CType, type MemberPlace, type StructType } from './ctype.ts';

/**
 * The value of one member: a pointer and every integer of more than 32 bits is a bigint, smaller
 * integers and enums are numbers, anything else (`char comm[16]`, a struct) is a copy of its bytes.
 */
export type MemberValue = number | bigint | Uint8Array;

/** How a member is wanted; `auto` is what {@link MemberValue} says. */
export type MemberForm =
  | 'auto'
  | 'bigint'
  /** A number; of 64 bits one that is exact below 2^53 and rounded above. */
  | 'number'
  /** The low and the high 32 bits of a 64-bit value as numbers, for walks that avoid bigint. */
  | 'low32'
  | 'high32'
  | 'bytes';

/** Reads a member of the struct that starts at byte `base` of the view. */
export type MemberReader<Value = MemberValue> = (view: DataView, base: number) => Value;

/** What a form yields. */
export type FormValue<Form extends MemberForm> = Form extends 'auto'
  ? MemberValue
  : Form extends 'bigint'
    ? bigint
    : Form extends 'bytes'
      ? Uint8Array
      : number;

/** How the bytes of the kernel are to be read. */
export interface CompileOptions<Form extends MemberForm = MemberForm> {
  /** True unless told. */
  readonly littleEndian?: boolean;
  readonly as?: Form;
}

/**
 * Compiles the reader of one member.
 *
 * @param place what {@link findMember} returned; its offset counts from `base`
 * @throws InvalidError if the place is none that C could have, or the form does not suit the type
 */
export function compileMember<Form extends MemberForm = 'auto'>(
  place: MemberPlace,
  options: CompileOptions<Form> = {},
): MemberReader<FormValue<Form>> {
  const { littleEndian = true, as = 'auto' } = options;
  const code = memberCode(place, { littleEndian, as });
  return generate(code) as MemberReader<FormValue<Form>>;
}

/** Which members {@link compileReader} reads, by the key that the value gets. */
export type ReaderSpec = Readonly<Record<string, string | { path: string; as: MemberForm }>>;

/** What a reader of that specification returns. */
export type ReaderRecord<Spec extends ReaderSpec> = {
  [Key in keyof Spec]: Spec[Key] extends { as: infer Form extends MemberForm }
    ? FormValue<Form>
    : MemberValue;
};

/**
 * Compiles one function that reads several members into an object.
 *
 * @throws LookupError if the struct has no member of a path, InvalidError as {@link compileMember}
 */
export function compileReader<const Spec extends ReaderSpec>(
  struct: StructType,
  members: Spec,
  options: { littleEndian?: boolean } = {},
): MemberReader<ReaderRecord<Spec>> {
  const { littleEndian = true } = options;
  const fields = Object.entries(members).map(([key, spec]) => {
    const { path, as } = typeof spec === 'string' ? { path: spec, as: 'auto' as const } : spec;
    const place = findMember(struct, path);
    if (place === undefined)
      throw new LookupError('member', `${struct.kind} ${struct.name}.${path}`);
    checkKey(key);
    return `${key}: ${memberCode(place, { littleEndian, as })}`;
  });
  return generate(`({ ${fields.join(', ')} })`) as MemberReader<ReaderRecord<Spec>>;
}

/** Makes a function of an expression over `view` and `base`. */
function generate(expression: string): MemberReader<unknown> {
  // The expression is made of checked numbers and identifiers only, see checkKey and memberCode.
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  const make = new Function('copyBytes', `return (view, base) => ${expression};`);
  return (make as (copy: typeof copyBytes) => MemberReader<unknown>)(copyBytes);
}

/** A copy, since callers reuse the buffer; checked against the view, whose buffer may be larger. */
function copyBytes(view: DataView, offset: number, size: number): Uint8Array {
  if (offset < 0 || offset + size > view.byteLength) {
    throw new RangeError(`bytes ${offset} to ${offset + size} are outside of ${view.byteLength}`);
  }
  return new Uint8Array(view.buffer, view.byteOffset + offset, size).slice();
}

/** A key becomes code, so it must be an identifier; `__proto__:` would set the prototype. */
function checkKey(key: string): void {
  if (!/^[A-Za-z_]\w*$/.test(key) || key === '__proto__') {
    throw new InvalidError(`reader: key ${JSON.stringify(key)} is no identifier`);
  }
}

interface CodeOptions {
  readonly littleEndian: boolean;
  readonly as: MemberForm;
}

/** An expression over `view` and `base`. */
function memberCode(place: MemberPlace, options: CodeOptions): string {
  const { bitOffset, bitSize, type } = place;
  if (!Number.isSafeInteger(bitOffset) || bitOffset < 0) {
    throw new InvalidError(`member: bit offset, expected 0 to 2^53, have ${bitOffset}`);
  }
  if (options.as === 'bytes') return bytesCode(bitOffset / 8, sizeOf(type));
  if (bitSize !== undefined) return bitFieldCode({ bitOffset, bitSize, type }, options);
  if (bitOffset % 8 !== 0) {
    throw new InvalidError(`member: bit offset, expected a multiple of 8, have ${bitOffset}`);
  }
  const at = bitOffset / 8;
  if (type.kind === 'float') return floatCode(at, type.size, options);
  const scalar = scalarOf(type);
  if (scalar !== undefined) return integerCode(at, scalar, options);
  if (options.as === 'auto') return bytesCode(at, sizeOf(type));
  throw new InvalidError(`member: expected an integer to read as ${options.as}, have ${type.kind}`);
}

interface Scalar {
  readonly size: number;
  readonly signed: boolean;
  readonly isPointer: boolean;
}

/** What an integer of this type looks like; undefined for what is no integer. */
function scalarOf(type: CType): Scalar | undefined {
  if (type.kind === 'pointer') return { size: type.size, signed: false, isPointer: true };
  if (type.kind !== 'int' && type.kind !== 'enum') return undefined;
  return { size: type.size, signed: type.signed, isPointer: false };
}

function bytesCode(at: number, size: number): string {
  if (!Number.isSafeInteger(at) || !Number.isSafeInteger(size)) {
    throw new InvalidError(`member: ${size} bytes at ${at} are no whole bytes`);
  }
  return `copyBytes(view, base + ${at}, ${size})`;
}

function floatCode(at: number, size: number, { littleEndian, as }: CodeOptions): string {
  if (as !== 'auto' && as !== 'number') {
    throw new InvalidError(`member: expected an integer to read as ${as}, have float`);
  }
  if (size === 4 || size === 8) return `view.getFloat${size * 8}(base + ${at}, ${littleEndian})`;
  return bytesCode(at, size);
}

function integerCode(at: number, scalar: Scalar, options: CodeOptions): string {
  const { size, signed, isPointer } = scalar;
  const { littleEndian, as } = options;
  const get = (bits: number, offset: number, sign: boolean): string => {
    const method = `${bits === 64 ? 'Big' : ''}${sign ? 'Int' : 'Uint'}${bits}`;
    return `view.get${method}(base + ${offset}, ${littleEndian})`;
  };
  const half = (name: 'low' | 'high'): number =>
    at + ((name === 'low') === littleEndian ? 0 : size / 2);
  switch (size) {
    case 1:
    case 2:
    case 4: {
      const value = get(size * 8, at, signed && as !== 'low32');
      if (as === 'high32') throw new InvalidError(`member: ${size} bytes have no high 32 bits`);
      return as === 'bigint' || (as === 'auto' && isPointer) ? `BigInt(${value})` : value;
    }
    case 8:
      if (as === 'low32') return get(32, half('low'), false);
      if (as === 'high32') return get(32, half('high'), false);
      if (as !== 'number') return get(64, at, signed);
      return `${get(32, half('low'), false)} + ${get(32, half('high'), signed)} * 4294967296`;
    case 16: {
      const wide = `(${get(64, half('high'), signed)} << 64n | ${get(64, half('low'), false)})`;
      if (as === 'auto' || as === 'bigint') return wide;
      throw new InvalidError(`member: 16 bytes cannot be read as ${as}`);
    }
    default:
      throw new InvalidError(`member: integer size, expected 1, 2, 4, 8 or 16, have ${size}`);
  }
}

/** Only the bytes that hold the field are read: the next one may be past the end of the struct. */
function bitFieldCode(place: MemberPlace & { bitSize: number }, options: CodeOptions): string {
  const { bitOffset, bitSize, type } = place;
  const scalar = scalarOf(type);
  if (scalar === undefined)
    throw new InvalidError(`bit field: type is ${type.kind}, not an integer`);
  if (!Number.isInteger(bitSize) || bitSize < 1 || bitSize > 64) {
    throw new InvalidError(`bit field: width, expected 1 to 64 bits, have ${bitSize}`);
  }
  if (options.as === 'high32' && bitSize <= 32) {
    throw new InvalidError(`bit field: ${bitSize} bits have no high 32 bits`);
  }
  const first = Math.floor(bitOffset / 8);
  const count = Math.ceil(((bitOffset % 8) + bitSize) / 8);
  const shift = options.littleEndian ? bitOffset % 8 : count * 8 - (bitOffset % 8) - bitSize;
  const field = { first, count, shift, bitSize, signed: scalar.signed };
  const isWide = bitSize > 32;
  const value =
    shift + bitSize > 32 ? wideBits(field, options.littleEndian) : narrowBits(field, options);
  const isBigint = shift + bitSize > 32;
  switch (options.as) {
    case 'bigint':
      return isBigint ? value : `BigInt(${value})`;
    case 'low32':
      return isBigint ? `Number(BigInt.asUintN(32, ${value}))` : `((${value}) >>> 0)`;
    case 'high32':
      return `Number(BigInt.asUintN(32, ${value} >> 32n))`;
    case 'number':
      return isBigint ? `Number(${value})` : value;
    default:
      return isBigint && !isWide ? `Number(${value})` : value;
  }
}

interface BitFieldPlan {
  readonly first: number;
  readonly count: number;
  readonly shift: number;
  readonly bitSize: number;
  readonly signed: boolean;
}

function narrowBits(field: BitFieldPlan, { littleEndian }: CodeOptions): string {
  const { first, count, shift, bitSize, signed } = field;
  const bytes = Array.from({ length: count }, (_, i) => {
    const up = 8 * (littleEndian ? i : count - 1 - i);
    return `view.getUint8(base + ${first + i}) << ${up}`;
  });
  // Shifted up so that the field's top bit is bit 31, then down again with or without its sign.
  const [up, down] = [32 - shift - bitSize, 32 - bitSize];
  return `((${bytes.join(' | ')}) << ${up} ${signed ? '>>' : '>>>'} ${down})`;
}

function wideBits(field: BitFieldPlan, littleEndian: boolean): string {
  const { first, count, shift, bitSize, signed } = field;
  const bytes = Array.from({ length: count }, (_, i) => {
    const up = 8 * (littleEndian ? i : count - 1 - i);
    return `BigInt(view.getUint8(base + ${first + i})) << ${up}n`;
  });
  const cut = signed ? 'asIntN' : 'asUintN';
  return `BigInt.${cut}(${bitSize}, (${bytes.join(' | ')}) >> ${shift}n)`;
}
