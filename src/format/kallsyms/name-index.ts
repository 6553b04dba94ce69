// Finds symbols of kallsyms by name without having expanded any: a hash table over the hashes that
// names.ts puts together from those of the tokens. A hit is expanded and compared.

import { expandName, hashName, type NamePlaces, type TokenTable } from './names.ts';

/** The parts of a names table that an index needs. */
export interface IndexedNames {
  readonly names: Uint8Array;
  readonly places: NamePlaces;
  readonly tokens: TokenTable;
  /** Of each name without its type letter. */
  readonly hashes: Int32Array;
  /** The type letter of each symbol as a byte. */
  readonly types: Uint8Array;
}

/** Chained buckets: `#heads[bucket]` is the first symbol, `#next[symbol]` the one after it. */
export class NameIndex {
  readonly #table: IndexedNames;
  readonly #mask: number;
  readonly #heads: Int32Array;
  readonly #next: Int32Array;

  constructor(table: IndexedNames) {
    const { hashes } = table;
    const buckets = 2 ** Math.ceil(Math.log2(hashes.length + 1));
    this.#table = table;
    this.#mask = buckets - 1;
    this.#heads = new Int32Array(buckets).fill(-1);
    this.#next = new Int32Array(hashes.length);
    // From the last to the first, so that a chain has its symbols in the order of the table.
    for (let i = hashes.length - 1; i >= 0; i--) {
      const bucket = this.#bucket(hashes[i] as number);
      this.#next[i] = this.#heads[bucket] as number;
      this.#heads[bucket] = i;
    }
  }

  get count(): number {
    return this.#next.length;
  }

  /** The indices of all symbols of this name, in the order of the table. */
  findAll(name: string): number[] {
    const hash = hashName(name);
    const found: number[] = [];
    let index = this.#heads[this.#bucket(hash)] as number;
    for (; index >= 0; index = this.#next[index] as number) {
      if (this.#table.hashes[index] === hash && this.name(index) === name) found.push(index);
    }
    return found;
  }

  /** The name of a symbol, expanded. */
  name(index: number): string {
    const { names, places, tokens } = this.#table;
    const start = places.starts[index] as number;
    return expandName(names, { start, count: places.counts[index] as number }, tokens).slice(1);
  }

  /** The type letter of a symbol as nm(1) has it; upper case for a global one. */
  type(index: number): string {
    return String.fromCharCode(this.#table.types[index] as number);
  }

  #bucket(hash: number): number {
    return (hash ^ (hash >>> 15)) & this.#mask;
  }
}
