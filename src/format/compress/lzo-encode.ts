// Writes LZO1X blocks (see lzo.ts for the instructions), with those that reach 2 KiB, 16 KiB and
// 48 KiB back; the two- and three-byte copies after literals are read and never written.

import { ByteWriter } from '../../util/byte-writer.ts';
import { findMatches, type Match } from './matches.ts';

const NEAR_DISTANCE_MAX = 2048;
const NEAR_LENGTH_MAX = 8;
const MIDDLE_DISTANCE_MAX = 16384;
/** 16 KiB and the 15 bits that the far instruction has. */
const DISTANCE_MAX = 49151;

/** Packs `bytes` as one LZO1X block; it may be larger than they are. */
export function compressLzo(bytes: Uint8Array): Uint8Array {
  const writer = new ByteWriter();
  const matches = findMatches(bytes, { distanceMax: DISTANCE_MAX });
  writeLiterals(writer, bytes.subarray(0, matches[0]?.start));
  for (const [index, match] of matches.entries()) {
    const literals = bytes.subarray(match.start + match.length, matches[index + 1]?.start);
    // Up to three literals are counted in the instruction before them.
    const counted = literals.length <= 3 ? literals.length : 0;
    writeMatch(writer, match, counted);
    if (counted > 0) writer.bytes(literals);
    else writeLiterals(writer, literals);
  }
  return writer.bytes(END_MARKER).finish();
}

const END_MARKER = Uint8Array.of(0x11, 0, 0);

/** At the start any number of literals, later four or more. */
function writeLiterals(writer: ByteWriter, literals: Uint8Array): void {
  const { length } = literals;
  if (length === 0) return;
  if (writer.length === 0 && length <= FIRST_LITERALS_MAX) writer.u8(17 + length);
  else writeLength(writer, { code: 0, mask: 15, length: length - 3 });
  writer.bytes(literals);
}

const FIRST_LITERALS_MAX = 255 - 17;

function writeMatch(writer: ByteWriter, { length, distance }: Match, literalCount: number): void {
  if (distance <= NEAR_DISTANCE_MAX && length <= NEAR_LENGTH_MAX) {
    const back = distance - 1;
    writer.u8(((length - 1) << 5) | ((back & 7) << 2) | literalCount).u8(back >> 3);
  } else if (distance <= MIDDLE_DISTANCE_MAX) {
    writeLength(writer, { code: 0x20, mask: 31, length: length - 2 });
    writer.u16(((distance - 1) << 2) | literalCount);
  } else {
    const beyond = distance - MIDDLE_DISTANCE_MAX;
    writeLength(writer, { code: 0x10 | ((beyond >> 14) << 3), mask: 7, length: length - 2 });
    writer.u16(((beyond & 0x3fff) << 2) | literalCount);
  }
}

/** An instruction with its length, in as many bytes as that takes. */
function writeLength(
  writer: ByteWriter,
  { code, mask, length }: { code: number; mask: number; length: number },
): void {
  if (length <= mask) {
    writer.u8(code | length);
    return;
  }
  writer.u8(code);
  let rest = length - mask;
  for (; rest > 255; rest -= 255) writer.u8(0);
  writer.u8(rest);
}
