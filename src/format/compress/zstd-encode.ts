// Writes zstd frames of raw and RLE blocks: no entropy coding and no matches, but runs of one byte,
// which is most of what a dump has to gain, become 4 bytes.
//
//   magic        fd2fb528, little-endian
//   descriptor   a0: single segment, 4 bytes of content size, no checksum, no dictionary
//   size u32
//   blocks       u24: bit 0 last, bits 1..2 type (0 raw, 1 RLE), the rest size; then the bytes
//
// RFC 8878, section 3.1.1.

import { ByteWriter } from '../../util/byte-writer.ts';

const MAGIC = 0xfd2fb528;
const DESCRIPTOR = 0xa0;
const BLOCK_SIZE_MAX = 128 << 10;

/** A block header takes 3 bytes: a run must save those of its own and of a raw block after it. */
const RUN_LENGTH_MIN = 8;

interface Block {
  readonly isRun: boolean;
  readonly start: number;
  readonly end: number;
}

/** Packs `bytes` as one zstd frame; it may be larger than they are. */
export function compressZstd(bytes: Uint8Array): Uint8Array {
  const writer = new ByteWriter();
  writer.u32(MAGIC).u8(DESCRIPTOR).u32(bytes.length);
  const blocks = [...splitAtRuns(bytes)];
  if (blocks.length === 0) blocks.push({ isRun: false, start: 0, end: 0 });
  for (const [index, block] of blocks.entries()) {
    const isLast = index === blocks.length - 1 ? 1 : 0;
    const type = block.isRun ? 1 : 0;
    const header = ((block.end - block.start) << 3) | (type << 1) | isLast;
    writer.u16(header & 0xffff).u8(header >>> 16);
    writer.bytes(bytes.subarray(block.start, block.isRun ? block.start + 1 : block.end));
  }
  return writer.finish();
}

/** `bytes` as blocks: each long run of one byte, and what lies between them. */
function* splitAtRuns(bytes: Uint8Array): Generator<Block> {
  // A block may be no larger than the window, which for a single segment is the content size.
  let rawStart = 0;
  for (let start = 0; start < bytes.length;) {
    const end = runEnd(bytes, start);
    if (end - start >= RUN_LENGTH_MIN) {
      yield* pieces({ isRun: false, start: rawStart, end: start });
      yield* pieces({ isRun: true, start, end });
      rawStart = end;
    }
    start = end;
  }
  yield* pieces({ isRun: false, start: rawStart, end: bytes.length });
}

function runEnd(bytes: Uint8Array, start: number): number {
  const byte = bytes[start];
  let end = start + 1;
  while (end < bytes.length && bytes[end] === byte) end++;
  return end;
}

function* pieces({ isRun, start, end }: Block): Generator<Block> {
  for (let at = start; at < end; at += BLOCK_SIZE_MAX) {
    yield { isRun, start: at, end: Math.min(end, at + BLOCK_SIZE_MAX) };
  }
}
