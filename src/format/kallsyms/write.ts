// The inverse of read.ts: kallsyms tables as scripts/kallsyms.c lays them out in read-only data,
// for vmcores that we write. The order is that of kernel 6.4 and later, or the one before:
//
//   num_syms, names, markers, token_table, token_index, offsets or addresses, relative_base
//   offsets or addresses, relative_base, num_syms, names, markers, token_table, token_index
//
// Each table starts at a multiple of 8. kallsyms_seqs_of_names (v6.2) is last in the first order
// and follows the markers in the other.

import { assert } from '../../util/assert.ts';
import { vaddrAdd, type Vaddr } from '../../util/address.ts';
import { ByteWriter } from '../../util/byte-writer.ts';
import type { AddressEncoding } from './addresses.ts';
import type { KallsymsSymbol } from './kallsyms.ts';
import { NAMES_PER_MARKER } from './length-encoding.ts';
import { TOKEN_COUNT, type LengthEncoding } from './names.ts';

/** How {@link writeKallsyms} encodes. */
export interface WriteKallsymsOptions {
  /** Where the tables will lie. */
  readonly address: Vaddr;
  readonly lengthEncoding: LengthEncoding;
  readonly addressEncoding: AddressEncoding;
  /** What base-relative offsets count from; the lowest address of the image. */
  readonly relativeBase: Vaddr;
  /** How many pairs of tokens get a token of their own; 0 writes names as plain letters. */
  readonly mergesMax?: number;
  /** As until v6.3 (404bad70fcf7); false if not given. */
  readonly addressesFirst?: boolean;
  /** Bytes of num_syms and of a marker: 8 until v4.19 (80ffbaa5b1bd); 4 if not given. */
  readonly wordSize?: 4 | 8;
  /** Whether there is kallsyms_seqs_of_names: since v6.2 (60443c88f3a8) and in v6.1.y. */
  readonly hasSeqs?: boolean;
}

/** The tables in one piece, and the address of each by its symbol: `kallsyms_names`. */
export interface WrittenKallsyms {
  readonly bytes: Uint8Array;
  readonly symbols: Readonly<Record<string, Vaddr>>;
}

const ALIGNMENT = 8;
const DEFAULT_MERGES = 64;
/** 14 bits, of which the second byte has the upper seven. */
const TWO_BYTE_COUNT_MAX = 0x3fff;

/** Symbols keep their order; the kernel sorts them by address. */
export function writeKallsyms(
  symbols: readonly KallsymsSymbol[],
  options: WriteKallsymsOptions,
): WrittenKallsyms {
  const compressed = compress(symbols, options.mergesMax ?? DEFAULT_MERGES);
  const names = writeNames(compressed.names, options.lengthEncoding);
  const tokens = writeTokens(compressed.tokens);
  const writer = new ByteWriter();
  const places: Record<string, Vaddr> = {};
  const place = (name: string): ByteWriter => {
    writer.align(ALIGNMENT);
    places[`kallsyms_${name}`] = vaddrAdd(options.address, writer.length);
    return writer;
  };
  const layout = { symbols, place, options };
  if (options.addressesFirst === true) placeAddresses(layout);
  writeWord(place('num_syms'), symbols.length, options);
  place('names').bytes(names.bytes);
  writer.align(ALIGNMENT);
  for (const marker of names.markers) writeWord(writer, marker, options);
  if (options.addressesFirst === true) placeSeqs(layout);
  place('token_table').bytes(tokens.table);
  place('token_index').bytes(tokens.index);
  if (options.addressesFirst !== true) {
    placeAddresses(layout);
    placeSeqs(layout);
  }
  return { bytes: writer.finish(), symbols: places };
}

function writeWord(writer: ByteWriter, value: number, options: WriteKallsymsOptions): void {
  if (options.wordSize === 8) writer.u64(BigInt(value));
  else writer.u32(value);
}

/** What tables are made of, and how each is begun. */
interface Layout {
  readonly symbols: readonly KallsymsSymbol[];
  readonly place: (name: string) => ByteWriter;
  readonly options: WriteKallsymsOptions;
}

function placeAddresses({ symbols, place, options }: Layout): void {
  const absolute = options.addressEncoding === 'absolute';
  const writer = place(absolute ? 'addresses' : 'offsets');
  writeAddresses(writer, symbols, { ...options, table: vaddrAdd(options.address, writer.length) });
  if (!absolute && options.addressEncoding !== 'place-relative') {
    place('relative_base').u64(options.relativeBase);
  }
}

