// One page of a kdump or one block of a file, packed by any of the four codecs that makedumpfile
// knows. Each codec is started when its first page comes, so that a dump pays only for its own.

import { FormatError } from '../../util/errors.ts';
import { decompressLzo } from './lzo.ts';
import { decompressSnappy } from './snappy.ts';
import { decompressZlib, decompressZlibInto } from './zlib.ts';
import { decompressZstd, startZstd } from './zstd.ts';

/** The codecs of kdump pages; makedumpfile's -c, -l, -p and -z. */
export type PageCodec = 'zlib' | 'lzo' | 'snappy' | 'zstd';

const DECOMPRESS: Record<PageCodec, (input: Uint8Array, size: number) => Uint8Array> = {
  zlib: decompressZlib,
  lzo: decompressLzo,
  snappy: decompressSnappy,
  zstd: decompressZstd,
};

/** The largest page that a kernel has is 256 KiB (Hexagon and PowerPC 44x); 16 MiB is plenty. */
const PAGE_SIZE_MAX = 16 << 20;

/** Starts what cannot start synchronously: zstd's wasm. To be awaited before any zstd page. */
export async function ready(): Promise<void> {
  await startZstd();
}

/**
 * Unpacks one page.
 *
 * @param size the page size in bytes, which the page must unpack to
 * @returns a buffer of exactly `size` bytes that is the caller's own
 * @throws FormatError if the page is damaged or unpacks to another size
 */
export function decompressPage(codec: PageCodec, input: Uint8Array, size: number): Uint8Array {
  checkSizes(codec, input, size);
  return DECOMPRESS[codec](input, size);
}

/** As {@link decompressPage}, into a page that is there: `into` is filled. */
export function decompressPageInto(codec: PageCodec, input: Uint8Array, into: Uint8Array): void {
  checkSizes(codec, input, into.length);
  if (codec === 'zlib') decompressZlibInto(input, into);
  else into.set(DECOMPRESS[codec](input, into.length));
}

function checkSizes(codec: PageCodec, input: Uint8Array, size: number): void {
  if (!(size > 0 && size <= PAGE_SIZE_MAX)) {
    throw new FormatError({ section: `${codec} page` }, `page size is ${size}`);
  }
  // No codec makes a page larger than this (lzo's worst case is n + n/16 + 67).
  if (input.length > size * 2 + 1024) {
    const what = `${input.length} packed bytes for a page of ${size}`;
    throw new FormatError({ section: `${codec} page` }, what);
  }
}
