// Whole structs to plain values, by binary-parser: what `struct` prints. Walks over many structs
// use compile.ts, which is several times faster; a test holds that both agree on every member.
//
// Of binary-parser only what is right for C is used: its bit fields read bytes in big-endian order
// and its strings keep what lies behind the first NUL, so bit fields are taken from bytes and char
// arrays stay bytes.

import { Parser } from 'binary-parser/dist/binary_parser.js';
import { FormatError, InvalidError } from '../util/errors.ts';
import { sizeOf, type CType, type Member, type StructType } from './ctype.ts';

/**
 * A value as {@link StructParser} gives it: integers of more than 32 bits and pointers are bigints,
 * arrays of one-byte integers are bytes, members of anonymous structs are those of their parent.
 */
export type ParsedValue = number | bigint | Uint8Array | ParsedValue[] | ParsedStruct;

/** The members of a struct by name. */
export interface ParsedStruct {
  [member: string]: ParsedValue;
}

/** How deep structs may nest; a damaged type graph may contain itself. */
const NESTING_MAX = 32;

/** Decodes structs of one type. */
export class StructParser {
  readonly struct: StructType;
  readonly #parser: Parser;

  /** @throws InvalidError if the struct cannot be a C struct: see {@link parserFor} */
  constructor(struct: StructType, options: { littleEndian?: boolean } = {}) {
    this.struct = struct;
    this.#parser = new ParserBuilder(options.littleEndian ?? true).build(struct, 0);
  }

  /** @throws FormatError if there are fewer bytes than the struct has */
  parse(bytes: Uint8Array): ParsedStruct {
    const { kind, name, size } = this.struct;
    if (bytes.length < size) {
      const section = `${kind} ${name}`;
      throw new FormatError({ section }, `expected ${size} bytes, have ${bytes.length}`);
    }
    return this.#parser.parse(bytes) as ParsedStruct;
  }
}

const parsers = new WeakMap<StructType, StructParser>();

/**
 * The parser of a struct; made once.
 *
 * @throws InvalidError if a member lies outside of its struct, has a name that is no C name, or if
 *   structs nest deeper than 32
 */
export function parserFor(struct: StructType): StructParser {
  let parser = parsers.get(struct);
  if (parser === undefined) parsers.set(struct, (parser = new StructParser(struct)));
  return parser;
}

class ParserBuilder {
  readonly #littleEndian: boolean;

  constructor(littleEndian: boolean) {
    this.#littleEndian = littleEndian;
  }

  build(struct: StructType, depth: number): Parser {
    if (depth > NESTING_MAX) {
      throw new InvalidError(`struct ${struct.name}: nested deeper than ${NESTING_MAX}`);
    }
    const parser = new Parser();
    let position = 0;
    const members = [...struct.members].sort((a, b) => a.bitOffset - b.bitOffset);
    for (const member of members) {
      const start = Math.floor(member.bitOffset / 8);
      const size = byteSize(member);
      if (start + size > struct.size) {
        const end = `${struct.size} bytes, have ${start + size}`;
        throw new InvalidError(`struct ${struct.name}.${member.name}: expected end within ${end}`);
      }
      if (start !== position) parser.seek(start - position);
      this.#addMember(parser, member, depth);
      position = start + size;
    }
    // What contains this struct goes on behind all of it, padding and lower union members included.
    if (position !== struct.size) parser.seek(struct.size - position);
    return parser;
  }

