// zstd files: frames one after the other.
//
//   28 b5 2f fd   frame       descriptor u8, [window u8], [dictionary id], [content size]
//                             { u24: bit 0 last, bits 1..2 type, the rest size; data }* [xxh64 low]
//   5? 2a 4d 18   skippable   size u32, data
//
//   descriptor    7..6 size of content size, 5 single segment, 2 checksum, 1..0 dictionary id
//
// RFC 8878, section 3.1. The seekable format (zstd's contrib/seekable_format) ends in a skippable
// frame 5e 2a 4d 18 that lists the frames: { packed u32, unpacked u32, [checksum u32] }*, then
// count u32, flags u8 (bit 7: checksums), magic b1 ea 92 8f.

import { ByteReader } from '../../util/byte-reader.ts';
import { FormatError, UnsupportedError } from '../../util/errors.ts';
import { readExactly, type ByteSource } from '../../util/io.ts';
import { isSkippableMagic } from './lz4-frame.ts';

export const ZSTD_MAGIC = 0xfd2fb528;
const SEEK_TABLE_MAGIC = 0x8f92eab1;
const SEEK_TABLE_FOOTER = 9;

/** The decoder's own limit, which `zstd --long=27` needs; more takes that much memory. */
const WINDOW_MAX = 128 << 20;

/** Bytes of the dictionary id and of the content size, by their code in the descriptor. */
const DICTIONARY_ID_SIZES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_SIZES = [0, 2, 4, 8] as const;

/** A frame of a zstd file. */
export interface ZstdFrame {
  /** Where it starts in the file. */
  readonly offset: number;
  /** Unpacked size in bytes, where the writer said it. */
  readonly contentSize: number | undefined;
  /** Where its first block starts. */
  readonly blocksAt: number;
  readonly hasChecksum: boolean;
}

/**
 * The header of the frame at `offset`.
 *
 * @throws UnsupportedError if it needs a dictionary or a window of more than 128 MiB
 * @throws FormatError if there is none
 */
export function readZstdHeader(source: ByteSource, offset: number): ZstdFrame {
  const section = 'zstd frame header';
  const fixed = readExactly(source, { section, offset, length: 5 });
  const reader = new ByteReader(fixed, { section, baseOffset: offset });
  const magic = reader.u32();
  if (magic !== ZSTD_MAGIC) {
    throw reader.error(`no frame, magic is 0x${magic.toString(16)}`, 0);
  }
  const descriptor = reader.u8();
  if (descriptor & 0x08) throw reader.error('reserved bit is set', 4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeCode = descriptor >> 6;
  const idSize = DICTIONARY_ID_SIZES[descriptor & 3] ?? 0;
  const sizeSize = sizeCode === 0 && isSingleSegment ? 1 : (CONTENT_SIZE_SIZES[sizeCode] ?? 0);
  const length = (isSingleSegment ? 0 : 1) + idSize + sizeSize;
  const rest = new ByteReader(readExactly(source, { section, offset: offset + 5, length }), {
    section,
    baseOffset: offset + 5,
  });
  const statedWindow = isSingleSegment ? undefined : windowSize(rest.u8());
  if (rest.bytes(idSize).some((byte) => byte !== 0)) {
    throw new UnsupportedError(`${section}: packed with a dictionary`);
  }
  const contentSize = readContentSize(rest, sizeSize);
  // A single segment is its own window.
  const window = statedWindow ?? contentSize ?? 0;
  if (window > WINDOW_MAX) {
    throw new UnsupportedError(`${section}: needs a window of ${window} bytes`);
  }
  return {
    offset,
    contentSize,
    blocksAt: offset + 5 + length,
    hasChecksum: (descriptor & 0x04) !== 0,
  };
}

function windowSize(byte: number): number {
  const base = 2 ** (10 + (byte >> 3));
  return base + (base / 8) * (byte & 7);
}

function readContentSize(reader: ByteReader, size: number): number | undefined {
  switch (size) {
    case 1:
      return reader.u8();
    case 2:
      return reader.u16() + 256;
    case 4:
      return reader.u32();
    case 8:
      return reader.size64('content size');
    default:
      return undefined;
  }
}

/**
 * Where the frame ends, from the headers of its blocks.
 *
 * @throws FormatError if a block header is damaged or the file ends inside the frame
 */
export function zstdFrameEnd(source: ByteSource, frame: ZstdFrame): number {
  const section = 'zstd block header';
  let offset = frame.blocksAt;
  for (;;) {
    const bytes = readExactly(source, { section, offset, length: 3 });
    const header = bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16);
    const type = (header >> 1) & 3;
    if (type === 3) throw new FormatError({ section, offset }, 'block type 3 is reserved');
    // Type 1 is a run: one byte of data, whatever its size.
    offset += 3 + (type === 1 ? 1 : header >> 3);
    if (header & 1) break;
  }
  const end = offset + (frame.hasChecksum ? 4 : 0);
  if (end > source.size) {
    const what = `the file is truncated, expected ${end} bytes, have ${source.size}`;
    throw new FormatError({ section: 'zstd frame', offset: frame.offset }, what);
  }
  return end;
}

/** The end of a skippable frame at `offset`; undefined if there is none. */
export function skippableFrameEnd(source: ByteSource, offset: number): number | undefined {
  if (source.size - offset < 8) return undefined;
  const bytes = readExactly(source, { section: 'skippable frame', offset, length: 8 });
  const reader = new ByteReader(bytes, { section: 'skippable frame', baseOffset: offset });
  if (!isSkippableMagic(reader.u32())) return undefined;
  const end = offset + 8 + reader.u32();
  if (end > source.size) throw reader.error(`ends at byte ${end}, the file has ${source.size}`, 4);
  return end;
}

/** A frame as the seek table lists it. */
export interface SeekTableEntry {
  readonly packedSize: number;
  readonly size: number;
}

/** The seek table at the end of the file; undefined if there is none, or no sound one. */
export function readSeekTable(source: ByteSource, countMax: number): SeekTableEntry[] | undefined {
  const footerAt = source.size - SEEK_TABLE_FOOTER;
  if (footerAt < 8) return undefined;
  const section = 'zstd seek table';
  const footer = new ByteReader(
    readExactly(source, { section, offset: footerAt, length: SEEK_TABLE_FOOTER }),
    { section },
  );
  const count = footer.u32();
  const entrySize = footer.u8() & 0x80 ? 12 : 8;
  if (footer.u32() !== SEEK_TABLE_MAGIC || count > countMax) return undefined;
  const offset = footerAt - count * entrySize;
  if (offset < 8 || skippableFrameEnd(source, offset - 8) !== source.size) return undefined;
  const bytes = readExactly(source, { section, offset, length: count * entrySize });
  const reader = new ByteReader(bytes, { section, baseOffset: offset });
  const entries: SeekTableEntry[] = [];
  for (let i = 0; i < count; i++) {
    entries.push({ packedSize: reader.u32(), size: reader.u32() });
    reader.skip(entrySize - 8);
  }
  const packedTotal = entries.reduce((sum, entry) => sum + entry.packedSize, 0);
  return packedTotal === offset - 8 ? entries : undefined;
}
