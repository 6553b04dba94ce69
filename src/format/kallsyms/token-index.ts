// kallsyms_token_index and kallsyms_token_table by what they are made of, for kernels that do not
// say where they lie (VMCOREINFO does since v6.0). In every release so far
//
//   kallsyms_token_table   256 strings, NUL after each      "0\0" "1\0" … stand at their own codes
//   pad to 8
//   kallsyms_token_index   u16[256]                          0, then 1 + the length of each string
//
// The index is looked for, since 256 ascending numbers of this kind are rare; the table in front of
// it must then have a NUL before each place that the index names, and nowhere else.

import { FormatError } from '../../util/errors.ts';
import { placesOf } from '../../util/places-of.ts';
import { NAME_LENGTH_MAX, readTokenTable, TOKEN_COUNT, type TokenTable } from './names.ts';

/** Bytes of kallsyms_token_index. */
export const TOKEN_INDEX_SIZE = TOKEN_COUNT * 2;

/** The NUL of the last string and what fills up to the next multiple of 8. */
const PADDING_MAX = 8;

/** The linker aligns each table to 8 bytes; 4 costs little and finds more. */
const ALIGN = 4;

/** Memory in which tables lie, by physical address or whatever counts bytes. */
export interface TableMemory {
  /** The bytes from `at` on: fewer than `lengthMax` where memory ends. */
  after(at: number, lengthMax: number): Uint8Array;
  /** The bytes in front of `at`: fewer than `lengthMax` where memory begins. */
  before(at: number, lengthMax: number): Uint8Array;
}

/** The tokens and where they lie. */
export interface FoundTokens {
  readonly tokens: TokenTable;
  readonly tokenTableAt: number;
  readonly tokenIndexAt: number;
}

/** A name may have any of these, and a kernel has names with each; others may be free. */
const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyz';
/** Codes that no name needs go to pairs, in kernels of a few hundred symbols. */
const LETTERS_MIN = 28;

/** The digits at their own codes, as they stand in the table of every real kernel. */
const DIGITS = Buffer.from([...'0123456789'].map((digit) => `${digit}\0`).join(''), 'latin1');

/** The offsets in `bytes` at which a token index could start, ascending. */
export function* tokenIndexPlaces(bytes: Uint8Array): Generator<number> {
  // A view of 16-bit words needs an even address; a copy is made where there is none.
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : Uint8Array.from(bytes);
  const words = new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.length >> 1);
  const last = words.length - TOKEN_COUNT;
  for (let i = 0; i <= last; i += ALIGN / 2) {
    // Most of memory ends here: zero pages, text, pointers.
    if (words[i] !== 0 || words[i + 1] === 0) continue;
    if (isTokenIndex(words, i)) yield i * 2;
  }
}

function isTokenIndex(words: Uint16Array, start: number): boolean {
  let longer = 0;
  for (let i = 1; i < TOKEN_COUNT; i++) {
    const length = (words[start + i] as number) - (words[start + i - 1] as number) - 1;
    if (length < 0 || length > NAME_LENGTH_MAX) return false;
    if (length > 1) longer++;
  }
  // An array of indices ascends too, by 1 or 2 all along.
  return longer > 0;
}

/**
 * The token table in front of an index.
 *
 * @throws FormatError naming the table and the place in it, if there is none
 */
