// kallsyms of the dumped kernel: the tables that VMCOREINFO names, read through its page tables.

import type { Vaddr } from '../util/address.ts';
import { FaultError, FormatError } from '../util/errors.ts';
import type { AddressTable } from '../format/kallsyms/addresses.ts';
import type { Kallsyms } from '../format/kallsyms/kallsyms.ts';
import { NUM_SYMS_MAX, readKallsyms } from '../format/kallsyms/read.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import type { KernelSymbol, SymbolPlace, SymbolTable } from './symbols.ts';

/** `kallsyms_token_index` has 16 bits an entry. */
const TOKEN_TABLE_SIZE_MAX = 64 << 10;
const TOKEN_INDEX_SIZE = 512;

/** Where no named table follows the names: real kernels need 13 bytes a symbol. */
const NAMES_BYTES_PER_SYMBOL_MAX = 64;
const NAMES_BYTES_MIN = 1 << 20;

/** The symbols that a kernel has in its own memory. */
export class KallsymsSymbols implements SymbolTable {
  readonly origin: string;
  /** The decoded tables, with the encodings that they were found to have. */
  readonly kallsyms: Kallsyms;

  constructor(kallsyms: Kallsyms, origin = 'kallsyms in the dump') {
    this.origin = origin;
    this.kallsyms = kallsyms;
  }

  get count(): number {
    return this.kallsyms.count;
  }

  lookup(name: string): Vaddr | undefined {
    return this.kallsyms.lookup(name);
  }

  lookupAll(name: string): KernelSymbol[] {
    return this.kallsyms.lookupAll(name);
  }

  symbolAt(address: Vaddr): SymbolPlace | undefined {
    return this.kallsyms.symbolAt(address);
  }

  symbols(): Iterable<KernelSymbol> {
    return this.kallsyms.symbols();
  }
}

/** Who says where the tables are: VMCOREINFO, or a list of symbols that is to be proved. */
export interface TableNames {
  symbol(name: string): Vaddr | undefined;
  /** Symbols that are known to be right. */
  symbols(): Iterable<{ readonly name: string; readonly address: Vaddr }>;
}

/**
 * kallsyms, where its tables are named. VMCOREINFO does since kernel 6.0 (5fd8fea935a1) and in
 * kernels that had it backported.
 *
 * @returns undefined if they are not named
 * @throws FormatError if the tables contradict each other or the known symbols
 * @throws FaultError if they are not in the dump
 */
export function readKernelKallsyms(
  space: AddressSpace,
  info: TableNames,
): KallsymsSymbols | undefined {
  const places = tablePlaces(info);
  if (places === undefined) return undefined;
  const numSyms = u32At(space, places.numSyms);
  if (numSyms > NUM_SYMS_MAX) {
    const what = `expected at most ${NUM_SYMS_MAX} symbols, have ${numSyms}`;
    throw new FormatError({ section: 'kallsyms_num_syms' }, what);
  }
  const namesMax = Math.max(numSyms * NAMES_BYTES_PER_SYMBOL_MAX, NAMES_BYTES_MIN);
  const tokenRange = { next: [places.tokenIndex], max: TOKEN_TABLE_SIZE_MAX };
  const kallsyms = readKallsyms({
    numSyms,
    names: readUpTo(space, places.names, { next: places.all, max: namesMax }),
    tokenTable: readUpTo(space, places.tokenTable, tokenRange),
    tokenIndex: space.read(places.tokenIndex, TOKEN_INDEX_SIZE),
    addresses: readAddressTable(space, places, numSyms),
    known: info.symbols(),
  });
  return new KallsymsSymbols(kallsyms);
}

interface TablePlaces {
  readonly names: Vaddr;
  readonly numSyms: Vaddr;
  readonly tokenTable: Vaddr;
  readonly tokenIndex: Vaddr;
  readonly offsets: Vaddr | undefined;
  readonly addresses: Vaddr | undefined;
  readonly relativeBase: Vaddr | undefined;
  /** The addresses of all tables that are named. */
  readonly all: readonly Vaddr[];
}

function tablePlaces(info: TableNames): TablePlaces | undefined {
  const names = info.symbol('kallsyms_names');
  const numSyms = info.symbol('kallsyms_num_syms');
  const tokenTable = info.symbol('kallsyms_token_table');
  const tokenIndex = info.symbol('kallsyms_token_index');
  const offsets = info.symbol('kallsyms_offsets');
  const addresses = info.symbol('kallsyms_addresses');
  const relativeBase = info.symbol('kallsyms_relative_base');
  if (names === undefined || numSyms === undefined) return undefined;
  if (tokenTable === undefined || tokenIndex === undefined) return undefined;
  if (offsets === undefined && addresses === undefined) return undefined;
  const tables = [numSyms, tokenTable, tokenIndex, offsets, addresses, relativeBase];
  const all = tables.filter((table) => table !== undefined);
  return { names, numSyms, tokenTable, tokenIndex, offsets, addresses, relativeBase, all };
}

function readAddressTable(space: AddressSpace, places: TablePlaces, numSyms: number): AddressTable {
  const { offsets, addresses, relativeBase } = places;
  if (offsets === undefined) {
    const bytes = space.read(addresses as Vaddr, numSyms * 8);
    return { kind: 'addresses', bytes };
  }
  return {
    kind: 'offsets',
    bytes: space.read(offsets, numSyms * 4),
    address: offsets,
    relativeBase: relativeBase === undefined ? undefined : u64At(space, relativeBase),
  };
}

/** The bytes from `start` to the next of some addresses, less where memory ends before. */
function readUpTo(
  space: AddressSpace,
  start: Vaddr,
  limit: { next: readonly Vaddr[]; max: number },
): Uint8Array {
  let length = limit.max;
  for (const next of limit.next) {
    if (next > start && next - start < BigInt(length)) length = Number(next - start);
  }
  try {
    return space.read(start, length);
  } catch (error) {
    if (!(error instanceof FaultError) || error.address <= start) throw error;
    return space.read(start, Number(error.address - start));
  }
}

function u32At(space: AddressSpace, address: Vaddr): number {
  return new DataView(space.read(address, 4).buffer).getUint32(0, true);
}

function u64At(space: AddressSpace, address: Vaddr): Vaddr {
  return new DataView(space.read(address, 8).buffer).getBigUint64(0, true) as Vaddr;
}
