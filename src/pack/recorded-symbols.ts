// Symbols that remember what they were asked, and what they answered.

import type { NotedSymbol, NotedTable } from '../target/packed-symbols.ts';
import type { KernelSymbol, SymbolPlace, SymbolTable } from '../target/symbols.ts';
import { hex, type Vaddr } from '../util/address.ts';

/** Asks another table. */
export class RecordedSymbols implements SymbolTable {
  readonly #table: SymbolTable;
  readonly #named = new Map<string, Vaddr>();
  readonly #all = new Map<string, KernelSymbol[]>();
  /** By their addresses. */
  readonly #covering = new Map<bigint, SymbolPlace>();
  readonly #uncovered = new Set<Vaddr>();
  readonly #missing = new Set<string>();

  constructor(table: SymbolTable) {
    this.#table = table;
  }

  get origin(): string {
    return this.#table.origin;
  }

  get count(): number {
    return this.#table.count;
  }

  lookup(name: string): Vaddr | undefined {
    const address = this.#table.lookup(name);
    if (address === undefined) this.#missing.add(name);
    else this.#named.set(name, address);
    return address;
  }

  lookupAll(name: string): KernelSymbol[] {
    const symbols = this.#table.lookupAll(name);
    if (symbols.length === 0) this.#missing.add(name);
    else this.#all.set(name, symbols);
    return symbols;
  }

  symbolAt(address: Vaddr): SymbolPlace | undefined {
    const place = this.#table.symbolAt(address);
    if (place === undefined) this.#uncovered.add(address);
    else if (!this.#covering.has(place.address)) this.#covering.set(place.address, place);
    return place;
  }

  symbols(): Iterable<KernelSymbol> {
    return this.#table.symbols();
  }

  /** What a note has to say of the table. */
  noted(): NotedTable {
    const places = [...this.#covering.values()];
    const covers = ({ address, size }: SymbolPlace, at: bigint): boolean =>
      at >= address && at < address + BigInt(Math.max(size, 1));
    return {
      origin: this.origin,
      count: this.count,
      named: Object.fromEntries([...this.#named].map(([name, at]) => [name, hex(at)])),
      all: Object.fromEntries(
        [...this.#all].map(([name, symbols]) => [name, symbols.map((symbol) => noted(symbol, 0))]),
      ),
      covering: places.sort(byAddress).map((place) => noted(place, place.size)),
      uncovered: insideOf(places, [...this.#uncovered], covers).map(hex),
      missing: [...this.#missing],
    };
  }
}

function noted({ name, address, type }: KernelSymbol, size: number): NotedSymbol {
  return [name, hex(address), type, size];
}

function byAddress(a: { address: bigint }, b: { address: bigint }): number {
  return a.address < b.address ? -1 : a.address > b.address ? 1 : 0;
}

/** The addresses that the last place in front of them would be taken to cover. */
function insideOf(
  sorted: readonly SymbolPlace[],
  addresses: readonly Vaddr[],
  covers: (place: SymbolPlace, at: bigint) => boolean,
): Vaddr[] {
  let next = 0;
  return [...addresses]
    .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
    .filter((at) => {
      while (next < sorted.length && sorted[next]!.address <= at) next++;
      const place = sorted[next - 1];
      return place !== undefined && covers(place, at);
    });
}
