// The types that the note of a packed dump has: those that its triage asked for, and all others
// that stallcore knows how to read.

import type { CType, TypeKind, TypeSource } from '../types/ctype.ts';
import { readLayout, type LayoutTypes } from '../types/layout.ts';

/** What a packed dump's note says of the types, besides their layout. */
export interface PackedTypeFacts {
  /** Where they came from in the dump that was packed. */
  readonly origin: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly missing: readonly string[];
}

/** Types of a packed dump. */
export class PackedTypes implements TypeSource {
  readonly origin: string;
  readonly layout: LayoutTypes;
  readonly #variables: ReadonlyMap<string, string>;
  readonly #missing: ReadonlySet<string>;
  readonly #onUnasked: (what: string) => void;

  /**
   * @param onUnasked told of a type that the note neither has nor says to be missing
   * @throws FormatError if `layout` is no layout file
   */
  constructor(layout: string, facts: PackedTypeFacts, onUnasked: (what: string) => void) {
    this.origin = facts.origin;
    this.layout = readLayout(layout, facts.origin);
    this.#variables = new Map(Object.entries(facts.variables));
    this.#missing = new Set(facts.missing);
    this.#onUnasked = onUnasked;
  }

  find(kind: TypeKind, name: string): CType | undefined {
    const type = this.layout.find(kind, name);
    // Of ints each spelling is tried.
    if (type === undefined && kind !== 'int') this.#doubt(`${kind} ${name}`);
    return type;
  }

  findEnumerator(name: string): bigint | undefined {
    const value = this.layout.findEnumerator(name);
    if (value === undefined) this.#doubt(name);
    return value;
  }

  variableType(name: string): CType | undefined {
    const text = this.#variables.get(name);
    return text === undefined ? undefined : this.layout.parse(text, `variables.${name}`);
  }

  /** Whether the kernel may have a type though it is not in the note. */
  mayLack(kind: TypeKind, name: string): boolean {
    return !this.#missing.has(`${kind} ${name}`);
  }

  #doubt(what: string): void {
    if (!this.#missing.has(what)) this.#onUnasked(what);
  }
}
