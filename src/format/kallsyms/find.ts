// kallsyms without anybody saying where its tables are: from a token index that was found, to
// names, markers and addresses. Each table is decoded to its end and must agree with the others;
// what is left to whoever asks is to hold known symbols against the result.

import { findAddresses, type AddressSearch } from './find-addresses.ts';
import { findNames } from './find-names.ts';
import { Kallsyms } from './kallsyms.ts';
import { NameIndex } from './name-index.ts';
import { hashNames } from './names.ts';
import { readTokensAt, type TableMemory } from './token-index.ts';

/** Symbols, and the place of the tables that they were read from. */
export interface FoundKallsyms {
  readonly kallsyms: Kallsyms;
  /** Where the first and the last table lie. */
  readonly namesAt: number;
  readonly tokenIndexAt: number;
  readonly addressesAt: number;
}

/**
 * The symbols of the tables around a token index; several where addresses can be read in more than
 * one way, the likeliest first.
 *
 * @throws FormatError naming the table that is wrong, and the place in it
 */
export function findKallsymsAt(
  memory: TableMemory,
  tokenIndexAt: number,
  search: AddressSearch,
): FoundKallsyms[] {
  const found = readTokensAt(memory, tokenIndexAt);
  const names = findNames(memory, found);
  const { tokens } = found;
  const { places, encoding: lengthEncoding, markersAgree } = names.chosen;
  const { hashes, types } = hashNames(names.names, places, tokens);
  const index = new NameIndex({ names: names.names, places, tokens, hashes, types });
  return findAddresses(memory, { ...found, ...names }, search).map((each) => ({
    kallsyms: new Kallsyms(index, each.addresses, {
      lengthEncoding,
      markersAgree,
      addressEncoding: each.encoding,
    }),
    namesAt: names.namesAt,
    tokenIndexAt,
    addressesAt: each.at,
  }));
}
