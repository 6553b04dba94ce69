// The addresses of kallsyms, one a symbol in the order of the names. Four encodings are known:
//
//   absolute         u64                               until v6.10, where a config chose it
//   base-relative    base + u32                        v4.6 to v6.19 (2213e9a66bb8)
//   absolute-percpu  s32 v: v < 0 → base - 1 - v,      v4.6 to v6.14, on SMP machines whose
//                    else v itself                     per-CPU symbols start at 0 (x86-64)
//   place-relative   address of the s32 itself + s32   since v7.0, which has no relative_base
//
// VMCOREINFO says only whether the table is kallsyms_addresses or kallsyms_offsets. Of the other
// three the right one is that which gives the addresses that VMCOREINFO has for known symbols.

import { hex, vaddrAdd, type Vaddr } from '../../util/address.ts';
import { FormatError } from '../../util/errors.ts';

/** How a table of offsets or addresses is read. */
export type AddressEncoding = 'absolute' | 'base-relative' | 'absolute-percpu' | 'place-relative';

/** The address table as it lies in memory. */
export type AddressTable =
  | { readonly kind: 'addresses'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'offsets';
      readonly bytes: Uint8Array;
      /** Where the table lies, which place-relative offsets count from. */
      readonly address: Vaddr;
      /** The value of `kallsyms_relative_base`; undefined in kernels that have none. */
      readonly relativeBase: Vaddr | undefined;
    };

/** A symbol whose address is known from elsewhere, and where it stands in the tables. */
export interface KnownSymbol {
  readonly name: string;
  readonly address: Vaddr;
  /** The indices of all symbols of that name. */
  readonly indices: readonly number[];
}

/** Addresses as two halves, so that no bigint is made for 87,000 of them. */
export interface Addresses {
  readonly hi: Uint32Array;
  readonly lo: Uint32Array;
}

const TWO_32 = 2 ** 32;

/** The size of one element of the table in bytes. */
export function addressSize(table: AddressTable): 4 | 8 {
  return table.kind === 'addresses' ? 8 : 4;
}

/**
 * The encoding that agrees with most known symbols.
 *
 * @throws FormatError if none agrees with any, or two agree with equally many
 */
export function chooseAddressEncoding(
  table: AddressTable,
  known: readonly KnownSymbol[],
): AddressEncoding {
  const present = known.filter((symbol) => symbol.indices.length > 0);
  const scores = addressEncodings(table).map((encoding) => ({
    encoding,
    matches: present.filter(({ address, indices }) =>
      indices.some((index) => addressOf(table, encoding, index) === address),
    ).length,
  }));
  scores.sort((a, b) => b.matches - a.matches);
  const [best, next] = scores;
  if (best === undefined || best.matches === 0) throw addressError(noMatch(table, present));
  if (next?.matches === best.matches) {
    const both = `${best.encoding} and ${next.encoding}`;
    throw addressError(`${both} both agree with ${best.matches} known symbols`);
  }
  return best.encoding;
}

/** The encodings that a table can have. */
export function addressEncodings(table: AddressTable): AddressEncoding[] {
  if (table.kind === 'addresses') return ['absolute'];
  if (table.relativeBase === undefined) return ['place-relative'];
  return ['base-relative', 'absolute-percpu', 'place-relative'];
}

function noMatch(table: AddressTable, present: readonly KnownSymbol[]): string {
  const [symbol] = present;
  const index = symbol?.indices[0];
  if (symbol === undefined || index === undefined) return 'no symbol is known to check them with';
  const have = addressEncodings(table).map(
    (encoding) => `${hex(addressOf(table, encoding, index))} (${encoding})`,
  );
  return `${symbol.name}: expected ${hex(symbol.address)}, have ${have.join(', ')}`;
}

/** The address of one symbol; for the few that are known, so bigints do no harm. */
function addressOf(table: AddressTable, encoding: AddressEncoding, index: number): Vaddr {
  const view = new DataView(table.bytes.buffer, table.bytes.byteOffset, table.bytes.byteLength);
  if (table.kind === 'addresses') return view.getBigUint64(index * 8, true) as Vaddr;
  const value = view.getInt32(index * 4, true);
  const base = table.relativeBase ?? (0n as Vaddr);
  if (encoding === 'place-relative') return vaddrAdd(table.address, index * 4 + value);
  if (encoding === 'base-relative') return vaddrAdd(base, value >>> 0);
  return value >= 0 ? (BigInt(value) as Vaddr) : vaddrAdd(base, -1 - value);
}

/** All addresses; `count` of them must be in the table. */
export function decodeAddresses(
  table: AddressTable,
  encoding: AddressEncoding,
  count: number,
): Addresses {
  const view = new DataView(table.bytes.buffer, table.bytes.byteOffset, table.bytes.byteLength);
  const addresses = { hi: new Uint32Array(count), lo: new Uint32Array(count) };
  if (table.kind === 'addresses') decodeAbsolute(view, addresses);
  else decodeOffsets(view, addresses, { ...table, encoding });
  return addresses;
}

function decodeAbsolute(view: DataView, { hi, lo }: Addresses): void {
  for (let i = 0; i < hi.length; i++) {
    lo[i] = view.getUint32(i * 8, true);
    hi[i] = view.getUint32(i * 8 + 4, true);
  }
}

function decodeOffsets(
  view: DataView,
  { hi, lo }: Addresses,
  table: { encoding: AddressEncoding; address: Vaddr; relativeBase: Vaddr | undefined },
): void {
  const placeRelative = table.encoding === 'place-relative';
  const percpu = table.encoding === 'absolute-percpu';
  const base = placeRelative ? table.address : (table.relativeBase ?? 0n);
  const baseHi = Number(base >> 32n);
  const baseLo = Number(base & 0xffffffffn);
  for (let i = 0; i < hi.length; i++) {
    const value = view.getInt32(i * 4, true);
    if (percpu && value >= 0) {
      lo[i] = value;
      continue;
    }
    const sum = baseLo + (placeRelative ? i * 4 + value : percpu ? -1 - value : value >>> 0);
    // The typed arrays wrap modulo 2^32, as the kernel's arithmetic does.
    lo[i] = sum;
    hi[i] = baseHi + Math.floor(sum / TWO_32);
  }
}

function addressError(what: string): FormatError {
  return new FormatError({ section: 'kallsyms addresses' }, what);
}
