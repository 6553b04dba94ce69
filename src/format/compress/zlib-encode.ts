// Writes zlib streams (RFC 1950) of one block with codes of its own (RFC 1951, 3.2.7). What node's
// zlib makes differs between releases of node and between processors; these bytes never do.
//
//   78 01        deflate, window of 32 KiB, fastest
//   block        counts, lengths of the codes of code lengths, code lengths, symbols
//   adler32      big-endian

import { assert } from '../../util/assert.ts';
import { findMatches, type Match } from './matches.ts';
import { prefixCode, type PrefixCode } from './prefix-code.ts';

const DISTANCE_MAX = 32 << 10;
const LENGTH_MIN = 3;
const LENGTH_MAX = 258;
const CODE_BITS_MAX = 15;
const CODE_LENGTH_BITS_MAX = 7;
const END_OF_BLOCK = 256;
const FIRST_LENGTH_SYMBOL = 257;
const SYMBOL_COUNT = 286;
const DISTANCE_SYMBOL_COUNT = 30;

/** The order in which the code lengths of code lengths stand. */
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** A symbol and the bits that follow it. */
interface Symbol {
  readonly symbol: number;
  readonly extra: number;
  readonly extraBits: number;
}

/** A symbol of the block's alphabet; of a length, the distance that comes after it. */
interface Token extends Symbol {
  readonly distance?: Symbol;
}

/** Packs `bytes` as one zlib stream; it may be larger than they are. */
export function compressZlib(bytes: Uint8Array): Uint8Array {
  const tokens = tokensOf(bytes);
  const counts = new Uint32Array(SYMBOL_COUNT);
  const distanceCounts = new Uint32Array(DISTANCE_SYMBOL_COUNT);
  for (const { symbol, distance } of tokens) {
    counts[symbol]!++;
    if (distance !== undefined) distanceCounts[distance.symbol]!++;
  }
  const code = prefixCode(counts, CODE_BITS_MAX);
  const distanceCode = prefixCode(distanceCounts, CODE_BITS_MAX);
  const writer = new BitWriter();
  writer.bits(0x0178, 16);
  // The last block, with codes of its own.
  writer.bits(0b101, 3);
  writeCodes(writer, code, distanceCode);
  for (const token of tokens) {
    writer.symbol(code, token);
    if (token.distance !== undefined) writer.symbol(distanceCode, token.distance);
  }
  return writer.finish(adler32(bytes));
}

function tokensOf(bytes: Uint8Array): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const literals = (end: number): void => {
    for (; at < end; at++) tokens.push({ symbol: bytes[at]!, extra: 0, extraBits: 0 });
  };
  for (const match of findMatches(bytes, { distanceMax: DISTANCE_MAX })) {
    literals(match.start);
    tokens.push(...copiesOf(match));
    at += match.length;
  }
  literals(bytes.length);
  tokens.push({ symbol: END_OF_BLOCK, extra: 0, extraBits: 0 });
  return tokens;
}

/** A long match in pieces. */
function* copiesOf({ length, distance }: Match): Generator<Token> {
  for (let rest = length; rest > 0;) {
    const piece = rest <= LENGTH_MAX ? rest : Math.min(LENGTH_MAX, rest - LENGTH_MIN);
    // Eight lengths have a symbol each; 258 has one, too.
    const isLongest = piece === LENGTH_MAX;
    const { symbol, ...extra } = logSymbol(piece - LENGTH_MIN, 2);
    yield {
      ...(isLongest
        ? { symbol: SYMBOL_COUNT - 1, extra: 0, extraBits: 0 }
        : { symbol: FIRST_LENGTH_SYMBOL + symbol, ...extra }),
      distance: logSymbol(distance - 1, 1),
    };
    rest -= piece;
  }
}

/** Symbols that stand for ever longer ranges: 2^`fine` of them to each doubling. */
function logSymbol(value: number, fine: number): Symbol {
  const extraBits = Math.max(0, 31 - Math.clz32(value) - fine);
  const symbol = (extraBits << fine) + (value >> extraBits);
  return { symbol, extra: value & ((1 << extraBits) - 1), extraBits };
}

