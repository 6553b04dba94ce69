// Builds lz4 files: every kind of frame, with what the package's own encoder cannot make (linked
// blocks, legacy frames, block checksums).

import { findMatches } from '../../src/format/compress/matches.ts';
import { xxh32 } from '../../src/format/compress/xxh32.ts';
import { ByteWriter } from '../../src/util/byte-writer.ts';

export interface Lz4FrameOptions {
  readonly linked?: boolean;
  readonly legacy?: boolean;
  readonly blockChecksums?: boolean;
  readonly contentChecksum?: boolean;
  readonly contentSize?: boolean;
  /** Bytes in each block; less than the 64 KiB that the header says makes short blocks. */
  readonly blockSize?: number;
}

/** One block: matches may reach back into `history`, which stands before `bytes`. */
export function lz4Block(bytes: Uint8Array, history: Uint8Array = new Uint8Array(0)): Uint8Array {
  const start = history.length;
  const all = new Uint8Array(Buffer.concat([history, bytes]));
  const writer = new ByteWriter();
  let literalsAt = start;
  // A block ends with five literals at least, and its last match starts 12 bytes before the end.
  const limits = { distanceMax: 65535, startMargin: 12, endMargin: 5 };
  for (const match of findMatches(all, limits)) {
    if (match.start < start) continue;
    writeSequence(writer, all.subarray(literalsAt, match.start), match);
    literalsAt = match.start + match.length;
  }
  writeSequence(writer, all.subarray(literalsAt));
  return writer.finish();
}

function writeSequence(
  writer: ByteWriter,
  literals: Uint8Array,
  match?: { length: number; distance: number },
): void {
  const length = match === undefined ? 0 : match.length - 4;
  writer.u8((Math.min(literals.length, 15) << 4) | Math.min(length, 15));
  writeRest(writer, literals.length);
  writer.bytes(literals);
  if (match === undefined) return;
  writer.u16(match.distance);
  writeRest(writer, length);
}

function writeRest(writer: ByteWriter, length: number): void {
  if (length < 15) return;
  let rest = length - 15;
  for (; rest >= 255; rest -= 255) writer.u8(255);
  writer.u8(rest);
}

/** One frame with 64 KiB blocks; a block that does not get smaller is stored raw. */
export function lz4Frame(content: Uint8Array, options: Lz4FrameOptions = {}): Uint8Array {
  if (options.legacy === true) return legacyFrame(content);
  const writer = new ByteWriter();
  const flags =
    0x40 |
    (options.linked === true ? 0 : 0x20) |
    (options.blockChecksums === true ? 0x10 : 0) |
    (options.contentSize === true ? 0x08 : 0) |
    (options.contentChecksum === true ? 0x04 : 0);
  const header = new ByteWriter().u8(flags).u8(0x40);
  if (options.contentSize === true) header.u64(content.length);
  writer.u32(0x184d2204).bytes(header.finish());
  writer.u8((xxh32(header.finish()) >>> 8) & 0xff);
  const blockSize = options.blockSize ?? 65536;
  for (let at = 0; at < content.length; at += blockSize) {
    const bytes = content.subarray(at, at + blockSize);
    const history = content.subarray(options.linked === true ? Math.max(0, at - 65536) : at, at);
    const packed = lz4Block(bytes, history);
    const isRaw = packed.length >= bytes.length;
    const stored = isRaw ? bytes : packed;
    writer.u32(stored.length + (isRaw ? 2 ** 31 : 0)).bytes(stored);
    if (options.blockChecksums === true) writer.u32(xxh32(stored));
  }
  writer.u32(0);
  if (options.contentChecksum === true) writer.u32(xxh32(content));
  return writer.finish();
}

function legacyFrame(content: Uint8Array): Uint8Array {
  const writer = new ByteWriter().u32(0x184c2102);
  for (let at = 0; at < content.length; at += 8 << 20) {
    const packed = lz4Block(content.subarray(at, at + (8 << 20)));
    writer.u32(packed.length).bytes(packed);
  }
  return writer.finish();
}

/** A frame that readers step over; lz4 and zstd share it. */
export function skippableFrame(length: number): Uint8Array {
  return new ByteWriter()
    .u32(0x184d2a53)
    .u32(length)
    .bytes(new Uint8Array(length).fill(7))
    .finish();
}