/** For each symbol in the order of the names its index, three bytes, the highest first. */
function placeSeqs({ symbols, place, options }: Layout): void {
  if (options.hasSeqs !== true) return;
  const order = symbols.map((_, i) => i);
  const nameOf = (i: number): string => (symbols[i] as KallsymsSymbol).name;
  order.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : nameOf(a) > nameOf(b) ? 1 : a - b));
  const writer = place('seqs_of_names');
  for (const seq of order)
    writer
      .u8(seq >> 16)
      .u8((seq >> 8) & 0xff)
      .u8(seq & 0xff);
}

function writeNames(
  names: readonly (readonly number[])[],
  encoding: LengthEncoding,
): { bytes: Uint8Array; markers: number[] } {
  const writer = new ByteWriter();
  const markers: number[] = [];
  const max = encoding === 'two-byte' ? TWO_BYTE_COUNT_MAX : 0xff;
  names.forEach((tokens, i) => {
    assert(tokens.length > 0 && tokens.length <= max, `symbol ${i} has ${tokens.length} tokens`);
    if (i % NAMES_PER_MARKER === 0) markers.push(writer.length);
    if (encoding === 'two-byte' && tokens.length >= 0x80) {
      writer.u8((tokens.length & 0x7f) | 0x80).u8(tokens.length >> 7);
    } else {
      writer.u8(tokens.length);
    }
    writer.bytes(Uint8Array.from(tokens));
  });
  return { bytes: writer.finish(), markers };
}

function writeTokens(tokens: readonly string[]): { table: Uint8Array; index: Uint8Array } {
  const table = new ByteWriter();
  const index = new ByteWriter();
  for (const token of tokens) {
    index.u16(table.length);
    table.fixedString(token, token.length + 1);
  }
  return { table: table.finish(), index: index.finish() };
}

function writeAddresses(
  writer: ByteWriter,
  symbols: readonly KallsymsSymbol[],
  options: WriteKallsymsOptions & { table: Vaddr },
): void {
  const { addressEncoding, relativeBase, table } = options;
  symbols.forEach(({ address }, i) => {
    switch (addressEncoding) {
      case 'absolute':
        writer.u64(address);
        break;
      case 'base-relative':
        writer.u32(offset32(address - relativeBase, 0n));
        break;
      case 'absolute-percpu': {
        const isPerCpu = address < relativeBase;
        writer.u32(offset32(isPerCpu ? address : relativeBase - 1n - address, -(2n ** 31n)));
        break;
      }
      case 'place-relative':
        writer.u32(offset32(address - vaddrAdd(table, i * 4), -(2n ** 31n)));
    }
  });
}

/** The 32 bits of an offset that must fit them, from `min` on. */
function offset32(offset: bigint, min: bigint): number {
  assert(offset >= min && offset < min + 2n ** 32n, `offset ${offset} does not fit 32 bits`);
  return Number(BigInt.asUintN(32, offset));
}

/**
 * Names as token numbers. A letter that occurs is a token by its own code; the codes that are free
 * go to the pairs of tokens that are most frequent, one after the other, as the kernel does it.
 */
function compress(
  symbols: readonly KallsymsSymbol[],
  mergesMax: number,
): { names: number[][]; tokens: string[] } {
  const tokens = new Array<string>(TOKEN_COUNT).fill('');
  const names = symbols.map(({ name, type }) => [...Buffer.from(type + name, 'latin1')]);
  for (const name of names) {
    for (const byte of name) tokens[byte] = String.fromCharCode(byte);
  }
  for (let merge = 0; merge < mergesMax; merge++) {
    const free = tokens.indexOf('');
    const pair = mostFrequentPair(names);
    if (free < 0 || pair === undefined) break;
    const [left, right] = pair;
    tokens[free] = `${tokens[left] ?? ''}${tokens[right] ?? ''}`;
    for (const name of names) mergePair(name, pair, free);
  }
  return { names, tokens };
}

type Pair = readonly [left: number, right: number];

function mostFrequentPair(names: readonly (readonly number[])[]): Pair | undefined {
  const counts = new Uint32Array(TOKEN_COUNT * TOKEN_COUNT);
  for (const name of names) {
    for (let i = 1; i < name.length; i++) {
      const pair = (name[i - 1] as number) * TOKEN_COUNT + (name[i] as number);
      counts[pair] = (counts[pair] as number) + 1;
    }
  }
  let best = 0;
  for (let pair = 0; pair < counts.length; pair++) {
    if ((counts[pair] as number) > (counts[best] as number)) best = pair;
  }
  if ((counts[best] as number) < 2) return undefined;
  return [Math.floor(best / TOKEN_COUNT), best % TOKEN_COUNT];
}

function mergePair(name: number[], [left, right]: Pair, merged: number): void {
  for (let i = 1; i < name.length; i++) {
    if (name[i - 1] === left && name[i] === right) name.splice(i - 1, 2, merged);
  }
}
