// kallsyms: the kernel's own table of symbols, as it lies in its read-only data. The order of the
// tables differs (v6.4 changed it); each lies where VMCOREINFO says (since v6.0, 5fd8fea935a1 and
// f09bddbd8661):
//
//   kallsyms_num_syms      u32                       how many symbols
//   kallsyms_names         see names.ts
//   kallsyms_markers       see length-encoding.ts; VMCOREINFO does not name it
//   kallsyms_token_table   see names.ts
//   kallsyms_token_index   u16[256]
//   kallsyms_offsets       s32[num_syms], or kallsyms_addresses u64[num_syms]; see addresses.ts
//   kallsyms_relative_base u64
//   kallsyms_seqs_of_names not needed here: names are found by a hash of our own

import type { Vaddr } from '../../util/address.ts';
import { FormatError } from '../../util/errors.ts';
import {
  addressSize,
  chooseAddressEncoding,
  decodeAddresses,
  type AddressTable,
} from './addresses.ts';
import { chooseLengthEncoding } from './length-encoding.ts';
import { hashNames, readTokenTable } from './names.ts';
import { NameIndex } from './name-index.ts';
import { Kallsyms } from './kallsyms.ts';

/** More symbols are not believed; an allyesconfig kernel has about 400,000. */
export const NUM_SYMS_MAX = 1 << 22;

/** The tables as bytes. */
export interface KallsymsTables {
  readonly numSyms: number;
  /** From `kallsyms_names` to the next named table, or as much as could be read. */
  readonly names: Uint8Array;
  /** At most 64 KiB, since the index has 16 bits. */
  readonly tokenTable: Uint8Array;
  /** 512 bytes. */
  readonly tokenIndex: Uint8Array;
  readonly addresses: AddressTable;
  /** Symbols with addresses known from elsewhere: those that VMCOREINFO names. */
  readonly known: Iterable<{ readonly name: string; readonly address: Vaddr }>;
}

/**
 * Checks the tables, finds out their encodings and indexes the names. No name is expanded here.
 *
 * @throws FormatError if the tables contradict each other or the known symbols
 */
export function readKallsyms(tables: KallsymsTables): Kallsyms {
  const { numSyms, names, addresses } = tables;
  if (numSyms < 1 || numSyms > NUM_SYMS_MAX || numSyms * 2 > names.length) {
    const what = `${numSyms} symbols cannot be in ${names.length} bytes of names`;
    throw new FormatError({ section: 'kallsyms_num_syms' }, what);
  }
  const size = numSyms * addressSize(addresses);
  if (addresses.bytes.length < size) {
    const what = `expected ${size} bytes for ${numSyms} symbols, have ${addresses.bytes.length}`;
    throw new FormatError({ section: `kallsyms_${addresses.kind}` }, what);
  }
  const tokens = readTokenTable(tables.tokenTable, tables.tokenIndex);
  const chosen = chooseLengthEncoding({ names, count: numSyms, tokens });
  const { hashes, types } = hashNames(names, chosen.places, tokens);
  const index = new NameIndex({ names, places: chosen.places, tokens, hashes, types });
  const known = [...tables.known].map(({ name, address }) => ({
    name,
    address,
    indices: index.findAll(name),
  }));
  const addressEncoding = chooseAddressEncoding(addresses, known);
  return new Kallsyms(index, decodeAddresses(addresses, addressEncoding, numSyms), {
    lengthEncoding: chosen.encoding,
    markersAgree: chosen.markersAgree,
    addressEncoding,
  });
}
