// zlib pages, as compress2(3) writes them, unpacked by node's own zlib.

import type { inflateSync } from 'node:zlib';
import { FormatError } from '../../util/errors.ts';

let inflate: typeof inflateSync | undefined;

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
    inflated = inflate(input, { maxOutputLength: size });
  } catch (error) {
    if (!isZlibError(error)) throw error;
    const what = error.code === 'ERR_BUFFER_TOO_LARGE' ? `more than ${size} bytes` : 'damaged';
    throw new FormatError({ section: 'zlib page' }, what, { cause: error });
  }
  if (inflated.length !== size) {
    const what = `unpacked ${inflated.length} bytes, expected ${size}`;
    throw new FormatError({ section: 'zlib page' }, what);
  }
  // A copy: what zlib gives is a view of a 16 KiB buffer, and a page cache would keep all of it.
  return new Uint8Array(inflated);
}

function isZlibError(error: unknown): error is NodeJS.ErrnoException {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return error.code === 'ERR_BUFFER_TOO_LARGE' || String(error.code).startsWith('Z_');
}
