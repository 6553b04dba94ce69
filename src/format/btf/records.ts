// One BTF type decoded: struct btf_type and what its kind adds.
//
//   INT        u32 encoding << 24 | offset << 16 | bits
//   ARRAY      u32 element type, index type, number of elements
//   STRUCT     vlen x {u32 name_off, type, offset}; with kind_flag the offset is
//              bit field size << 24 | bit offset, else a bit offset
//   ENUM       vlen x {u32 name_off, s32 value}; ENUM64 {u32 name_off, low, high}
//   FUNC_PROTO vlen x {u32 name_off, type}; DATASEC vlen x {u32 type, offset, size}
//   VAR        u32 linkage; DECL_TAG u32 component index

import type { FormatError } from '../../util/errors.ts';
import * as c from './constants.ts';

/** A type as BTF writes it: other types are ids, nothing is resolved. */
export type BtfType =
  | { id: number; kind: 'void' }
  | BtfInt
  | { id: number; kind: 'float'; name: string; size: number }
  | BtfReference
  | { id: number; kind: 'array'; element: number; index: number; count: number }
  | BtfStruct
  | BtfEnum
  | { id: number; kind: 'fwd'; name: string; isUnion: boolean }
  | { id: number; kind: 'func_proto'; result: number; params: BtfParam[] }
  | { id: number; kind: 'var'; name: string; target: number; linkage: number }
  | BtfDataSection
  | { id: number; kind: 'decl_tag'; name: string; target: number; component: number }
  | { id: number; kind: 'unknown'; number: number };

/** BTF_KIND_INT. `bits` and `offset` differ from the size only in bit fields of old encoders. */
export interface BtfInt {
  readonly id: number;
  readonly kind: 'int';
  readonly name: string;
  readonly size: number;
  /** BTF_INT_SIGNED, BTF_INT_CHAR, BTF_INT_BOOL. */
  readonly encoding: number;
  readonly offset: number;
  readonly bits: number;
}

/** The kinds that only point at another type. */
export interface BtfReference {
  readonly id: number;
  readonly kind: 'ptr' | 'typedef' | 'volatile' | 'const' | 'restrict' | 'func' | 'type_tag';
  readonly name: string;
  readonly target: number;
}

/** BTF_KIND_STRUCT, BTF_KIND_UNION. */
export interface BtfStruct {
  readonly id: number;
  readonly kind: 'struct' | 'union';
  readonly name: string;
  readonly size: number;
  readonly members: readonly BtfMember[];
}

/** One member; `bitSize` is 0 for what is no bit field. */
export interface BtfMember {
  readonly name: string;
  readonly type: number;
  readonly bitOffset: number;
  readonly bitSize: number;
}

/** BTF_KIND_ENUM, BTF_KIND_ENUM64. */
export interface BtfEnum {
  readonly id: number;
  readonly kind: 'enum' | 'enum64';
  readonly name: string;
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly { readonly name: string; readonly value: bigint }[];
}

/** A parameter of a function; type 0 without a name at the end is `...`. */
export interface BtfParam {
  readonly name: string;
  readonly type: number;
}

/** BTF_KIND_DATASEC: variables of one ELF section, by the id of their VAR. */
export interface BtfDataSection {
  readonly id: number;
  readonly kind: 'datasec';
  readonly name: string;
  readonly size: number;
  readonly entries: readonly { type: number; offset: number; size: number }[];
}

/** Where the words of a type are, and what else its decoding needs. */
export interface BtfTypeWords {
  readonly id: number;
  readonly words: Uint32Array;
  /** Index of name_off in `words`. The caller has checked that the whole type lies inside. */
  readonly start: number;
  readonly string: (offset: number) => string;
  readonly error: (what: string, wordIndex: number) => FormatError;
}

/** @throws FormatError if a size or offset of the type is impossible */
export function decodeBtfType(at: BtfTypeWords): BtfType {
  const { id, words, start } = at;
  const info = words[start + 1] as number;
  const kind = c.btfKind(info);
  const head = { id, name: at.string(words[start] as number) };
  const size = words[start + 2] as number;
  const extra = words[start + 3] as number;
  const reference = REFERENCE_KINDS.get(kind);
  if (reference !== undefined) return { ...head, kind: reference, target: size };
  switch (kind) {
    case c.BTF_KIND_INT:
      return decodeInt(at);
    case c.BTF_KIND_FLOAT:
      return { ...head, kind: 'float', size };
    case c.BTF_KIND_ARRAY: {
      const [index, count] = [words[start + 4] as number, words[start + 5] as number];
      return { id, kind: 'array', element: extra, index, count };
    }
    case c.BTF_KIND_STRUCT:
      return { ...head, kind: 'struct', size, members: decodeMembers(at) };
    case c.BTF_KIND_UNION:
      return { ...head, kind: 'union', size, members: decodeMembers(at) };
    case c.BTF_KIND_ENUM:
    case c.BTF_KIND_ENUM64:
      return decodeEnum(at);
    case c.BTF_KIND_FWD:
      return { ...head, kind: 'fwd', isUnion: c.btfKindFlag(info) };
    case c.BTF_KIND_FUNC_PROTO:
      return { id, kind: 'func_proto', result: size, params: decodeParams(at) };
    case c.BTF_KIND_VAR:
      return { ...head, kind: 'var', target: size, linkage: extra };
    case c.BTF_KIND_DATASEC:
      return { ...head, kind: 'datasec', size, entries: decodeEntries(at) };
    case c.BTF_KIND_DECL_TAG:
      return { ...head, kind: 'decl_tag', target: size, component: extra | 0 };
    default:
      return { id, kind: 'unknown', number: kind };
  }
}

