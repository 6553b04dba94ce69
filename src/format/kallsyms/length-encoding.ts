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
  const count = markerCount(places);
  if (count < 2) return false;
  return layouts(places).some((markers) => agreeingMarkers(names, markers, places) === count);
}

/** A marker that does not name its symbol. */
export interface WrongMarker {
  readonly index: number;
  /** In bytes from the start of kallsyms_markers. */
  readonly offset: number;
  readonly expected: number;
}

/** The first marker that disagrees with names that fit; undefined if all agree. */
export function findWrongMarker(names: Uint8Array, places: NamePlaces): WrongMarker | undefined {
  const counts = layouts(places).map((markers) => ({
    index: agreeingMarkers(names, markers, places),
    size: markers.size,
  }));
  const best = counts.reduce((a, b) => (b.index > a.index ? b : a));
  if (best.index >= markerCount(places)) return undefined;
  return {
    index: best.index,
    offset: best.index * best.size,
    expected: markerOf(places, best.index),
  };
}

interface MarkerLayout {
  readonly at: number;
  readonly size: 4 | 8;
}

function layouts(places: NamePlaces): MarkerLayout[] {
  return [4, 8].flatMap((alignment) => {
    const at = Math.ceil(places.end / alignment) * alignment;
    return [
      { at, size: 4 },
      { at, size: 8 },
    ] as const;
  });
}

function markerCount(places: NamePlaces): number {
  return Math.ceil(places.starts.length / NAMES_PER_MARKER);
}

/** How many markers agree before the first that does not. */
function agreeingMarkers(names: Uint8Array, markers: MarkerLayout, places: NamePlaces): number {
  const view = new DataView(names.buffer, names.byteOffset, names.byteLength);
  const count = markerCount(places);
  for (let i = 0; i < count; i++) {
    const at = markers.at + i * markers.size;
    if (at + markers.size > names.length) return i;
    if (markers.size === 8 && view.getUint32(at + 4, true) !== 0) return i;
    if (view.getUint32(at, true) !== markerOf(places, i)) return i;
  }
  return count;
}

/** A marker names the length byte of its symbol: it ends where the symbol before it ends. */
function markerOf(places: NamePlaces, index: number): number {
  return index === 0 ? 0 : endOf(places, index * NAMES_PER_MARKER - 1);
}

function endOf(places: NamePlaces, index: number): number {
  return (places.starts[index] as number) + (places.counts[index] as number);
}

function namesError(what: string): FormatError {
  return new FormatError({ section: 'kallsyms_names' }, what);
}