function writeCodes(writer: BitWriter, code: PrefixCode, distanceCode: PrefixCode): void {
  const lengths = withoutTail(code.lengths, FIRST_LENGTH_SYMBOL);
  const distanceLengths = withoutTail(distanceCode.lengths, 1);
  const symbols = [...runsOf([...lengths, ...distanceLengths])];
  const counts = new Uint32Array(CODE_LENGTH_ORDER.length);
  for (const { symbol } of symbols) counts[symbol]!++;
  const lengthCode = prefixCode(counts, CODE_LENGTH_BITS_MAX);
  const ordered = withoutTail(
    Uint8Array.from(CODE_LENGTH_ORDER, (symbol) => lengthCode.lengths[symbol]!),
    4,
  );
  writer.bits(lengths.length - FIRST_LENGTH_SYMBOL, 5);
  writer.bits(distanceLengths.length - 1, 5);
  writer.bits(ordered.length - 4, 4);
  for (const length of ordered) writer.bits(length, 3);
  for (const symbol of symbols) writer.symbol(lengthCode, symbol);
}

/** Without the zeros at the end, but not fewer than `least`. */
function withoutTail(lengths: Uint8Array, least: number): Uint8Array {
  let { length } = lengths;
  while (length > least && lengths[length - 1] === 0) length--;
  return lengths.subarray(0, length);
}

/** Code lengths: 16 repeats the one before 3 to 6 times, 17 and 18 are 3 to 138 zeros. */
function* runsOf(lengths: readonly number[]): Generator<Symbol> {
  for (let at = 0; at < lengths.length;) {
    const length = lengths[at]!;
    let end = at + 1;
    while (lengths[end] === length) end++;
    let rest = end - at;
    if (length !== 0) {
      yield { symbol: length, extra: 0, extraBits: 0 };
      rest--;
    }
    for (; rest >= 3; rest -= Math.min(rest, length === 0 ? 138 : 6)) {
      if (length !== 0) yield { symbol: 16, extra: Math.min(rest, 6) - 3, extraBits: 2 };
      else if (rest <= 10) yield { symbol: 17, extra: rest - 3, extraBits: 3 };
      else yield { symbol: 18, extra: Math.min(rest, 138) - 11, extraBits: 7 };
    }
    for (; rest > 0; rest--) yield { symbol: length, extra: 0, extraBits: 0 };
    at = end;
  }
}

/** Bits from the lowest of each byte on. */
class BitWriter {
  readonly #bytes: number[] = [];
  #pending = 0;
  #count = 0;

  bits(value: number, count: number): void {
    assert(count + this.#count <= 31, 'too many bits at a time');
    this.#pending |= value << this.#count;
    this.#count += count;
    for (; this.#count >= 8; this.#count -= 8) {
      this.#bytes.push(this.#pending & 0xff);
      this.#pending >>>= 8;
    }
  }

  symbol({ bits, lengths }: PrefixCode, { symbol, extra, extraBits }: Symbol): void {
    this.bits(bits[symbol]!, lengths[symbol]!);
    this.bits(extra, extraBits);
  }

  finish(checksum: number): Uint8Array {
    this.bits(0, (8 - this.#count) % 8);
    for (const shift of [24, 16, 8, 0]) this.#bytes.push((checksum >>> shift) & 0xff);
    return Uint8Array.from(this.#bytes);
  }
}

const ADLER_MODULUS = 65521;

/** Bytes after which the sums are reduced: till then both stay below 2^31. */
const ADLER_RUN = 2048;

function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (let start = 0; start < bytes.length; start += ADLER_RUN) {
    const end = Math.min(bytes.length, start + ADLER_RUN);
    for (let i = start; i < end; i++) {
      a += bytes[i] as number;
      b += a;
    }
    a %= ADLER_MODULUS;
    b %= ADLER_MODULUS;
  }
  return ((b << 16) | a) >>> 0;
}
