// Writes BTF: the inverse of read.ts, for tests, samples and the simulated kernel.
//
// A type's id is its place in the order of calls, so what refers to a later type names its id
// before it exists: `nextId` is the id that the next call gives.

import { assert } from '../../util/assert.ts';
import { ByteWriter } from '../../util/byte-writer.ts';
import * as c from './constants.ts';
import type { BtfTable } from './table.ts';

/** The form of the BTF that a {@link BtfWriter} makes. */
export interface BtfWriterOptions {
  readonly littleEndian?: boolean;
  /** 24 bytes, or the 32 of Linux 7.1 with a layout section. */
  readonly headerSize?: typeof c.BTF_HEADER_SIZE | typeof c.BTF_HEADER_SIZE_LAYOUT;
  /** Continues the ids and strings of this one. */
  readonly base?: BtfTable;
  /** Sizes of kinds beyond ours, for the layout section. */
  readonly extraKinds?: readonly (c.BtfKindSize & { readonly kind: number })[];
}

/** A member of a struct to be written. */
export interface BtfMemberSpec {
  readonly name: string;
  readonly type: number;
  readonly bitOffset: number;
  /** Width of a bit field. */
  readonly bitSize?: number;
}

/** Something with a name and a value: an enumerator. */
export interface BtfEnumValue {
  readonly name: string;
  readonly value: bigint | number;
}

/** Appends types, then puts header, types, layout and strings together. */
export class BtfWriter {
  readonly #options: Required<Omit<BtfWriterOptions, 'base'>>;
  readonly #types: ByteWriter;
  readonly #strings = new ByteWriter();
  readonly #stringOffsets = new Map<string, number>();
  readonly #stringBase: number;
  #nextId: number;

  constructor(options: BtfWriterOptions = {}) {
    const { littleEndian = true, headerSize = c.BTF_HEADER_SIZE, extraKinds = [], base } = options;
    this.#options = { littleEndian, headerSize, extraKinds };
    this.#types = new ByteWriter({ littleEndian });
    this.#nextId = base?.endId ?? 1;
    this.#stringBase = base?.stringsEnd ?? 0;
    this.#stringOffsets.set('', 0);
    if (base === undefined) this.#strings.u8(0);
  }

  get nextId(): number {
    return this.#nextId;
  }

  /** @param encoding BTF_INT_SIGNED, BTF_INT_CHAR or BTF_INT_BOOL */
  int(name: string, size: number, encoding = 0): number {
    return this.bitInt(name, { size, encoding, offset: 0, bits: size * 8 });
  }

  /** An int of fewer bits than its size holds: how bit fields were written before Linux 5.0. */
  bitInt(
    name: string,
    int: { size: number; encoding: number; offset: number; bits: number },
  ): number {
    const id = this.#head(c.BTF_KIND_INT, name, { word: int.size });
    this.#types.u32((int.encoding << 24) | (int.offset << 16) | int.bits);
    return id;
  }

  float(name: string, size: number): number {
    return this.#head(c.BTF_KIND_FLOAT, name, { word: size });
  }

  ptr(target: number): number {
    return this.#head(c.BTF_KIND_PTR, '', { word: target });
  }

  typedef(name: string, target: number): number {
    return this.#head(c.BTF_KIND_TYPEDEF, name, { word: target });
  }

  const(target: number): number {
    return this.#head(c.BTF_KIND_CONST, '', { word: target });
  }

  volatile(target: number): number {
    return this.#head(c.BTF_KIND_VOLATILE, '', { word: target });
  }

  restrict(target: number): number {
    return this.#head(c.BTF_KIND_RESTRICT, '', { word: target });
  }

  typeTag(name: string, target: number): number {
    return this.#head(c.BTF_KIND_TYPE_TAG, name, { word: target });
  }

  declTag(name: string, target: number, component = -1): number {
    const id = this.#head(c.BTF_KIND_DECL_TAG, name, { word: target });
    this.#types.u32(component >>> 0);
    return id;
  }

  /** @param index the type of its index, an int; bpftool wants one */
  array(element: number, count: number, index: number): number {
    const id = this.#head(c.BTF_KIND_ARRAY, '', { word: 0 });
    this.#types.u32(element).u32(index).u32(count);
    return id;
  }

  struct(name: string, size: number, members: readonly BtfMemberSpec[]): number {
    return this.#composite(c.BTF_KIND_STRUCT, { name, size, members });
  }

  union(name: string, size: number, members: readonly BtfMemberSpec[]): number {
    return this.#composite(c.BTF_KIND_UNION, { name, size, members });
  }

  fwd(name: string, kind: 'struct' | 'union'): number {
    return this.#head(c.BTF_KIND_FWD, name, { word: 0, flag: kind === 'union' });
  }

  enum(
    name: string,
    values: readonly BtfEnumValue[],
    form: { size?: number; signed?: boolean } = {},
  ): number {
    const { size = 4, signed = false } = form;
    const vlen = values.length;
    const id = this.#head(c.BTF_KIND_ENUM, name, { word: size, vlen, flag: signed });
    for (const { name: key, value } of values) {
      this.#types.u32(this.#string(key)).u32(Number(BigInt.asUintN(32, BigInt(value))));
    }
    return id;
  }

