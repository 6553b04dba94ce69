// snappy pages (raw blocks, not the framing format), unpacked by hysnappy's wasm:
//
//   varint    the unpacked length
//   tags      llllll00 literals; lll 01 / llllll 10 / llllll 11 copies with 11-, 16-, 32-bit offset
//
// https://github.com/google/snappy/blob/main/format_description.txt

import { snappyUncompressor } from 'hysnappy';
import { FormatError } from '../../util/errors.ts';

const SECTION = 'snappy block';

let uncompress: ReturnType<typeof snappyUncompressor> | undefined;

/**
 * Unpacks one snappy block.
 *
 * @returns exactly `size` bytes
 * @throws FormatError if the block is damaged or does not unpack to `size` bytes
 */
export function decompressSnappy(input: Uint8Array, size: number): Uint8Array {
  // hysnappy takes the size for granted, and makes wasm memory for what the prefix says.
  const declared = declaredLength(input);
  if (declared !== size) {
    throw new FormatError({ section: SECTION }, `holds ${declared} bytes, expected ${size}`);
  }
  uncompress ??= snappyUncompressor();
  try {
    return uncompress(input, size);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // A trap inside the wasm leaves its stack pointer anywhere: the next page gets a new one.
    uncompress = undefined;
    throw new FormatError({ section: SECTION }, 'damaged', { cause: error });
  }
}

/** The varint before the tags: little-endian groups of 7 bits, at most 5 bytes. */
function declaredLength(input: Uint8Array): number {
  let length = 0;
  for (let i = 0; i < 5; i++) {
    const byte = input[i];
    if (byte === undefined) break;
    length += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return length;
  }
  throw new FormatError({ section: SECTION, offset: 0 }, 'length prefix is cut off');
}