  #addMember(parser: Parser, member: Member, depth: number): void {
    const { name, type, bitSize } = member;
    if (name === '') {
      // An unnamed bit field is padding; its bytes are passed over like those of any hole.
      if (type.kind === 'struct' || type.kind === 'union') {
        parser.nest({ type: this.build(type, depth + 1) });
      } else parser.seek(byteSize(member));
      return;
    }
    if (!/^[A-Za-z_]\w*$/.test(name) || name === '__proto__') {
      throw new InvalidError(`member ${JSON.stringify(name)}: expected a C name`);
    }
    if (bitSize === undefined) this.#addValue(parser, name, { type, depth });
    else this.#addBitField(parser, member, bitSize);
  }

  #addValue(parser: Parser, name: string, value: { type: CType; depth: number }): void {
    const { type, depth } = value;
    switch (type.kind) {
      case 'struct':
      case 'union':
        parser.nest(name, { type: this.build(type, depth + 1) });
        return;
      case 'array':
        return this.#addArray(parser, name, { array: type, depth });
      case 'void':
      case 'function':
        throw new InvalidError(`member ${name}: a ${type.kind} has no value`);
      default:
        return this.#addScalar(parser, name, type);
    }
  }

  #addScalar(
    parser: Parser,
    name: string,
    type: Exclude<CType, { kind: 'array' | 'struct' }>,
  ): void {
    const wide = sizeOf(type) === 16;
    const primitive = this.#primitive(type);
    if (wide) {
      const formatter = (halves: bigint[]): bigint => this.#joinHalves(halves, isSigned(type));
      parser.array(name, { type: primitive, length: 2, formatter });
    } else if (type.kind === 'pointer' && type.size === 4) {
      parser.array(name, {
        type: primitive,
        length: 1,
        formatter: ([v = 0]: number[]) => BigInt(v),
      });
    } else {
      (parser as unknown as Record<string, (name: string) => Parser>)[primitive]?.(name);
    }
  }

  #addArray(
    parser: Parser,
    name: string,
    value: { array: Extract<CType, { kind: 'array' }>; depth: number },
  ): void {
    const { array, depth } = value;
    const { element, count } = array;
    const isBytes = element.kind === 'int' && element.size === 1;
    if (count === 0) {
      // A flexible array member; binary-parser takes a length of 0 only from a function.
      const formatter = (): ParsedValue => (isBytes ? new Uint8Array(0) : []);
      parser.array(name, { type: 'uint8', length: () => 0, formatter });
      return;
    }
    if (isBytes) {
      parser.buffer(name, { length: count, clone: true });
      return;
    }
    if (isPlain(element)) {
      parser.array(name, { type: this.#primitive(element), length: count });
      return;
    }
    // Anything else is wrapped: binary-parser has arrays of parsers, but none of arrays.
    const item = new Parser();
    this.#addValue(item, 'item', { type: element, depth: depth + 1 });
    const formatter = (items: { item: ParsedValue }[]): ParsedValue[] =>
      items.map(({ item: v }) => v);
    parser.array(name, { type: item, length: count, formatter });
  }

  /** The bytes that hold the field, as one number, and the field cut out of it. */
  #addBitField(parser: Parser, member: Member, bitSize: number): void {
    const { name, bitOffset, type } = member;
    const length = byteSize(member);
    const shift = this.#littleEndian ? bitOffset % 8 : length * 8 - (bitOffset % 8) - bitSize;
    const cut = (bytes: number[]): number | bigint => {
      const ordered = this.#littleEndian ? [...bytes].reverse() : bytes;
      const all = ordered.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) >> BigInt(shift);
      const value = isSigned(type) ? BigInt.asIntN(bitSize, all) : BigInt.asUintN(bitSize, all);
      return bitSize > 32 ? value : Number(value);
    };
    parser.array(name, { type: 'uint8', length, formatter: cut });
  }

  #primitive(type: CType): Primitive {
    const end = this.#littleEndian ? 'le' : 'be';
    const size = Math.min(sizeOf(type), 8);
    if (type.kind === 'float') return size === 4 ? `float${end}` : `double${end}`;
    const sign = isSigned(type) && sizeOf(type) <= 8 ? 'int' : 'uint';
    if (size === 1) return `${sign}8`;
    if (size === 2 || size === 4 || size === 8) return `${sign}${(size * 8) as 16 | 32 | 64}${end}`;
    throw new InvalidError(`integer of ${size} bytes, expected 1, 2, 4, 8 or 16`);
  }

  #joinHalves(halves: readonly bigint[], signed: boolean): bigint {
    const [first = 0n, second = 0n] = halves;
    const value = this.#littleEndian ? (second << 64n) | first : (first << 64n) | second;
    return signed ? BigInt.asIntN(128, value) : value;
  }
}

type Primitive =
  | 'int8'
  | 'uint8'
  | `${'int' | 'uint'}${16 | 32 | 64}${'le' | 'be'}`
  | `${'float' | 'double'}${'le' | 'be'}`;

function isSigned(type: CType): boolean {
  return (type.kind === 'int' || type.kind === 'enum') && type.signed;
}

/** Whether binary-parser has this type as a primitive that yields what we promise. */
function isPlain(type: CType): boolean {
  if (type.kind === 'pointer') return type.size === 8;
  return (type.kind === 'int' || type.kind === 'enum' || type.kind === 'float') && type.size <= 8;
}

/** Bytes from the one in which the member begins to the one in which it ends. */
function byteSize({ bitOffset, bitSize, type }: Member): number {
  return bitSize === undefined ? sizeOf(type) : Math.ceil(((bitOffset % 8) + bitSize) / 8);
}
