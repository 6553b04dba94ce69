// C types as text, both ways: `struct pglist_data *[]`, `unsigned long`, `void (*)()`. This is how
// layout files write the type of a member and how the table of globals writes that of a variable.
//
//   type       = base { '*' } [ group ] { '[' [ number ] ']' | '()' }
//   group      = '(' { '*' } [ group ] { '[' [ number ] ']' | '()' } ')'
//   base       = 'struct' tag | 'union' tag | 'enum' tag | words of an int | typedef name
//
// A tag may have the form `outer#2`, which C does not have: the anonymous types of a layout file.

import { InvalidError } from '../util/errors.ts';
import type { CType, TypeSource } from './ctype.ts';

/** How a base type is found; undefined if it is not known. */
export type BaseTypeFinder = (kind: BaseKind, name: string) => CType | undefined;

/** What a base type is in C; `name` is a typedef or an int. */
export type BaseKind = 'struct' | 'union' | 'enum' | 'name';

/** What a parsed type is made of besides base types. */
export interface DeclarationOptions {
  readonly pointerSize: number;
  readonly find: BaseTypeFinder;
}

/**
 * Reads a C type.
 *
 * Behind a pointer an unknown struct is as good as a forward declaration, as in C; elsewhere an
 * unknown base type makes the whole undefined.
 *
 * @throws InvalidError if the text is no C type of the grammar above
 */
export function parseCType(text: string, options: DeclarationOptions): CType | undefined {
  const parser = new DeclarationParser(text);
  const { base, derive } = parser.parse();
  let used: CType | undefined;
  const find = (): CType => {
    used ??= options.find(base.kind, base.name);
    if (used !== undefined) return used;
    if (base.kind === 'struct' || base.kind === 'union') {
      return { kind: base.kind, name: base.name, size: 0, members: [] };
    }
    if (base.kind === 'enum') {
      return { kind: 'enum', name: base.name, size: 0, signed: false, values: new Map() };
    }
    if (base.name === 'void') return { kind: 'void' };
    return { kind: 'struct', name: '', typedefName: base.name, size: 0, members: [] };
  };
  // Only what is behind a pointer may be incomplete, and is looked up only when it is followed.
  if (!derive.some((part) => part.kind === 'pointer' || part.kind === 'function')) {
    if (base.name === 'void' && base.kind === 'name') return { kind: 'void' };
    if (options.find(base.kind, base.name) === undefined) return undefined;
  }
  return build(derive, { pointerSize: options.pointerSize, find });
}

/** A {@link BaseTypeFinder} over a type source; ints are found in either compiler's spelling. */
export function finderOf(types: TypeSource): BaseTypeFinder {
  return (kind, name) => {
    if (kind !== 'name') return types.find(kind, name);
    for (const spelling of intSpellings(name)) {
      const int = types.find('int', spelling);
      if (int !== undefined) return int;
    }
    return types.find('typedef', name);
  };
}

/** Bytes of a pointer: the kernel makes `unsigned long` as wide on every architecture. */
export function pointerSizeOf(types: TypeSource): 4 | 8 {
  const long = finderOf(types)('name', 'unsigned long');
  return long?.kind === 'int' && long.size === 4 ? 4 : 8;
}

/**
 * The names under which debug information may have an int: gcc calls `unsigned long` "long
 * unsigned int", clang "unsigned long".
 */
export function intSpellings(name: string): string[] {
  const words = name.split(' ');
  if (!words.every((word) => INT_WORDS.has(word))) return [name];
  const isUnsigned = words.includes('unsigned');
  const longs = words.filter((word) => word === 'long').length;
  const sign = isUnsigned ? 'unsigned ' : '';
  if (words.includes('char')) return [words.includes('signed') ? 'signed char' : `${sign}char`];
  if (words.includes('short')) return [`short ${sign}int`, `${sign}short`];
  if (longs === 0) return [`${sign}int`];
  const long = Array(longs).fill('long').join(' ');
  return [`${long} ${sign}int`, `${sign}${long}`];
}

const INT_WORDS = new Set(['unsigned', 'signed', 'char', 'short', 'int', 'long']);

/** A step from the base type outwards. */
type Derivation =
  | { readonly kind: 'pointer' }
  | { readonly kind: 'function' }
  | { readonly kind: 'array'; readonly count: number };

function build(
  derive: readonly Derivation[],
  options: { pointerSize: number; find: () => CType },
): CType {
  let make = options.find;
  for (const part of derive) {
    const inner = make;
    if (part.kind === 'function') make = () => ({ kind: 'function' });
    else if (part.kind === 'pointer') make = () => new LazyPointer(options.pointerSize, inner);
    else {
      const { count } = part;
      make = () => ({ kind: 'array', element: inner(), count });
    }
  }
  return make();
}

