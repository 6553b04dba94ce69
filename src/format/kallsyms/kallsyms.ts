// The symbols of kallsyms, decoded as far as lookups need: names stay compressed until one is
// shown, addresses are two 32-bit halves, sorted as they come.

import type { Vaddr } from '../../util/address.ts';
import type { AddressEncoding, Addresses } from './addresses.ts';
import type { LengthEncoding } from './names.ts';
import type { NameIndex } from './name-index.ts';

/** One symbol. */
export interface KallsymsSymbol {
  readonly name: string;
  /** As nm(1) prints it: `T` global text, `t` local text, `D` data, `A` absolute (per-CPU). */
  readonly type: string;
  readonly address: Vaddr;
}

/** The symbol that covers an address. */
export interface KallsymsPlace extends KallsymsSymbol {
  /** Bytes from the start of the symbol. */
  readonly offset: number;
  /**
   * Bytes to the next symbol at another address, since kallsyms has no sizes; it may include
   * padding. 0 for the last symbol.
   */
  readonly size: number;
}

/** How the tables turned out to be encoded. */
export interface KallsymsEncodings {
  readonly lengthEncoding: LengthEncoding | 'either';
  readonly addressEncoding: AddressEncoding;
  /** Whether `kallsyms_markers` confirms the names. */
  readonly markersAgree: boolean;
}

/** A symbol does not reach farther than a kernel image is large, whatever the table says. */
const SYMBOL_SIZE_MAX = 2 ** 30;

const TWO_32 = 2 ** 32;

/** The symbol table of a kernel without its modules. */
export class Kallsyms {
  readonly encodings: KallsymsEncodings;
  readonly #index: NameIndex;
  readonly #addresses: Addresses;
  /** Indices in ascending order of address; undefined if the table is sorted, as it should be. */
  readonly #order: Uint32Array | undefined;
  readonly #scratch = new BigUint64Array(1);
  readonly #halves = new Uint32Array(this.#scratch.buffer);

  constructor(index: NameIndex, addresses: Addresses, encodings: KallsymsEncodings) {
    this.#index = index;
    this.#addresses = addresses;
    this.encodings = encodings;
    this.#order = isSorted(addresses) ? undefined : sortedOrder(addresses);
  }

  get count(): number {
    return this.#index.count;
  }

  /** The address of a symbol; of several with this name a global one, else the first. */
  lookup(name: string): Vaddr | undefined {
    const all = this.#index.findAll(name);
    const index = all.find((i) => isGlobal(this.#index.type(i))) ?? all[0];
    return index === undefined ? undefined : this.#address(index);
  }

  /** Every symbol of this name: static functions often share one. */
  lookupAll(name: string): KallsymsSymbol[] {
    return this.#index.findAll(name).map((index) => this.symbol(index));
  }

  /**
   * The symbol that covers `address`: of several at one address the first, as in the kernel's own
   * stack traces. Absolute symbols (per-CPU offsets) cover nothing. The last symbol (`_end` or
   * near it) covers only its own address, since nothing says where it ends.
   */
  symbolAt(address: Vaddr): KallsymsPlace | undefined {
    this.#scratch[0] = address;
    const hi = this.#halves[1] as number;
    const lo = this.#halves[0] as number;
    const after = this.#upperBound(hi, lo);
    if (after === 0) return undefined;
    const covering = this.#at(after - 1);
    const first = this.#firstAt(covering.hi, covering.lo, after);
    if (first === undefined) return undefined;
    const offset = (hi - covering.hi) * TWO_32 + (lo - covering.lo);
    const size = this.#sizeUpTo(after, covering);
    return offset < Math.max(size, 1) ? { ...this.symbol(first), offset, size } : undefined;
  }

  /** All symbols in the order of the table. */
  *symbols(): Generator<KallsymsSymbol> {
    for (let index = 0; index < this.count; index++) yield this.symbol(index);
  }

  /** The symbol at an index of the table. */
  symbol(index: number): KallsymsSymbol {
    return {
      name: this.#index.name(index),
      type: this.#index.type(index),
      address: this.#address(index),
    };
  }

  #address(index: number): Vaddr {
    this.#halves[1] = this.#addresses.hi[index] as number;
    this.#halves[0] = this.#addresses.lo[index] as number;
    return this.#scratch[0] as Vaddr;
  }

  #indexAt(position: number): number {
    return this.#order === undefined ? position : (this.#order[position] as number);
  }

  #at(position: number): { hi: number; lo: number } {
    const index = this.#indexAt(position);
    return { hi: this.#addresses.hi[index] as number, lo: this.#addresses.lo[index] as number };
  }

  /** The position of the first symbol above an address. */
  #upperBound(hi: number, lo: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = this.#at(middle);
      if (at.hi > hi || (at.hi === hi && at.lo > lo)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The first symbol that is at an address and not absolute; its aliases end before `after`. */
  #firstAt(hi: number, lo: number, after: number): number | undefined {
    const before = lo > 0 ? this.#upperBound(hi, lo - 1) : this.#upperBound(hi - 1, TWO_32 - 1);
    for (let position = before; position < after; position++) {
      const index = this.#indexAt(position);
      if (this.#index.type(index).toUpperCase() !== 'A') return index;
    }
    return undefined;
  }

  #sizeUpTo(position: number, start: { hi: number; lo: number }): number {
    if (position >= this.count) return 0;
    const next = this.#at(position);
    const size = (next.hi - start.hi) * TWO_32 + (next.lo - start.lo);
    return Math.min(size, SYMBOL_SIZE_MAX);
  }
}

/** nm(1) prints global symbols in upper case; weak ones are `W` or `V`. */
function isGlobal(type: string): boolean {
  return type >= 'A' && type <= 'Z';
}

function isSorted({ hi, lo }: Addresses): boolean {
  let lastHi = 0;
  let lastLo = 0;
  for (let i = 0; i < hi.length; i++) {
    const thisHi = hi[i] as number;
    const thisLo = lo[i] as number;
    if (thisHi < lastHi || (thisHi === lastHi && thisLo < lastLo)) return false;
    lastHi = thisHi;
    lastLo = thisLo;
  }
  return true;
}

function sortedOrder({ hi, lo }: Addresses): Uint32Array {
  const compare = (a: number, b: number): number =>
    (hi[a] as number) - (hi[b] as number) || (lo[a] as number) - (lo[b] as number) || a - b;
  return Uint32Array.from(hi, (_, i) => i).sort(compare);
}
