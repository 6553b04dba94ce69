// Builds lz4 files: every kind of frame, with what the package's own encoder cannot make (linked
// blocks, legacy frames, block checksums).

import { compressLz4Block } from '../../src/format/compress/lz4-encode.ts';
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
    const packed = compressLz4Block(bytes, history);
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
    const packed = compressLz4Block(content.subarray(at, at + (8 << 20)));
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
