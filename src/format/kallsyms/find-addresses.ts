// Where the addresses of kallsyms lie, told from the tables that were found. scripts/kallsyms.c
// wrote them
//
//   until v6.3     addresses, or offsets and relative_base; then num_syms, names …
//   since v6.4     … token_table, token_index; then addresses, or offsets and relative_base
//   since v7.0     … token_table, token_index; then offsets alone, which are place-relative
//
// (404bad70fcf7 moved them.) The kernel searches the table by halves, so the addresses ascend from
// the first to the last; only the right place and the right encoding give that, and addresses in
// the kernel's part of memory. Which of those that are left is right, known symbols must say.

import { hex, type Vaddr } from '../../util/address.ts';
import { FormatError } from '../../util/errors.ts';
import {
  addressEncodings,
  addressSize,
  decodeAddresses,
  type AddressEncoding,
  type Addresses,
  type AddressTable,
} from './addresses.ts';
import type { FoundNames } from './find-names.ts';
import { TOKEN_INDEX_SIZE, type FoundTokens, type TableMemory } from './token-index.ts';

/** What the search of addresses needs to know of the kernel. */
export interface AddressSearch {
  /** The kernel image lies above it: START_KERNEL_map. */
  readonly lowest: Vaddr;
  /** The virtual address of a place, which place-relative offsets count from. */
  readonly vaddrOf: (at: number) => Vaddr;
}

/** A table of addresses that could be the one, and what it gives. */
export interface FoundAddresses {
  readonly encoding: AddressEncoding;
  readonly at: number;
  readonly addresses: Addresses;
}

const ALIGN = 8;
const BASE_SIZE = 8;
const TWO_32 = 2 ** 32;

/**
 * The tables of addresses that are possible, the likeliest first.
 *
 * @throws FormatError naming the table that comes closest and the place where it is wrong
 */
export function findAddresses(
  memory: TableMemory,
  found: FoundTokens & FoundNames,
  search: AddressSearch,
): FoundAddresses[] {
  const fitting: FoundAddresses[] = [];
  const wrong: WrongAddresses[] = [];
  for (const { table, at } of tables(memory, found, search)) {
    for (const encoding of addressEncodings(table)) {
      const addresses = decodeAddresses(table, encoding, found.numSyms);
      const doubt = findWrong({ table, at, encoding, addresses }, search.lowest);
      if (doubt === undefined) fitting.push({ encoding, at, addresses });
      else wrong.push(doubt);
    }
  }
  if (fitting.length > 0) return fitting;
  const closest = wrong.reduce((a, b) => (b.index > a.index ? b : a), NOWHERE);
  const { section, offset, what } = closest;
  throw new FormatError({ section, offset }, what);
}

/** Why a table is not the one, and after how many addresses that shows. */
interface WrongAddresses {
  readonly index: number;
  readonly section: string;
  readonly offset: number;
  readonly what: string;
}

const NOWHERE: WrongAddresses = {
  index: -1,
  section: 'kallsyms_offsets',
  offset: 0,
  what: 'not in the dump, neither before kallsyms_num_syms nor behind kallsyms_token_index',
};

interface PlacedTable {
  readonly table: AddressTable;
  readonly at: number;
}

/** The tables that memory has all of, by the orders of the releases. */
function* tables(
  memory: TableMemory,
  { numSymsAt, tokenIndexAt, numSyms }: FoundTokens & FoundNames,
  { vaddrOf }: AddressSearch,
): Generator<PlacedTable> {
  const offsetsSize = Math.ceil((numSyms * 4) / ALIGN) * ALIGN;
  const behind = tokenIndexAt + TOKEN_INDEX_SIZE;
  for (const at of [numSymsAt - offsetsSize - BASE_SIZE, behind]) {
    const bytes = memory.after(at, offsetsSize + BASE_SIZE);
    if (bytes.length < offsetsSize + BASE_SIZE) continue;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const relativeBase = view.getBigUint64(offsetsSize, true) as Vaddr;
    yield { at, table: { kind: 'offsets', bytes, address: vaddrOf(at), relativeBase } };
  }
  for (const at of [numSymsAt - numSyms * 8, behind]) {
    const bytes = memory.after(at, numSyms * 8);
    if (bytes.length === numSyms * 8) yield { at, table: { kind: 'addresses', bytes } };
  }
  const bytes = memory.after(behind, numSyms * 4);
  if (bytes.length < numSyms * 4) return;
  const table = { kind: 'offsets', bytes, address: vaddrOf(behind), relativeBase: undefined };
  yield { at: behind, table: table as AddressTable };
}

/** What speaks against a table: addresses that do not ascend, or do not end in the image. */
function findWrong(
  { table, encoding, addresses }: PlacedTable & FoundAddresses,
  lowest: Vaddr,
): WrongAddresses | undefined {
  const section = `kallsyms_${table.kind}`;
  const { hi, lo } = addresses;
  const order = `in ${encoding} order`;
  for (let index = 1; index < hi.length; index++) {
    const step =
      ((hi[index] as number) - (hi[index - 1] as number)) * TWO_32 +
      ((lo[index] as number) - (lo[index - 1] as number));
    if (step >= 0) continue;
    const offset = index * addressSize(table);
    return { index, section, offset, what: `symbol ${index} of ${hi.length} is not ${order}` };
  }
  const last = hi.length - 1;
  const end = (BigInt(hi[last] as number) << 32n) | BigInt(lo[last] as number);
  if (end >= lowest) return undefined;
  const what = `expected the last address above ${hex(lowest)}, have ${hex(end)} (${encoding})`;
  return { index: 0, section, offset: last * addressSize(table), what };
}