class LazyPointer {
  readonly kind = 'pointer';
  readonly size: number;
  readonly #find: () => CType;

  constructor(size: number, find: () => CType) {
    this.size = size;
    this.#find = find;
  }

  get target(): CType {
    return this.#find();
  }
}

/** Deeper nesting of parentheses than any declaration has, and than the stack needs to bear. */
const NESTING_MAX = 16;
const DERIVATIONS_MAX = 64;

class DeclarationParser {
  readonly #text: string;
  readonly #tokens: string[];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = text.match(/[A-Za-z_][\w#]*|\d+|\S/g) ?? [];
  }

  parse(): { base: { kind: BaseKind; name: string }; derive: Derivation[] } {
    const base = this.#base();
    const derive = this.#declarator(0);
    if (this.#at !== this.#tokens.length) throw this.#error(`unexpected ${this.#peek()}`);
    if (derive.length > DERIVATIONS_MAX) throw this.#error('more than 64 derivations');
    return { base, derive };
  }

  #base(): { kind: BaseKind; name: string } {
    this.#skipQualifiers();
    const first = this.#word();
    if (first === 'struct' || first === 'union' || first === 'enum') {
      return { kind: first, name: this.#word() };
    }
    const words = [first];
    this.#skipQualifiers();
    while (INT_WORDS.has(first) && INT_WORDS.has(this.#peek())) words.push(this.#word());
    this.#skipQualifiers();
    return { kind: 'name', name: words.join(' ') };
  }

  #skipQualifiers(): void {
    while (this.#peek() === 'const' || this.#peek() === 'volatile') this.#at++;
  }

  /** Derivations in the order in which they apply to the base: pointers, suffixes, the group's. */
  #declarator(depth: number): Derivation[] {
    if (depth > NESTING_MAX) throw this.#error('nested too deeply');
    const pointers: Derivation[] = [];
    while (this.#peek() === '*') {
      this.#at++;
      this.#skipQualifiers();
      pointers.push({ kind: 'pointer' });
    }
    let group: Derivation[] = [];
    if (this.#peek() === '(' && this.#tokens[this.#at + 1] !== ')') {
      this.#at++;
      group = this.#declarator(depth + 1);
      this.#expect(')');
    }
    const suffixes: Derivation[] = [];
    for (;;) {
      if (this.#peek() === '[') suffixes.push({ kind: 'array', count: this.#arrayCount() });
      else if (this.#peek() === '(') suffixes.push(this.#function());
      else break;
    }
    // `int [2][3]` is two of three ints, so the last dimension applies first.
    return [...pointers, ...suffixes.reverse(), ...group];
  }

  #arrayCount(): number {
    this.#expect('[');
    const token = this.#peek();
    const isNumber = /^\d+$/.test(token);
    const count = isNumber ? Number(token) : 0;
    if (isNumber) this.#at++;
    this.#expect(']');
    if (count > 0xffff_ffff) throw this.#error(`array of ${count} elements`);
    return count;
  }

  #function(): Derivation {
    this.#expect('(');
    this.#expect(')');
    return { kind: 'function' };
  }

  #peek(): string {
    return this.#tokens[this.#at] ?? '';
  }

  #word(): string {
    const token = this.#peek();
    if (!/^[A-Za-z_]/.test(token)) throw this.#error(`expected a name, have '${token}'`);
    this.#at++;
    return token;
  }

  #expect(token: string): void {
    if (this.#peek() !== token) throw this.#error(`expected '${token}', have '${this.#peek()}'`);
    this.#at++;
  }

  #error(what: string): InvalidError {
    return new InvalidError(`C type '${this.#text}': ${what}`);
  }
}

/**
 * Writes a C type so that {@link parseCType} reads it back.
 *
 * @param nameOf how a struct, union or enum is called, keyword included
 */
export function formatCType(type: CType, nameOf: (type: CType) => string): string {
  let current = type;
  let declarator = '';
  for (let depth = 0; depth < DERIVATIONS_MAX; depth++) {
    if (current.kind === 'pointer') {
      const { target } = current;
      const needsGroup = target.kind === 'array' || target.kind === 'function';
      declarator = needsGroup ? `(*${declarator})` : `*${declarator}`;
      current = target;
    } else if (current.kind === 'array') {
      declarator += `[${current.count}]`;
      current = current.element;
    } else break;
  }
  const base = baseName(current, nameOf);
  if (current.kind === 'function') declarator += '()';
  return declarator === '' ? base : `${base} ${declarator}`;
}

function baseName(type: CType, nameOf: (type: CType) => string): string {
  switch (type.kind) {
    case 'void':
    case 'function':
      return 'void';
    case 'int':
    case 'float':
      return type.name;
    default:
      return nameOf(type);
  }
}
