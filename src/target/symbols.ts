// Symbols of the dumped kernel, whatever they come from: kallsyms in the dump, a System.map, the
// symbol table of a vmlinux, and the tables of loaded modules.

import type { Vaddr } from '../util/address.ts';

/** One symbol. */
export interface KernelSymbol {
  readonly name: string;
  readonly address: Vaddr;
  /** The letter of nm(1): `T` global text, `t` local text, `D` data; `A` is a per-CPU offset. */
  readonly type: string;
  /** The module that has it; undefined for the kernel image. */
  readonly module?: string;
}

/** The symbol that covers an address. */
export interface SymbolPlace extends KernelSymbol {
  /** Bytes from the start of the symbol to the address. */
  readonly offset: number;
  /** Bytes of the symbol, 0 if not known. kallsyms has none: it is what lies before the next. */
  readonly size: number;
}

/** A symbol table. Addresses are those of the dump, KASLR included. */
export interface SymbolTable {
  /** Where the symbols come from, in words that stand in results: `kallsyms in the dump`. */
  readonly origin: string;
  /** How many symbols there are. */
  readonly count: number;
  /**
   * The address of a symbol of the kernel image; of several with this name a global one, else the
   * first. Modules are not asked, so that probing for a symbol never loads their tables.
   */
  lookup(name: string): Vaddr | undefined;
  /** Every symbol of this name, those of modules too. */
  lookupAll(name: string): KernelSymbol[];
  /** The symbol that covers an address, in the kernel image or in a module. */
  symbolAt(address: Vaddr): SymbolPlace | undefined;
  /** Every symbol. */
  symbols(): Iterable<KernelSymbol>;
  /**
   * Of a packed dump, which has only symbols that were used: whether the kernel image may have one
   * of this name, or one that covers this address, though none is found; any at all without
   * either. Other tables are whole and do not have this.
   */
  mayLack?(asked?: string | Vaddr): boolean;
}

/** The kernel image's symbols, with those of the modules behind them. */
export class SymbolsWithModules implements SymbolTable {
  readonly #kernel: SymbolTable;
  readonly #modules: SymbolTable;

  constructor(kernel: SymbolTable, modules: SymbolTable) {
    this.#kernel = kernel;
    this.#modules = modules;
  }

  get origin(): string {
    return this.#kernel.origin;
  }

  /** Of the kernel image; counting those of the modules would read them all. */
  get count(): number {
    return this.#kernel.count;
  }

  lookup(name: string): Vaddr | undefined {
    return this.#kernel.lookup(name);
  }

  lookupAll(name: string): KernelSymbol[] {
    return [...this.#kernel.lookupAll(name), ...this.#modules.lookupAll(name)];
  }

  symbolAt(address: Vaddr): SymbolPlace | undefined {
    return this.#kernel.symbolAt(address) ?? this.#modules.symbolAt(address);
  }

  mayLack(asked?: string | Vaddr): boolean {
    return this.#kernel.mayLack?.(asked) === true;
  }

  *symbols(): Generator<KernelSymbol> {
    yield* this.#kernel.symbols();
    yield* this.#modules.symbols();
  }
}
