// The symbols that the note of a packed dump has: those that its triage asked for, by name or by an
// address that they cover.

import { vaddr, type Vaddr } from '../util/address.ts';
import type { KernelSymbol, SymbolPlace, SymbolTable } from './symbols.ts';

/** A symbol as the note has it: name, address, letter, size in bytes. */
export type NotedSymbol = readonly [name: string, address: string, type: string, size: number];

/** A table of symbols as the note has it. */
export interface NotedTable {
  /** Where they came from in the dump that was packed. */
  readonly origin: string;
  /** How many that table had. */
  readonly count: number;
  /** What `lookup` answered. */
  readonly named: Readonly<Record<string, string>>;
  /** What `lookupAll` answered. */
  readonly all: Readonly<Record<string, readonly NotedSymbol[]>>;
  /** Symbols that cover an address that was asked for, ascending. */
  readonly covering: readonly NotedSymbol[];
  /** Addresses inside of one of those that it does not cover all the same. */
  readonly uncovered: readonly string[];
  /** Names that were asked for in vain. */
  readonly missing: readonly string[];
}

/** Symbols of a packed dump. */
export class PackedSymbols implements SymbolTable {
  readonly origin: string;
  readonly count: number;
  readonly #named: ReadonlyMap<string, Vaddr>;
  readonly #all: ReadonlyMap<string, readonly KernelSymbol[]>;
  readonly #covering: readonly (KernelSymbol & { readonly size: number })[];
  readonly #uncovered: ReadonlySet<bigint>;
  readonly #missing: ReadonlySet<string>;
  readonly #onUnasked: (name: string) => void;

  /** @param options.onUnasked told of a name that the note neither has nor says to be missing */
  constructor(
    table: NotedTable,
    options: { readonly module?: string; readonly onUnasked: (name: string) => void },
  ) {
    const { module } = options;
    const symbolOf = ([name, address, type]: NotedSymbol): KernelSymbol => ({
      name,
      address: vaddr(BigInt(address)),
      type,
      ...(module === undefined ? {} : { module }),
    });
    this.origin = table.origin;
    this.count = table.count;
    this.#named = new Map(
      Object.entries(table.named).map(([name, address]) => [name, vaddr(BigInt(address))]),
    );
    this.#all = new Map(
      Object.entries(table.all).map(([name, symbols]) => [name, symbols.map(symbolOf)]),
    );
    this.#covering = table.covering
      .map((symbol) => ({ ...symbolOf(symbol), size: symbol[3] }))
      .sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
    this.#uncovered = new Set(table.uncovered.map(BigInt));
    this.#missing = new Set(table.missing);
    this.#onUnasked = options.onUnasked;
  }

  lookup(name: string): Vaddr | undefined {
    const all = this.#all.get(name);
    const listed = all?.find(({ type }) => /[A-Z]/.test(type)) ?? all?.[0];
    const address = this.#named.get(name) ?? listed?.address;
    if (address === undefined && !this.#missing.has(name)) this.#onUnasked(name);
    return address;
  }

  lookupAll(name: string): KernelSymbol[] {
    const found = this.#all.get(name) ?? this.#known(name);
    if (found.length === 0 && !this.#missing.has(name)) this.#onUnasked(name);
    return [...found];
  }

  symbolAt(address: Vaddr): SymbolPlace | undefined {
    if (this.#uncovered.has(address)) return undefined;
    const symbol = this.#covering[this.#upperBound(address) - 1];
    if (symbol === undefined) return undefined;
    const offset = Number(address - symbol.address);
    return offset < Math.max(symbol.size, 1) ? { ...symbol, offset } : undefined;
  }

  *symbols(): Generator<KernelSymbol> {
    yield* this.#covering;
    for (const symbols of this.#all.values()) yield* symbols;
  }

  mayLack(asked?: string | Vaddr): boolean {
    if (asked === undefined) return true;
    return typeof asked === 'string' ? !this.#missing.has(asked) : !this.#uncovered.has(asked);
  }

  /** Symbols that were asked for in other ways; of some the letter is not known. */
  #known(name: string): KernelSymbol[] {
    const covering = this.#covering.filter((symbol) => symbol.name === name);
    const address = this.#named.get(name);
    if (address === undefined || covering.some((symbol) => symbol.address === address)) {
      return covering;
    }
    return [{ name, address, type: '?' }, ...covering];
  }

  #upperBound(address: Vaddr): number {
    let low = 0;
    let high = this.#covering.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#covering[middle]!.address > address) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
