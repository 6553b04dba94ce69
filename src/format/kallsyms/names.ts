// The compressed names of kallsyms: for each symbol a count of tokens and that many token numbers.
//
//   kallsyms_names        | n | t t t … | n | t t … | …      token numbers are bytes
//   kallsyms_token_table  "t_\0" "in\0" …                    256 strings, NUL after each
//   kallsyms_token_index  u16[256]                           where each string starts
//
// The first character of a name, after expansion, is its type letter as nm(1) prints it.
//
// A count is one byte; since kernel commit 73bbb94466fd (v6.1) bit 7 of it says that a second byte
// holds the bits from 7 on. Nothing in the kernel's metadata tells the two apart, and releases do
// not either since it was backported: see chooseLengthEncoding.

import { latin1 } from '../../util/byte-reader.ts';
import { FormatError } from '../../util/errors.ts';

/** Tokens are numbered by a byte. */
export const TOKEN_COUNT = 256;

/** KSYM_NAME_LEN is 512 since v6.1, 128 before; a longer name is cut. */
export const NAME_LENGTH_MAX = 1024;

/** The multiplier of the name hash; that of FNV, any odd number does. */
const HASH_FACTOR = 0x01000193;

/** How the count before a name is stored. */
export type LengthEncoding = 'one-byte' | 'two-byte';

/** The token strings, and what the hash of a name needs of each. */
export interface TokenTable {
  readonly strings: readonly string[];
  /** The hash of each string. */
  readonly hashes: Int32Array;
  /** HASH_FACTOR to the power of the length, so that the hash of a concatenation is cheap. */
  readonly factors: Int32Array;
  /** The hash of each string without its first character, for the token that starts a name. */
  readonly tailHashes: Int32Array;
  /** First byte of each string, 0 for an empty one. */
  readonly firstBytes: Uint8Array;
}

/** Where the tokens of each name lie. */
export interface NamePlaces {
  readonly starts: Uint32Array;
  readonly counts: Uint16Array;
  /** Offset behind the last name. */
  readonly end: number;
  /** Whether a count has bit 7 set, so that the two encodings read it differently. */
  readonly hasLong: boolean;
}

/** @throws FormatError if a token starts outside the table or does not end in it */
export function readTokenTable(table: Uint8Array, index: Uint8Array): TokenTable {
  const section = 'kallsyms_token_index';
  if (index.length < TOKEN_COUNT * 2) {
    const what = `expected ${TOKEN_COUNT * 2} bytes, have ${index.length}`;
    throw new FormatError({ section }, what);
  }
  const view = new DataView(index.buffer, index.byteOffset, index.byteLength);
  const strings: string[] = [];
  for (let token = 0; token < TOKEN_COUNT; token++) {
    const start = view.getUint16(token * 2, true);
    const end = table.indexOf(0, start);
    if (start >= table.length || end < 0 || end - start > NAME_LENGTH_MAX) {
      const what = `token ${token} at ${start} does not end in a table of ${table.length} bytes`;
      throw new FormatError({ section, offset: token * 2 }, what);
    }
    strings.push(latin1(table.subarray(start, end)));
  }
  return {
    strings,
    hashes: Int32Array.from(strings, hashName),
    tailHashes: Int32Array.from(strings, (string) => hashName(string.slice(1))),
    factors: Int32Array.from(strings, (string) => hashFactor(string.length)),
    firstBytes: Uint8Array.from(strings, (string) => (string === '' ? 0 : string.charCodeAt(0))),
  };
}

/** The hash of a name: a polynomial, so that it can be put together from those of its tokens. */
export function hashName(name: string): number {
  let hash = 0;
  for (let i = 0; i < name.length; i++) {
    hash = (Math.imul(hash, HASH_FACTOR) + name.charCodeAt(i)) | 0;
  }
  return hash;
}

function hashFactor(length: number): number {
  let factor = 1;
  for (let i = 0; i < length; i++) factor = Math.imul(factor, HASH_FACTOR);
  return factor;
}

/**
 * Walks `count` names without expanding them.
 *
 * @returns undefined if they do not fit into `names` or one of them is empty
 */
export function placeNames(
  names: Uint8Array,
  count: number,
  encoding: LengthEncoding,
): NamePlaces | undefined {
  const twoByte = encoding === 'two-byte';
  const starts = new Uint32Array(count);
  const counts = new Uint16Array(count);
  let at = 0;
  let hasLong = false;
  for (let i = 0; i < count; i++) {
    let tokens = names[at++] ?? 0;
    if (tokens >= 0x80) {
      hasLong = true;
      if (twoByte) tokens = (tokens & 0x7f) | ((names[at++] ?? 0) << 7);
    }
    if (tokens === 0) return undefined;
    starts[i] = at;
    counts[i] = tokens;
    at += tokens;
    if (at > names.length) return undefined;
  }
  return { starts, counts, end: at, hasLong };
}

/** The hash of each name without its type letter, and the type letters. */
export function hashNames(
  names: Uint8Array,
  places: NamePlaces,
  tokens: TokenTable,
): { hashes: Int32Array; types: Uint8Array } {
  const { starts, counts } = places;
  const { hashes: tokenHashes, factors, tailHashes, firstBytes } = tokens;
  const hashes = new Int32Array(starts.length);
  const types = new Uint8Array(starts.length);
  for (let i = 0; i < starts.length; i++) {
    const start = starts[i] as number;
    const end = start + (counts[i] as number);
    const first = names[start] as number;
    let hash = tailHashes[first] as number;
    for (let at = start + 1; at < end; at++) {
      const token = names[at] as number;
      hash = (Math.imul(hash, factors[token] as number) + (tokenHashes[token] as number)) | 0;
    }
    hashes[i] = hash;
    types[i] = firstBytes[first] as number;
  }
  return { hashes, types };
}

/** One name, expanded, type letter first. */
export function expandName(
  names: Uint8Array,
  place: { start: number; count: number },
  tokens: TokenTable,
): string {
  let name = '';
  for (let at = place.start; at < place.start + place.count; at++) {
    name += tokens.strings[names[at] as number] as string;
    if (name.length > NAME_LENGTH_MAX) return name.slice(0, NAME_LENGTH_MAX);
  }
  return name;
}
