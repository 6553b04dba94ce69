// Byte ranges as two LEB128 numbers each: bytes between the end of the one before and its start,
// and its length less one. Structures lie at like distances, so that these pack well.

import { FormatError } from '../../util/errors.ts';
import { GrowingRanges, type Ranges } from '../../util/ranges.ts';

/** No physical address has more than 52 bits. */
const ADDRESS_MAX = 2 ** 52;

const SECTION = 'ranges of the STALLCORE note';

/** Writes ranges, a piece of bytes at a time, so that many of them need not be in memory twice. */
export function* encodeRanges({ starts, ends }: Ranges, pieceSize: number): Generator<Uint8Array> {
  // Two numbers of up to eight bytes.
  const room = 16;
  let piece = new Uint8Array(pieceSize);
  let length = 0;
  let last = 0;
  const write = (value: number): void => {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) piece[length++] = (rest % 0x80) | 0x80;
    piece[length++] = rest;
  };
  for (let i = 0; i < starts.length; i++) {
    const end = ends[i] as number;
    write((starts[i] as number) - last);
    write(end - (starts[i] as number) - 1);
    last = end;
    if (length + room <= pieceSize) continue;
    yield piece.subarray(0, length);
    piece = new Uint8Array(pieceSize);
    length = 0;
  }
  if (length > 0) yield piece.subarray(0, length);
}

/**
 * Reads ranges back.
 *
 * @param pieces bytes in order; a range never lies in two of them
 * @throws FormatError for a number that is cut off or no address
 */
export function decodeRanges(pieces: Iterable<Uint8Array>): Ranges {
  const ranges = new GrowingRanges();
  let last = 0;
  for (const piece of pieces) {
    let at = 0;
    const read = (): number => {
      let value = 0;
      for (let unit = 1; unit < 2 ** 56; unit *= 0x80) {
        const byte = piece[at++];
        if (byte === undefined) break;
        value += (byte & 0x7f) * unit;
        if (byte < 0x80 && value <= ADDRESS_MAX) return value;
      }
      throw new FormatError({ section: SECTION, offset: at }, 'expected a number below 2^52');
    };
    while (at < piece.length) {
      const start = last + read();
      last = start + read() + 1;
      if (last > ADDRESS_MAX) {
        throw new FormatError({ section: SECTION, offset: at }, 'a range goes past 2^52');
      }
      ranges.add(start, last);
    }
  }
  return ranges.finish();
}
