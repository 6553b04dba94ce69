// Writes raw snappy blocks (see snappy.ts for the tags).

import { ByteWriter } from '../../util/byte-writer.ts';
import { findMatches, type Match } from './matches.ts';

/** The offsets of 32 bits are read and never written: pages are not that large. */
const DISTANCE_MAX = 65535;
const COPY_LENGTH_MAX = 64;

/** Packs `bytes` as one raw snappy block; it may be larger than they are. */
export function compressSnappy(bytes: Uint8Array): Uint8Array {
  const writer = new ByteWriter();
  writeVarint(writer, bytes.length);
  let literalsAt = 0;
  for (const match of findMatches(bytes, { distanceMax: DISTANCE_MAX })) {
    writeLiterals(writer, bytes.subarray(literalsAt, match.start));
    writeCopies(writer, match);
    literalsAt = match.start + match.length;
  }
  writeLiterals(writer, bytes.subarray(literalsAt));
  return writer.finish();
}

function writeVarint(writer: ByteWriter, value: number): void {
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) writer.u8((rest & 0x7f) | 0x80);
  writer.u8(rest);
}

/** Tag 00: lengths up to 60 in the tag; 60, 61, 62 and 63 there stand for 1 to 4 length bytes. */
function writeLiterals(writer: ByteWriter, literals: Uint8Array): void {
  if (literals.length === 0) return;
  const last = literals.length - 1;
  if (last < 60) writer.u8(last << 2);
  else if (last < 0x100) writer.u8(60 << 2).u8(last);
  else if (last < 0x10000) writer.u8(61 << 2).u16(last);
  else writer.u8(63 << 2).u32(last);
  writer.bytes(literals);
}

/** A match is written as several copies where it is longer than one can be. */
function writeCopies(writer: ByteWriter, { length, distance }: Match): void {
  for (let rest = length; rest > 0;) {
    const part = Math.min(rest, COPY_LENGTH_MAX);
    if (part >= 4 && part <= 11 && distance < 2048) {
      writer.u8(((distance >> 8) << 5) | ((part - 4) << 2) | 1).u8(distance);
    } else {
      writer.u8(((part - 1) << 2) | 2).u16(distance);
    }
    rest -= part;
  }
}
