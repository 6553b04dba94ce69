// The result object of `stallcore symbols`: symbols of the kernel and its modules by name, by what
// an address lies in, and by pattern.

import type { KernelSymbol, SymbolPlace, SymbolTable } from '../target/symbols.ts';
import { hex, vaddr } from '../util/address.ts';
import { InvalidError } from '../util/errors.ts';
import { optional } from '../util/optional.ts';

/** Symbols that were found. */
export interface SymbolsResult {
  readonly type: 'symbols';
  /** Where the symbols of the kernel image come from. */
  readonly source: string;
  readonly answers: readonly SymbolsAnswer[];
}

/** What one question found. */
export interface SymbolsAnswer {
  /** As it was asked; absent where all symbols were wanted. */
  readonly asked?: string;
  readonly by: SymbolQuestion['by'];
  /** By address, symbols of one name in the order of the table. */
  readonly symbols: readonly FoundSymbol[];
  /** Of a packed dump, which has only symbols that were used: there may be others. */
  readonly isPartial?: true;
}

/** A symbol. */
export interface FoundSymbol {
  readonly name: string;
  readonly address: string;
  /** The letter of nm(1), upper case for a global one; `A` is an offset, as of per-CPU data. */
  readonly letter: string;
  /** Bytes up to the next symbol where the table has no sizes; absent where not known. */
  readonly sizeBytes?: number;
  readonly module?: string;
  /** Of an address that was asked for: bytes from the start of the symbol. */
  readonly offsetBytes?: number;
}

/** What to look for. */
export type SymbolQuestion =
  | { readonly by: 'all' }
  | { readonly by: 'name'; readonly name: string; readonly offset: bigint }
  | { readonly by: 'address'; readonly address: bigint }
  | { readonly by: 'pattern'; readonly pattern: RegExp };

/** Which of the symbols that match are wanted. */
export interface SymbolFilter {
  /** Letters of nm(1), any of them; upper and lower case differ. */
  readonly letters?: string;
  /** Of this module; `kernel` for the image. */
  readonly module?: string;
}

/** The name under which a {@link SymbolFilter} knows the kernel image. */
export const KERNEL_IMAGE = 'kernel';

/**
 * What a word asks for: `0x…` or 16 hex digits an address, `/…/` a regular expression, a word with
 * `*`, `?` or `[` a pattern as of a shell, else a name, `NAME+0x10` with what lies there.
 *
 * @throws InvalidError for a regular expression that is none
 */
export function symbolQuestion(word: string): SymbolQuestion {
  const [, digits] = /^(?:0x)?([0-9a-f]{1,16})$/i.exec(word) ?? [];
  const isAddress = digits !== undefined && (/^0x/i.test(word) || digits.length === 16);
  if (isAddress) return { by: 'address', address: BigInt(`0x${digits}`) };
  const [, source] = /^\/(.*)\/$/.exec(word) ?? [];
  if (source !== undefined) return { by: 'pattern', pattern: compile(word, source) };
  if (/[*?[]/.test(word)) return { by: 'pattern', pattern: compile(word, globSource(word)) };
  const [, name = word, plus = '0'] = /^(.+?)\+(0x[0-9a-f]+|\d+)$/i.exec(word) ?? [];
  return { by: 'name', name, offset: BigInt(plus) };
}

function compile(word: string, source: string): RegExp {
  try {
    return new RegExp(source);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new InvalidError(`${word}: expected a regular expression: ${error.message}`);
  }
}

/** `*` any characters, `?` one, `[a-f]` one of these, `[!a]` one that is not. */
function globSource(glob: string): string {
  const parts = glob.match(/\[!?[^\]]+\]|[^]/g) ?? [];
  const source = parts.map((part) => {
    if (part === '*') return '.*';
    if (part === '?') return '.';
    if (part.length > 1) return part.replace('[!', '[^').replaceAll('\\', '\\\\');
    return part.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&');
  });
  return `^${source.join('')}$`;
}

/** Looks the words up; without any every symbol is meant. */
export function symbolsResult(
  { symbols }: { symbols: SymbolTable },
  words: readonly string[],
  filter: SymbolFilter = {},
): SymbolsResult {
  const questions: [string | undefined, SymbolQuestion][] =
    words.length === 0
      ? [[undefined, { by: 'all' }]]
      : words.map((word) => [word, symbolQuestion(word)]);
  const answers = questions.map(([asked, question]): SymbolsAnswer => {
    const found = answerOf(symbols, question);
    return {
      ...optional('asked', asked),
      by: question.by,
      symbols: found.filter((symbol) => fits(symbol, filter)),
      ...(isPartial(symbols, question, found) ? { isPartial: true } : {}),
    };
  });
  return { type: 'symbols', source: symbols.origin, answers };
}

function isPartial(
  symbols: SymbolTable,
  question: SymbolQuestion,
  found: readonly FoundSymbol[],
): boolean {
  switch (question.by) {
    case 'address':
      return found.length === 0 && symbols.mayLack?.(vaddr(question.address)) === true;
    case 'name':
      return found.length === 0 && symbols.mayLack?.(question.name) === true;
    default:
      return symbols.mayLack?.() === true;
  }
}

function fits({ letter, module = KERNEL_IMAGE }: FoundSymbol, filter: SymbolFilter): boolean {
  if (filter.letters?.includes(letter) === false) return false;
  return filter.module === undefined || filter.module === module;
}

function answerOf(symbols: SymbolTable, question: SymbolQuestion): FoundSymbol[] {
  switch (question.by) {
    case 'address': {
      const place = symbols.symbolAt(vaddr(question.address));
      return place === undefined ? [] : [placed(place)];
    }
    case 'name':
      return named(symbols, question);
    default: {
      const pattern = question.by === 'pattern' ? question.pattern : undefined;
      return matching(symbols, pattern);
    }
  }
}

function named(
  symbols: SymbolTable,
  { name, offset }: { name: string; offset: bigint },
): FoundSymbol[] {
  const found = symbols.lookupAll(name);
  if (offset === 0n) return found.map((symbol) => withSize(symbols, symbol));
  return found.flatMap(({ address }) => {
    const place = symbols.symbolAt(vaddr(address + offset));
    return place === undefined ? [] : [placed(place)];
  });
}

/** By address, as nm -n has them. */
function matching(symbols: SymbolTable, pattern: RegExp | undefined): FoundSymbol[] {
  const found: KernelSymbol[] = [];
  for (const symbol of symbols.symbols()) {
    if (pattern === undefined || pattern.test(symbol.name)) found.push(symbol);
  }
  found.sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
  return found.map((symbol) => withSize(symbols, symbol));
}

function withSize(symbols: SymbolTable, symbol: KernelSymbol): FoundSymbol {
  const place = symbols.symbolAt(symbol.address);
  const size = place?.address === symbol.address && place.size > 0 ? place.size : undefined;
  return { ...told(symbol), ...optional('sizeBytes', size) };
}

function placed(place: SymbolPlace): FoundSymbol {
  const size = place.size > 0 ? place.size : undefined;
  return { ...told(place), ...optional('sizeBytes', size), offsetBytes: place.offset };
}

function told({ name, address, type, module }: KernelSymbol): FoundSymbol {
  return { name, address: hex(address), letter: type, ...optional('module', module) };
}
