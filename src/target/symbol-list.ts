// Symbols from a list outside the dump: a System.map, or the symbol table of a vmlinux. Their
// addresses are those of the build, so KASLR's offset is added; symbols that the dump names too
// prove that the list is of the same kernel.

import { START_KERNEL_MAP } from '../arch/x86-64.ts';
import { hex, vaddr, type Vaddr } from '../util/address.ts';
import { InvalidError } from '../util/errors.ts';
import type { KernelSymbol, SymbolPlace, SymbolTable } from './symbols.ts';

/** A symbol as a list has it. */
export interface ListedSymbol {
  readonly name: string;
  /** Its address in the build, before KASLR. */
  readonly value: bigint;
  /** In bytes; 0 or undefined where the list has none. */
  readonly size?: number;
  /** As nm(1) prints it. */
  readonly type: string;
}

/** How a list is made to fit a dump. */
export interface SymbolListOptions {
  /** In words that stand in results: `System.map-6.1.0`. */
  readonly origin: string;
  /** Symbols with their addresses in the dump: those that VMCOREINFO names. */
  readonly known: Iterable<{ readonly name: string; readonly address: Vaddr }>;
}

interface PlacedSymbol extends KernelSymbol {
  readonly size: number;
}

/** Beyond it a symbol without a size of its own covers nothing. */
const SYMBOL_SIZE_MAX = 2 ** 30;

/** A sorted table made from a list. */
export class SymbolList implements SymbolTable {
  readonly origin: string;
  readonly #sorted: readonly PlacedSymbol[];
  readonly #byName = new Map<string, PlacedSymbol[]>();

  /** @param symbols at their addresses in the dump, in any order */
  constructor(origin: string, symbols: Iterable<PlacedSymbol>) {
    this.origin = origin;
    this.#sorted = [...symbols].sort((a, b) => compare(a.address, b.address));
    for (const symbol of this.#sorted) {
      const same = this.#byName.get(symbol.name);
      if (same === undefined) this.#byName.set(symbol.name, [symbol]);
      else same.push(symbol);
    }
  }

  get count(): number {
    return this.#sorted.length;
  }

  lookup(name: string): Vaddr | undefined {
    const all = this.#byName.get(name);
    return (all?.find(({ type }) => /[A-Z]/.test(type)) ?? all?.[0])?.address;
  }

  lookupAll(name: string): KernelSymbol[] {
    return [...(this.#byName.get(name) ?? [])];
  }

  /** As in the kernel's traces, of several symbols at one address the first of the list. */
  symbolAt(address: Vaddr): SymbolPlace | undefined {
    const after = this.#upperBound(address);
    const covering = this.#sorted[after - 1];
    if (covering === undefined) return undefined;
    let first = covering;
    for (let i = after - 2; i >= 0 && this.#sorted[i]?.address === covering.address; i--) {
      first = this.#sorted[i] ?? first;
    }
    const offset = Number(address - first.address);
    const next = this.#sorted[after];
    const gap = next === undefined ? 0 : Number(next.address - first.address);
    const size = first.size > 0 ? first.size : Math.min(gap, SYMBOL_SIZE_MAX);
    if (first.type.toUpperCase() === 'A' || offset >= Math.max(size, 1)) return undefined;
    return { ...first, offset, size };
  }

  symbols(): Iterable<KernelSymbol> {
    return this.#sorted;
  }

  #upperBound(address: Vaddr): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sorted[middle] as PlacedSymbol).address > address) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/**
 * A table from a list of another file, moved to where the dump's kernel is.
 *
 * @throws InvalidError if the list is of another kernel: no known symbol is in it, or they do not
 *   all lie at one distance from their addresses in the dump
 */
export function readSymbolList(
  listed: Iterable<ListedSymbol>,
  { origin, known }: SymbolListOptions,
): SymbolList {
  const list = [...listed];
  const offset = kaslrOffset(list, origin, known);
  return new SymbolList(
    origin,
    list.map(({ name, value, size, type }) => ({
      name,
      // Absolute and per-CPU symbols lie below the image and do not move with it.
      address: vaddr(value >= START_KERNEL_MAP ? value + offset : value),
      size: size ?? 0,
      type,
    })),
  );
}

function kaslrOffset(
  list: readonly ListedSymbol[],
  origin: string,
  known: SymbolListOptions['known'],
): bigint {
  const values = new Map<string, bigint[]>();
  const wanted = new Map([...known].map(({ name, address }) => [name, address]));
  for (const { name, value } of list) {
    if (wanted.has(name)) values.set(name, [...(values.get(name) ?? []), value]);
  }
  let offset: bigint | undefined;
  for (const [name, address] of wanted) {
    const [value, ...others] = values.get(name) ?? [];
    // VMCOREINFO gives the value of some pointers (mem_section) under the name of the variable.
    if (value === undefined || others.length > 0 || address < START_KERNEL_MAP) continue;
    offset ??= address - value;
    if (address - value === offset) continue;
    const expected = `expected ${name} at ${hex(vaddr(address - offset))}`;
    throw new InvalidError(`${origin}: it is of another kernel: ${expected}, have ${hex(value)}`);
  }
  if (offset === undefined) {
    throw new InvalidError(`${origin}: expected symbols that VMCOREINFO names, have none of them`);
  }
  return offset;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
