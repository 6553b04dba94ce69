// zlib pages, as compress2(3) writes them, unpacked by node's own zlib.

import type { deflateSync, inflateSync } from 'node:zlib';
import { FormatError } from '../../util/errors.ts';

/**
 * Room behind a page in the buffer that zlib fills. Where none is left zlib is called once more to
 * hear that it is done; the 16 KiB that node has unless told cost more time than the unpacking.
 */
const ROOM = 64;

let inflate: typeof inflateSync | undefined;
let deflate: typeof deflateSync | undefined;

/**
 * Packs with node's zlib, five times as fast as the encoder of our own and a tenth smaller. The
 * bytes differ between releases of node, so that samples are not made with it.
 */
export function deflateZlib(bytes: Uint8Array): Uint8Array {
  deflate ??= process.getBuiltinModule('node:zlib').deflateSync;
  return deflate(bytes);
}

/**
 * Unpacks one zlib stream.
 *
 * @returns exactly `size` bytes
 * @throws FormatError if the stream is damaged or does not unpack to `size` bytes
 */
export function decompressZlib(input: Uint8Array, size: number): Uint8Array {
  // Not a static import: a plain ELF needs no zlib, and loading it takes more than a millisecond.
  inflate ??= process.getBuiltinModule('node:zlib').inflateSync;
  let inflated: Uint8Array;
  try {
    inflated = inflate(input, { maxOutputLength: size, chunkSize: size + ROOM });
  } catch (error) {
    if (!isZlibError(error)) throw error;
    const what = error.code === 'ERR_BUFFER_TOO_LARGE' ? `more than ${size} bytes` : 'damaged';
    throw new FormatError({ section: 'zlib page' }, what, { cause: error });
  }
  if (inflated.length !== size) {
    const what = `unpacked ${inflated.length} bytes, expected ${size}`;
    throw new FormatError({ section: 'zlib page' }, what);
  }
  // A copy, since a page cache would keep the room too.
  return new Uint8Array(inflated);
}

function isZlibError(error: unknown): error is NodeJS.ErrnoException {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return error.code === 'ERR_BUFFER_TOO_LARGE' || String(error.code).startsWith('Z_');
}
