// zstd pages, unpacked by the wasm build of the reference decoder (package zstddec).

import { ZSTDDecoder } from 'zstddec';
import { assert } from '../../util/assert.ts';
import { FormatError } from '../../util/errors.ts';
import { withoutFetch } from './wasm.ts';

let decoder: ZSTDDecoder | undefined;

/** Starts the decoder; about a millisecond, once. */
export async function startZstd(): Promise<void> {
  if (decoder !== undefined) return;
  const starting = new ZSTDDecoder();
  await withoutFetch(() => starting.init());
  decoder = starting;
}

/**
 * Unpacks one block of zstd frames; {@link startZstd} must have ended before.
 *
 * The decoder writes straight into `size` bytes, so a frame header that asks for a window of
 * gigabytes costs nothing, and it reports an error as a length that is not `size`.
 *
 * @returns exactly `size` bytes
 * @throws FormatError if the frames are damaged or do not unpack to `size` bytes
 */
export function decompressZstd(input: Uint8Array, size: number): Uint8Array {
  assert(decoder !== undefined, 'zstd page before ready()');
  // A size of 0 would make the decoder believe the size in the frame header.
  assert(size > 0, 'zstd page of no bytes');
  const output = decoder.decode(input, size);
  if (output.length !== size) {
    throw new FormatError({ section: 'zstd page' }, `damaged, expected ${size} bytes`);
  }
  return output;
}
