// Writes lz4 files: one frame of independent blocks, as `lz4` itself makes it. lz4-block.ts and
// lz4-frame.ts draw the bytes. The encoder is ours and not the package's, so that the same content
// is the same file on every machine.

import { ByteWriter } from '../../util/byte-writer.ts';
import type { ByteSink, ByteSource } from '../../util/io.ts';
import { LZ4_MAGIC } from './lz4-frame.ts';
import { findMatches } from './matches.ts';
import { Xxh32, xxh32 } from './xxh32.ts';

/** Packs one block: matches may reach back into `history`, which stands before `bytes`. */
export function compressLz4Block(
  bytes: Uint8Array,
  history: Uint8Array = new Uint8Array(0),
): Uint8Array {
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

/** Version 1, independent blocks, content size, content checksum. */
const FRAME_FLAGS = 0x6c;
/** Blocks of up to 4 MiB. */
const BLOCK_FLAGS = 0x70;
const BLOCK_SIZE = 4 << 20;
/** The bit of a block's size that says it is stored as it is. */
const RAW_BIT = 2 ** 31;

/** Wraps a whole file into one lz4 frame, a block in memory at a time. */
export function wrapLz4(source: ByteSource, sink: ByteSink): void {
  const flags = new ByteWriter().u8(FRAME_FLAGS).u8(BLOCK_FLAGS).u64(source.size).finish();
  const header = new ByteWriter().u32(LZ4_MAGIC).bytes(flags);
  header.u8((xxh32(flags) >>> 8) & 0xff);
  let end = 0;
  const append = (bytes: Uint8Array): void => {
    sink.write(bytes, end);
    end += bytes.length;
  };
  append(header.finish());
  const checksum = new Xxh32();
  for (let at = 0; at < source.size; at += BLOCK_SIZE) {
    const bytes = new Uint8Array(Math.min(BLOCK_SIZE, source.size - at));
    source.readInto(bytes, at);
    checksum.update(bytes);
    const packed = compressLz4Block(bytes);
    const isRaw = packed.length >= bytes.length;
    const stored = isRaw ? bytes : packed;
    append(new ByteWriter().u32(stored.length + (isRaw ? RAW_BIT : 0)).finish());
    append(stored);
  }
  append(new ByteWriter().u32(0).u32(checksum.digest()).finish());
}