  enum64(
    name: string,
    values: readonly BtfEnumValue[],
    form: { size?: number; signed?: boolean } = {},
  ): number {
    const { size = 8, signed = false } = form;
    const vlen = values.length;
    const id = this.#head(c.BTF_KIND_ENUM64, name, { word: size, vlen, flag: signed });
    for (const { name: key, value } of values) {
      const bits = BigInt.asUintN(64, BigInt(value));
      this.#types
        .u32(this.#string(key))
        .u32(Number(bits & 0xffff_ffffn))
        .u32(Number(bits >> 32n));
    }
    return id;
  }

  funcProto(result: number, params: readonly { name: string; type: number }[]): number {
    const id = this.#head(c.BTF_KIND_FUNC_PROTO, '', { word: result, vlen: params.length });
    for (const { name, type } of params) this.#types.u32(this.#string(name)).u32(type);
    return id;
  }

  /** @param linkage 0 static, 1 global, 2 extern; it stands where other kinds have their vlen */
  func(name: string, proto: number, linkage = 1): number {
    return this.#head(c.BTF_KIND_FUNC, name, { word: proto, vlen: linkage });
  }

  var(name: string, type: number, linkage = 1): number {
    const id = this.#head(c.BTF_KIND_VAR, name, { word: type });
    this.#types.u32(linkage);
    return id;
  }

  datasec(
    name: string,
    size: number,
    entries: readonly { type: number; offset: number; size: number }[],
  ): number {
    const id = this.#head(c.BTF_KIND_DATASEC, name, { word: size, vlen: entries.length });
    for (const entry of entries) this.#types.u32(entry.type).u32(entry.offset).u32(entry.size);
    return id;
  }

  /** A type of any kind, its data as given: what no method above makes. */
  raw(
    kind: number,
    head: { name?: string; vlen?: number; word?: number },
    data: readonly number[],
  ): number {
    const id = this.#head(kind, head.name ?? '', { word: head.word ?? 0, vlen: head.vlen ?? 0 });
    for (const word of data) this.#types.u32(word);
    return id;
  }

  /** The whole BTF. */
  finish(): Uint8Array {
    const { littleEndian, headerSize } = this.#options;
    const types = this.#types.finish();
    const strings = this.#strings.finish();
    const layout = headerSize === c.BTF_HEADER_SIZE ? undefined : this.#layout();
    const layoutLength = layout?.length ?? 0;
    const out = new ByteWriter({ littleEndian });
    out.u16(c.BTF_MAGIC).u8(c.BTF_VERSION).u8(0).u32(headerSize);
    out.u32(0).u32(types.length);
    out.u32(types.length + layoutLength).u32(strings.length);
    // The layout lies between types and strings, since it too must be aligned to four bytes.
    if (layout !== undefined) out.u32(types.length).u32(layoutLength);
    out.bytes(types);
    if (layout !== undefined) out.bytes(layout);
    return out.bytes(strings).finish();
  }

  #layout(): Uint8Array {
    const sizes: (c.BtfKindSize | undefined)[] = [...c.BTF_KIND_SIZES];
    for (const extra of this.#options.extraKinds) sizes[extra.kind] = extra;
    const out = new ByteWriter({ littleEndian: this.#options.littleEndian });
    for (const size of sizes)
      out
        .u8(size?.infoSize ?? 0)
        .u8(size?.elementSize ?? 0)
        .u16(0);
    return out.finish();
  }

  #composite(
    kind: number,
    struct: { name: string; size: number; members: readonly BtfMemberSpec[] },
  ): number {
    const { name, size, members } = struct;
    const flag = members.some((member) => member.bitSize !== undefined);
    const id = this.#head(kind, name, { word: size, vlen: members.length, flag });
    for (const member of members) {
      const { bitOffset, bitSize = 0 } = member;
      assert(!flag || bitOffset < 1 << 24, `${name}.${member.name}: bit offset ${bitOffset}`);
      this.#types.u32(this.#string(member.name)).u32(member.type);
      this.#types.u32((bitOffset | (bitSize << 24)) >>> 0);
    }
    return id;
  }

  #head(kind: number, name: string, rest: { word: number; vlen?: number; flag?: boolean }): number {
    const { word, vlen = 0, flag = false } = rest;
    assert(kind <= 0x7f && vlen <= 0xff_ffff, `BTF kind ${kind}, vlen ${vlen}`);
    const info = ((flag ? c.BTF_KIND_FLAG : 0) | (kind << 24) | vlen) >>> 0;
    this.#types.u32(this.#string(name)).u32(info).u32(word);
    return this.#nextId++;
  }

  #string(text: string): number {
    const known = this.#stringOffsets.get(text);
    if (known !== undefined) return known;
    const offset = this.#stringBase + this.#strings.length;
    this.#strings.bytes(Buffer.from(`${text}\0`, 'latin1'));
    this.#stringOffsets.set(text, offset);
    return offset;
  }
}
