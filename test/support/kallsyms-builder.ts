// kallsyms tables for tests: written by our writer, cut into the tables that the reader takes, as
// target/ cuts them out of memory.

import type { AddressTable } from '../../src/format/kallsyms/addresses.ts';
import type { KallsymsSymbol } from '../../src/format/kallsyms/kallsyms.ts';
import type { KallsymsTables } from '../../src/format/kallsyms/read.ts';
import { writeKallsyms, type WriteKallsymsOptions } from '../../src/format/kallsyms/write.ts';
import { vaddr, type Vaddr } from '../../src/util/address.ts';
import { Prng } from '../../src/util/prng.ts';

/** Where the tables and the image of a test lie. */
export const TABLES_AT = vaddr(0xffffffff98000000n);
export const STEXT = vaddr(0xffffffff97400000n);

/** A mutable copy of the tables, for tests that damage one. */
export type MutableTables = { -readonly [K in keyof KallsymsTables]: KallsymsTables[K] };

/** Writes and cuts; the known symbols are the first global text symbols. */
export function buildKallsyms(
  symbols: readonly KallsymsSymbol[],
  options: Partial<WriteKallsymsOptions> = {},
): MutableTables {
  const { bytes, symbols: at } = writeKallsyms(symbols, {
    address: TABLES_AT,
    lengthEncoding: 'two-byte',
    addressEncoding: 'base-relative',
    relativeBase: STEXT,
    ...options,
  });
  const from = (name: string): number => Number((at[`kallsyms_${name}`] ?? 0n) - TABLES_AT);
  const slice = (name: string, next: string): Uint8Array => bytes.slice(from(name), from(next));
  const tail = (name: string, size: number): Uint8Array =>
    bytes.slice(from(name), from(name) + symbols.length * size);
  const offsets = at.kallsyms_offsets;
  const addresses: AddressTable =
    offsets === undefined
      ? { kind: 'addresses', bytes: tail('addresses', 8) }
      : {
          kind: 'offsets',
          bytes: tail('offsets', 4),
          address: offsets,
          relativeBase: at.kallsyms_relative_base && (options.relativeBase ?? STEXT),
        };
  return {
    numSyms: symbols.length,
    names: slice('names', 'token_table'),
    tokenTable: slice('token_table', 'token_index'),
    tokenIndex: bytes.slice(from('token_index'), from('token_index') + 512),
    addresses,
    known: symbols.filter(({ type }) => type === 'T').slice(0, 4),
  };
}

/** Symbols as a kernel has them: per-CPU ones at the start, text, then data; some share names. */
export function randomSymbols(seed: number, count: number): KallsymsSymbol[] {
  const prng = new Prng(seed);
  const words = ['alloc', 'free', '__', 'page', 'slow', 'path', '_get', 'task', '.constprop.0'];
  const symbols: KallsymsSymbol[] = [];
  let address = 0n;
  for (let i = 0; i < count; i++) {
    if (i === count >> 4) address = STEXT;
    const name = Array.from({ length: 1 + prng.below(5) }, () => prng.pick(words)).join('');
    const isText = i === count >> 4 || prng.chance(0.5);
    const type = address < STEXT ? 'A' : isText ? 'T' : prng.pick(['t', 'd', 'D', 'b', 'W']);
    symbols.push({ name: i % 3 === 0 ? `${name}_${i}` : name, type, address: vaddr(address) });
    // Aliases have the same address.
    if (!prng.chance(0.1)) address += BigInt(16 * (1 + prng.below(64)));
  }
  return symbols;
}

/** One symbol. */
export function symbol(name: string, type: string, address: bigint): KallsymsSymbol {
  return { name, type, address: address as Vaddr };
}
