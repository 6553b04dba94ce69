// The inverse of pages.ts, for the writers of samples and of packed dumps. All four encoders are
// our own: the same bytes everywhere.

import { compressLzo } from './lzo-encode.ts';
import type { PageCodec } from './pages.ts';
import { compressSnappy } from './snappy-encode.ts';
import { compressZlib } from './zlib-encode.ts';
import { compressZstd } from './zstd-encode.ts';

const COMPRESS: Record<PageCodec, (bytes: Uint8Array) => Uint8Array> = {
  zlib: compressZlib,
  lzo: compressLzo,
  snappy: compressSnappy,
  zstd: compressZstd,
};

/**
 * Packs one page.
 *
 * @returns undefined where the result would not be smaller: such a page is stored as it is
 */
export function compressPage(codec: PageCodec, bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length === 0) return undefined;
  const packed = COMPRESS[codec](bytes);
  return packed.length < bytes.length ? packed : undefined;
}
