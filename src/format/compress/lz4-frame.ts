// lz4 files: frames one after the other, of three kinds.
//
//   04 22 4d 18   frame       FLG BD [content size u64] [dictionary u32] HC
//                             { size u32 (bit 31: stored raw), data, [xxh32] }* 00000000 [xxh32]
//   02 21 4c 18   legacy      { size u32, data }* up to the next magic or the end; 8 MiB a block
//   5? 2a 4d 18   skippable   size u32, data
//
//   FLG  7..6 version 1, 5 independent blocks, 4 block checksums, 3 content size,
//        2 content checksum, 0 dictionary        BD  6..4 block size: 4 64K, 5 256K, 6 1M, 7 4M
//
// https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md

import { ByteReader } from '../../util/byte-reader.ts';
import { FormatError, UnsupportedError } from '../../util/errors.ts';
import { readExactly, type ByteSource } from '../../util/io.ts';
import { xxh32 } from './xxh32.ts';

export const LZ4_MAGIC = 0x184d2204;
export const LZ4_LEGACY_MAGIC = 0x184c2102;
const LEGACY_BLOCK_SIZE = 8 << 20;

/** The header of a frame. */
export interface Lz4Frame {
  /** Where the frame starts in the file. */
  readonly offset: number;
  readonly isLegacy: boolean;
  /** Blocks do not reach back into the ones before them. */
  readonly isIndependent: boolean;
  readonly hasBlockChecksums: boolean;
  readonly hasContentChecksum: boolean;
  /** Unpacked size in bytes, where the writer said it. */
  readonly contentSize: number | undefined;
  /** No block unpacks to more bytes than this. */
  readonly blockSizeMax: number;
}

/** One block of a frame, not unpacked. */
export interface Lz4Block {
  readonly frame: Lz4Frame;
  /** Where its data starts in the file. */
  readonly offset: number;
  /** Bytes of data in the file. */
  readonly packedSize: number;
  readonly isRaw: boolean;
  /** The file ends inside the block; packedSize is what is there. */
  readonly isCut: boolean;
}

/** The parts of a file in their order. */
export type Lz4Part =
  | { readonly type: 'frame'; readonly frame: Lz4Frame }
  | { readonly type: 'block'; readonly block: Lz4Block }
  | { readonly type: 'end'; readonly checksum: number | undefined };

/** Whether a frame that is to be stepped over starts with this; zstd has the same. */
export function isSkippableMagic(magic: number): boolean {
  return magic >>> 4 === 0x184d2a5;
}

/**
 * The parts of the file, from headers alone: no block is read.
 *
 * @throws FormatError at the first byte that breaks the format, or where the file ends too early
 */
export function* walkLz4(source: ByteSource): Generator<Lz4Part> {
  let offset = 0;
  // Every turn moves on by at least the four bytes of a magic.
  while (offset < source.size) {
    const magic = u32At(source, offset, 'lz4 magic');
    if (magic === LZ4_MAGIC) {
      const { frame, end } = readHeader(source, offset);
      yield { type: 'frame', frame };
      offset = yield* walkBlocks(source, frame, end);
    } else if (magic === LZ4_LEGACY_MAGIC) {
      const frame = legacyFrame(offset);
      yield { type: 'frame', frame };
      offset = yield* walkLegacyBlocks(source, frame, offset + 4);
    } else if (isSkippableMagic(magic)) {
      offset += 8 + (u32At(source, offset + 4, 'lz4 skippable frame') >>> 0);
      if (offset > source.size) {
        throw truncated('lz4 skippable frame', source, offset);
      }
    } else {
      const what = `no frame, magic is 0x${(magic >>> 0).toString(16)}`;
      throw new FormatError({ section: 'lz4 file', offset }, what);
    }
  }
}

function legacyFrame(offset: number): Lz4Frame {
  return {
    offset,
    isLegacy: true,
    isIndependent: true,
    hasBlockChecksums: false,
    hasContentChecksum: false,
    contentSize: undefined,
    blockSizeMax: LEGACY_BLOCK_SIZE,
  };
}