const REFERENCE_KINDS = new Map<number, BtfReference['kind']>([
  [c.BTF_KIND_PTR, 'ptr'],
  [c.BTF_KIND_TYPEDEF, 'typedef'],
  [c.BTF_KIND_VOLATILE, 'volatile'],
  [c.BTF_KIND_CONST, 'const'],
  [c.BTF_KIND_RESTRICT, 'restrict'],
  [c.BTF_KIND_FUNC, 'func'],
  [c.BTF_KIND_TYPE_TAG, 'type_tag'],
]);

function decodeInt(at: BtfTypeWords): BtfInt {
  const { id, words, start } = at;
  const size = words[start + 2] as number;
  const data = words[start + 3] as number;
  const [encoding, offset, bits] = [(data >>> 24) & 0xf, (data >>> 16) & 0xff, data & 0xff];
  if (![1, 2, 4, 8, 16].includes(size)) {
    throw at.error(`int size, expected 1, 2, 4, 8 or 16, have ${size}`, start + 2);
  }
  if (bits === 0 || offset + bits > size * 8) {
    throw at.error(`int bits, expected 1 to ${size * 8}, have ${offset} + ${bits}`, start + 3);
  }
  return { id, kind: 'int', name: at.string(words[start] as number), size, encoding, offset, bits };
}

function decodeMembers(at: BtfTypeWords): BtfMember[] {
  const { words, start } = at;
  const info = words[start + 1] as number;
  const structBits = (words[start + 2] as number) * 8;
  const hasBitSizes = c.btfKindFlag(info);
  const members: BtfMember[] = [];
  for (let i = 0; i < c.btfVlen(info); i++) {
    const word = start + 3 + i * 3;
    const offset = words[word + 2] as number;
    const bitOffset = hasBitSizes ? offset & 0xffffff : offset;
    const bitSize = hasBitSizes ? offset >>> 24 : 0;
    if (bitOffset + bitSize > structBits) {
      const have = `${bitOffset} + ${bitSize}`;
      throw at.error(`member ${i}, expected inside ${structBits} bits, have ${have}`, word + 2);
    }
    const name = at.string(words[word] as number);
    members.push({ name, type: words[word + 1] as number, bitOffset, bitSize });
  }
  return members;
}

function decodeEnum(at: BtfTypeWords): BtfEnum {
  const { id, words, start } = at;
  const info = words[start + 1] as number;
  const size = words[start + 2] as number;
  if (![1, 2, 4, 8].includes(size)) {
    throw at.error(`enum size, expected 1, 2, 4 or 8, have ${size}`, start + 2);
  }
  const isWide = c.btfKind(info) === c.BTF_KIND_ENUM64;
  const signed = c.btfKindFlag(info);
  const values = [];
  for (let i = 0; i < c.btfVlen(info); i++) {
    const word = start + 3 + i * (isWide ? 3 : 2);
    const name = at.string(words[word] as number);
    const low = words[word + 1] as number;
    values.push({ name, value: enumValue(low, isWide ? words[word + 2] : undefined, signed) });
  }
  const name = at.string(words[start] as number);
  return { id, kind: isWide ? 'enum64' : 'enum', name, size, signed, values };
}

function enumValue(low: number, high: number | undefined, signed: boolean): bigint {
  if (high === undefined) return BigInt(signed ? low | 0 : low);
  const value = (BigInt(high) << 32n) | BigInt(low);
  return signed ? BigInt.asIntN(64, value) : value;
}

function decodeParams(at: BtfTypeWords): BtfParam[] {
  const { words, start } = at;
  const params: BtfParam[] = [];
  for (let i = 0; i < c.btfVlen(words[start + 1] as number); i++) {
    const word = start + 3 + i * 2;
    params.push({ name: at.string(words[word] as number), type: words[word + 1] as number });
  }
  return params;
}

function decodeEntries(at: BtfTypeWords): { type: number; offset: number; size: number }[] {
  const { words, start } = at;
  const entries = [];
  for (let i = 0; i < c.btfVlen(words[start + 1] as number); i++) {
    const word = start + 3 + i * 3;
    const [type, offset, size] = words.subarray(word, word + 3) as unknown as [
      number,
      number,
      number,
    ];
    entries.push({ type, offset, size });
  }
  return entries;
}
