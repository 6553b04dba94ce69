// Which of the two length encodings a names table has, by what must then hold:
//
//   kallsyms_names | pad to 4 or 8 | kallsyms_markers | … | the next table that VMCOREINFO names
//
// kallsyms_markers is not named, but it follows the names directly in every kernel so far, and it
// repeats the offset of each 256th name (u32 since v4.20, unsigned long before). A walk with the
// wrong encoding loses its step at the first name of 128 tokens or more and cannot agree with it.

import { FormatError } from '../../util/errors.ts';
import { placeNames, type LengthEncoding, type NamePlaces, type TokenTable } from './names.ts';

/** Names between two markers. */
export const NAMES_PER_MARKER = 256;

/** How a length encoding was found to be right. */
export interface ChosenNames {
  readonly places: NamePlaces;
  /** `either` where no name is so long that the two encodings differ. */
  readonly encoding: LengthEncoding | 'either';
  /** Whether the markers behind the names agree; false where they cannot be seen. */
  readonly markersAgree: boolean;
}

/** What {@link chooseLengthEncoding} looks at. */
export interface NamesToCheck {
  /** From `kallsyms_names` on to the next named table, or as far as memory could be read. */
  readonly names: Uint8Array;
  readonly count: number;
  readonly tokens: TokenTable;
}

/** @throws FormatError if no encoding fits, or both do and differ */
export function chooseLengthEncoding(table: NamesToCheck): ChosenNames {
  const oneByte = tryEncoding(table, 'one-byte');
  if (oneByte?.places.hasLong === false) return { ...oneByte, encoding: 'either' };
  const twoByte = tryEncoding(table, 'two-byte');
  const only = oneByte ?? twoByte;
  if (only === undefined) {
    throw namesError(`${table.count} symbols do not fit ${table.names.length} bytes of names`);
  }
  if (oneByte === undefined || twoByte === undefined) return only;
  if (oneByte.markersAgree === twoByte.markersAgree) {
    const both = oneByte.markersAgree ? 'and the markers agree with both' : 'no markers agree';
    throw namesError(`one-byte and two-byte lengths both fit and differ, ${both}`);
  }
  return oneByte.markersAgree ? oneByte : twoByte;
}

function tryEncoding(table: NamesToCheck, encoding: LengthEncoding): ChosenNames | undefined {
  const places = placeNames(table.names, table.count, encoding);
  if (places === undefined || !typesAreLetters(table, places)) return undefined;
  return { places, encoding, markersAgree: markersAgree(table.names, places) };
}

/** A type letter is a letter, or `?`; anything else means that the walk lost its step. */
function typesAreLetters(table: NamesToCheck, places: NamePlaces): boolean {
  const { firstBytes } = table.tokens;
  const { starts } = places;
  for (let i = 0; i < starts.length; i++) {
    const type = firstBytes[table.names[starts[i] as number] as number] as number;
    const letter = type | 0x20;
    if ((letter < 0x61 || letter > 0x7a) && type !== 0x3f) return false;
  }
  return true;
}

function markersAgree(names: Uint8Array, places: NamePlaces): boolean {
  for (const alignment of [4, 8]) {
    const at = Math.ceil(places.end / alignment) * alignment;
    if (markersAt(names, { at, size: 4 }, places) || markersAt(names, { at, size: 8 }, places)) {
      return true;
    }
  }
  return false;
}

function markersAt(
  names: Uint8Array,
  markers: { at: number; size: 4 | 8 },
  places: NamePlaces,
): boolean {
  const view = new DataView(names.buffer, names.byteOffset, names.byteLength);
  const count = Math.ceil(places.starts.length / NAMES_PER_MARKER);
  if (count < 2 || markers.at + count * markers.size > names.length) return false;
  for (let i = 0; i < count; i++) {
    const at = markers.at + i * markers.size;
    const marker = view.getUint32(at, true);
    if (markers.size === 8 && view.getUint32(at + 4, true) !== 0) return false;
    // A marker names the length byte of its symbol: it ends where the symbol before it ends.
    if (marker !== (i === 0 ? 0 : endOf(places, i * NAMES_PER_MARKER - 1))) return false;
  }
  return true;
}

function endOf(places: NamePlaces, index: number): number {
  return (places.starts[index] as number) + (places.counts[index] as number);
}

function namesError(what: string): FormatError {
  return new FormatError({ section: 'kallsyms_names' }, what);
}