function readHeader(source: ByteSource, offset: number): { frame: Lz4Frame; end: number } {
  const section = 'lz4 frame header';
  const fixed = readExactly(source, { section, offset: offset + 4, length: 2 });
  const [flags, blockFlags] = [fixed[0]!, fixed[1]!];
  if (flags >> 6 !== 1) {
    throw new FormatError({ section, offset: offset + 4 }, `version ${flags >> 6}, expected 1`);
  }
  const length = 3 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0);
  const bytes = readExactly(source, { section, offset: offset + 4, length });
  const expected = (xxh32(bytes.subarray(0, -1)) >>> 8) & 0xff;
  if (bytes[length - 1] !== expected) {
    throw new FormatError({ section, offset: offset + 3 + length }, 'checksum does not match');
  }
  if (flags & 0x01) throw new UnsupportedError(`${section}: packed with a dictionary`);
  const sizeCode = (blockFlags >> 4) & 7;
  if (sizeCode < 4) {
    throw new FormatError({ section, offset: offset + 5 }, `block size code ${sizeCode}`);
  }
  const reader = new ByteReader(bytes, { section, baseOffset: offset + 4 }).skip(2);
  const frame: Lz4Frame = {
    offset,
    isLegacy: false,
    isIndependent: (flags & 0x20) !== 0,
    hasBlockChecksums: (flags & 0x10) !== 0,
    hasContentChecksum: (flags & 0x04) !== 0,
    contentSize: flags & 0x08 ? reader.size64('content size') : undefined,
    blockSizeMax: 1 << (8 + 2 * sizeCode),
  };
  return { frame, end: offset + 4 + length };
}

/** @returns where the frame ends */
function* walkBlocks(
  source: ByteSource,
  frame: Lz4Frame,
  start: number,
): Generator<Lz4Part, number> {
  const trailer = frame.hasBlockChecksums ? 4 : 0;
  let offset = start;
  for (;;) {
    const header = u32At(source, offset, 'lz4 block header');
    offset += 4;
    if (header === 0) break;
    const size = header & 0x7fffffff;
    if (size > frame.blockSizeMax) {
      const what = `size ${size}, expected at most ${frame.blockSizeMax}`;
      throw new FormatError({ section: 'lz4 block header', offset: offset - 4 }, what);
    }
    yield { type: 'block', block: blockAt(source, { frame, offset, size, isRaw: header < 0 }) };
    offset += size + trailer;
    if (offset > source.size) throw truncated('lz4 block', source, offset);
  }
  if (!frame.hasContentChecksum) {
    yield { type: 'end', checksum: undefined };
    return offset;
  }
  yield { type: 'end', checksum: u32At(source, offset, 'lz4 content checksum') >>> 0 };
  return offset + 4;
}

/** A legacy frame has no end mark: it ends where the next magic or the end of the file is. */
function* walkLegacyBlocks(
  source: ByteSource,
  frame: Lz4Frame,
  start: number,
): Generator<Lz4Part, number> {
  let offset = start;
  while (offset < source.size) {
    const size = u32At(source, offset, 'lz4 block header') >>> 0;
    if (size === LZ4_MAGIC || size === LZ4_LEGACY_MAGIC || isSkippableMagic(size)) break;
    // LZ4_compressBound of 8 MiB: what does not compress grows by 1 in 255.
    if (size > LEGACY_BLOCK_SIZE + LEGACY_BLOCK_SIZE / 255 + 16 || size === 0) {
      throw new FormatError({ section: 'lz4 block header', offset }, `size ${size}`);
    }
    offset += 4;
    yield { type: 'block', block: blockAt(source, { frame, offset, size, isRaw: false }) };
    offset += size;
    if (offset > source.size) throw truncated('lz4 block', source, offset);
  }
  yield { type: 'end', checksum: undefined };
  return offset;
}

function blockAt(
  source: ByteSource,
  block: { frame: Lz4Frame; offset: number; size: number; isRaw: boolean },
): Lz4Block {
  const { frame, offset, size, isRaw } = block;
  const available = Math.min(size, source.size - offset);
  return { frame, offset, packedSize: available, isRaw, isCut: available < size };
}

/** As a signed number, so that bit 31 is its sign. */
function u32At(source: ByteSource, offset: number, section: string): number {
  const bytes = readExactly(source, { section, offset, length: 4 });
  return bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24);
}

function truncated(section: string, source: ByteSource, end: number): FormatError {
  const what = `the file is truncated, expected ${end} bytes, have ${source.size}`;
  return new FormatError({ section }, what);
}
