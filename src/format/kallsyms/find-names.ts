// kallsyms_num_syms, kallsyms_names and kallsyms_markers, found from the token table that lies
// behind them. The order of all tables differs by release, of these four it never did
// (scripts/kallsyms.c of v3.10 to v7.0):
//
//   kallsyms_num_syms        u32, pad; u64 until v4.19 (80ffbaa5b1bd)
//   kallsyms_names
//   kallsyms_markers         u32 each; u64 until v4.19
//   kallsyms_seqs_of_names   3 bytes a symbol; v6.2, v6.3 and v6.1.y
//   kallsyms_token_table
//
// So memory in front of the token table is searched, backwards, for a number that is followed by
// just as many names, and these by markers that agree with all of them.

import { FormatError } from '../../util/errors.ts';
import {
  chooseLengthEncoding,
  findWrongMarker,
  NAMES_PER_MARKER,
  type ChosenNames,
  type NamesToCheck,
} from './length-encoding.ts';
import type { LengthEncoding, TokenTable } from './names.ts';
import { NUM_SYMS_MAX } from './read.ts';
import type { FoundTokens, TableMemory } from './token-index.ts';

/** The names and where they lie. */
export interface FoundNames {
  readonly numSyms: number;
  readonly numSymsAt: number;
  readonly namesAt: number;
  /** From `kallsyms_names` to the token table. */
  readonly names: Uint8Array;
  readonly chosen: ChosenNames;
}

/** How far in front of the token table is searched, one after the other; most need the first. */
const WINDOWS = [2, 8, 32, 96].map((mebibytes) => mebibytes << 20);

/** Bytes a symbol from num_syms to the token table: real kernels have 12 to 20. */
const BYTES_PER_SYMBOL_MAX = 64;

/** Names that are looked at before all are. */
const FIRST_NAMES = 64;

/** Numbers whose first names look right; more than a few mean a hostile dump. */
const CANDIDATES_MAX = 64;

const ALIGN = 8;

/** What a small kernel may have behind its names that does not grow with them. */
const ROOM_MIN = 64;

/** An element of kallsyms_seqs_of_names. */
const SEQ_SIZE = 3;

const LENGTH_ENCODINGS: readonly LengthEncoding[] = ['one-byte', 'two-byte'];

/** @throws FormatError naming the table that is wrong, and the place in it */
export function findNames(memory: TableMemory, found: FoundTokens): FoundNames {
  const { tokens, tokenTableAt } = found;
  const doubts: FormatError[] = [];
  let searched = 0;
  for (const size of WINDOWS) {
    const bytes = memory.before(tokenTableAt, size);
    for (const at of countPlaces(bytes, { tokens, searched })) {
      if (doubts.length >= CANDIDATES_MAX) break;
      const numSymsAt = tokenTableAt - bytes.length + at;
      const names = bytes.slice(at + ALIGN);
      const chosen = checkNames({ names, tokens, count: countAt(bytes, at) });
      if (chosen instanceof FormatError) doubts.push(chosen);
      else {
        const namesAt = numSymsAt + ALIGN;
        return { numSyms: chosen.places.starts.length, numSymsAt, namesAt, names, chosen };
      }
    }
    if (bytes.length < size) break;
    searched = bytes.length;
  }
  const what = 'expected the count of the names in front of kallsyms_token_table, have none';
  throw doubts[0] ?? new FormatError({ section: 'kallsyms_num_syms' }, what);
}

/** Where a count could stand in memory that ends with the token table, the nearest first. */
function* countPlaces(
  bytes: Uint8Array,
  { tokens, searched }: { tokens: TokenTable; searched: number },
): Generator<number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = bytes.length - Math.max(searched, ALIGN * 2);
  // The token table is aligned as the count is, so that steps from its start meet it.
  for (let at = first - (searched % ALIGN); at >= 0; at -= ALIGN) {
    const count = view.getUint32(at, true);
    if (count === 0 || count > NUM_SYMS_MAX || view.getUint32(at + 4, true) !== 0) continue;
    const room = bytes.length - at - ALIGN;
    if (count * 2 > room || room > count * BYTES_PER_SYMBOL_MAX + ROOM_MIN) continue;
    const names = bytes.subarray(at + ALIGN);
    const firstNames = { names, tokens, count: Math.min(count, FIRST_NAMES) };
    if (LENGTH_ENCODINGS.some((each) => brokenName(firstNames, each) === undefined)) yield at;
  }
}

function countAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
}

/** The names with their encoding, if all of them and the markers agree; else what does not. */
function checkNames(table: NamesToCheck): ChosenNames | FormatError {
  let chosen: ChosenNames;
  try {
    chosen = chooseLengthEncoding(table);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const broken = LENGTH_ENCODINGS.map((each) => brokenName(table, each));
    const farthest = Math.max(...broken.map((at) => at?.offset ?? -1));
    const name = broken.find((at) => at?.offset === farthest);
    if (name === undefined) return error;
    const what = `name ${name.index} of ${table.count}: ${name.what}`;
    return new FormatError({ section: 'kallsyms_names', offset: name.offset }, what);
  }
  return checkMarkers(table, chosen) ?? chosen;
}

/** What of the tables between the names and the token table does not fit the names. */
function checkMarkers(table: NamesToCheck, { places }: ChosenNames): FormatError | undefined {
  const wrong = findWrongMarker(table.names, places);
  if (wrong !== undefined) {
    const what = `marker ${wrong.index}: expected ${wrong.expected} behind ${table.count} names`;
    return new FormatError({ section: 'kallsyms_markers', offset: wrong.offset }, what);
  }
  const behindMax =
    Math.ceil(table.count / NAMES_PER_MARKER) * 8 + table.count * SEQ_SIZE + ROOM_MIN;
  const behind = table.names.length - places.end;
  if (behind <= behindMax) return undefined;
  const what = `expected the token table within ${behindMax} bytes of the names, have ${behind}`;
  return new FormatError({ section: 'kallsyms_names', offset: places.end }, what);
}

/** Where a walk of the names loses its step. */
interface BrokenName {
  readonly index: number;
  readonly offset: number;
  readonly what: string;
}

/** The first name that cannot be one; undefined if all can. */
function brokenName(table: NamesToCheck, encoding: LengthEncoding): BrokenName | undefined {
  const { names, tokens, count } = table;
  let at = 0;
  for (let index = 0; index < count; index++) {
    const offset = at;
    let length = names[at++] ?? 0;
    if (encoding === 'two-byte' && length >= 0x80) {
      length = (length & 0x7f) | ((names[at++] ?? 0) << 7);
    }
    if (length === 0) return { index, offset, what: 'it has no tokens' };
    if (at + length > names.length) {
      const what = `it has ${length} tokens, ${Math.max(0, names.length - at)} bytes are left`;
      return { index, offset, what };
    }
    const type = tokens.strings[names[at] as number] ?? '';
    if (!/^[a-z?]/i.test(type)) return { index, offset, what: 'it starts with no type letter' };
    at += length;
  }
  return undefined;
}