export function readTokensAt(memory: TableMemory, tokenIndexAt: number): FoundTokens {
  const index = memory.after(tokenIndexAt, TOKEN_INDEX_SIZE);
  const view = new DataView(index.buffer, index.byteOffset, index.byteLength);
  if (index.length < TOKEN_INDEX_SIZE) {
    const what = `expected ${TOKEN_INDEX_SIZE} bytes, have ${index.length}`;
    throw new FormatError({ section: 'kallsyms_token_index', offset: index.length }, what);
  }
  const starts = Array.from({ length: TOKEN_COUNT }, (_, i) => view.getUint16(i * 2, true));
  const lastStart = starts[TOKEN_COUNT - 1] as number;
  const reach = lastStart + NAME_LENGTH_MAX + ALIGN;
  const bytes = memory.before(tokenIndexAt, reach);
  let fitting = 0;
  // One that ends in front of the last token is none, but shows that the index leads past it.
  const lengthMin = (starts[TOKEN_COUNT - 2] as number) + 1;
  for (let length = lengthMin; length <= bytes.length; length++) {
    const start = tokenIndexAt - length;
    if (start % ALIGN !== 0) continue;
    const table = bytes.subarray(bytes.length - length);
    const strings = fittingStrings(table, starts);
    fitting = Math.max(fitting, strings);
    if (strings < TOKEN_COUNT) continue;
    const tokens = readTokenTable(table, index);
    checkLetters(tokens);
    return { tokens, tokenTableAt: start, tokenIndexAt };
  }
  const what = `token ${fitting}: no string of ${reach} bytes in front of the index`;
  const offset = starts[fitting] ?? 0;
  throw new FormatError({ section: 'kallsyms_token_table', offset }, what);
}

/** @throws FormatError if the strings are none that kallsyms has */
function checkLetters({ strings }: TokenTable): void {
  const wrong = [...LETTERS].filter((letter) => strings[letter.charCodeAt(0)] !== letter);
  if (LETTERS.length - wrong.length >= LETTERS_MIN) return;
  const code = wrong[0]?.charCodeAt(0) ?? 0;
  const offset = strings.slice(0, code).join('\0').length + 1;
  const what = `token ${code}: expected its letter, as have ${LETTERS_MIN} of ${LETTERS.length}`;
  throw new FormatError({ section: 'kallsyms_token_table', offset }, what);
}

/** How many strings, from the first on, end with the byte before the next; padding is the rest. */
function fittingStrings(table: Uint8Array, starts: readonly number[]): number {
  // Nearly every length is wrong, and shows it at once.
  if (starts.some((start) => start > 0 && table[start - 1] !== 0)) {
    return Math.max(0, starts.findIndex((start) => start > 0 && table[start - 1] !== 0) - 1);
  }
  for (let i = 0; i < TOKEN_COUNT; i++) {
    const start = starts[i] as number;
    const end = table.indexOf(0, start);
    const next = starts[i + 1];
    if (end < 0 || (next !== undefined && end !== next - 1)) return i;
    if (next === undefined && table.length - end > PADDING_MAX) return i;
    if (!isPrintable(table.subarray(start, end))) return i;
  }
  return TOKEN_COUNT;
}

function isPrintable(string: Uint8Array): boolean {
  return string.every((byte) => byte > 0x20 && byte < 0x7f);
}

/**
 * The offsets in `bytes` at which the digits of a token table stand, with letters at their codes
 * behind them. The digits alone stand in firmware and in programs, too.
 */
export function* tokenTableTraces(bytes: Uint8Array): Generator<number> {
  for (const at of placesOf(bytes, DIGITS)) {
    const next = at + DIGITS.length;
    // No name has a colon, so that its code is free or a pair's; lists of all characters have it.
    if (bytes[next] === ':'.charCodeAt(0) && bytes[next + 1] === 0) continue;
    if (lettersBehind(bytes, next) >= LETTERS_MIN - DIGITS.length / 2) yield at;
  }
}

const FIRST_LETTER = LETTERS.indexOf('a');

/** How many of the lower-case letters are the strings of their own codes. */
function lettersBehind(bytes: Uint8Array, start: number): number {
  let found = 0;
  let at = start;
  for (let code = '9'.charCodeAt(0) + 1; code <= 'z'.charCodeAt(0); code++) {
    const end = bytes.subarray(at, at + NAME_LENGTH_MAX).indexOf(0);
    if (end < 0) break;
    const isLetter = LETTERS.indexOf(String.fromCharCode(code)) >= FIRST_LETTER;
    if (isLetter && end === 1 && bytes[at] === code) found++;
    at += end + 1;
  }
  return found;
}
