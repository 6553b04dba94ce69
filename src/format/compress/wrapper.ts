// A file that is packed as a whole: vmcore.lz4, vmcore.zst, vmcore.gz. Told by its first bytes.

import { VmcoreError } from '../../util/errors.ts';
import type { ByteSource } from '../../util/io.ts';
import { unpackGzip } from './gzip.ts';
import { isSkippableMagic, LZ4_LEGACY_MAGIC, LZ4_MAGIC, walkLz4 } from './lz4-frame.ts';
import { openLz4InPlace, type OpenedInPlace } from './lz4-source.ts';
import { unpackLz4 } from './lz4-unpack.ts';
import type { UnpackSink } from './unpack.ts';
import { skippableFrameEnd, ZSTD_MAGIC } from './zstd-frame.ts';
import { openZstdInPlace, unpackZstd, zstdContentSize } from './zstd-source.ts';

export type { OpenedInPlace } from './lz4-source.ts';
export type { UnpackSink } from './unpack.ts';

/** The ways in which whole files are packed. */
export type Wrapper = 'lz4' | 'zstd' | 'gzip';

/** How many skippable frames may stand before the first real one. */
const SKIPPABLE_MAX = 1000;

/** How the file is packed; undefined if it is not, as far as its first bytes tell. */
export function sniffWrapper(source: ByteSource): Wrapper | undefined {
  const head = new Uint8Array(4);
  for (let offset = 0, count = 0; count < SKIPPABLE_MAX; count++) {
    if (source.readInto(head, offset) < head.length) return undefined;
    if (offset === 0 && head[0] === 0x1f && head[1] === 0x8b && head[2] === 8) return 'gzip';
    const magic = new DataView(head.buffer).getUint32(0, true);
    if (magic === LZ4_MAGIC || magic === LZ4_LEGACY_MAGIC) return 'lz4';
    if (magic === ZSTD_MAGIC) return 'zstd';
    if (!isSkippableMagic(magic)) return undefined;
    const end = skippedTo(source, offset);
    if (end === undefined) return undefined;
    offset = end;
  }
  return undefined;
}

function skippedTo(source: ByteSource, offset: number): number | undefined {
  try {
    return skippableFrameEnd(source, offset);
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    return undefined;
  }
}

/** Opens the file for reading at any offset; undefined where it has to be unpacked as a whole. */
export async function openInPlace(
  source: ByteSource,
  wrapper: Wrapper,
): Promise<OpenedInPlace | undefined> {
  if (wrapper === 'gzip') return undefined;
  if (wrapper === 'lz4') return openLz4InPlace(source);
  return openZstdInPlace(source);
}

/**
 * Unpacks the file in order into `sink`.
 *
 * @returns what is wrong with the file; what came before that has been written
 * @throws what the sink throws: a full disk is no fault of the file
 */
export async function unpackAll(
  source: ByteSource,
  wrapper: Wrapper,
  sink: UnpackSink,
): Promise<string | undefined> {
  let thrown: { readonly error: unknown } | undefined;
  const problem = await unpack(source, wrapper, {
    write: (bytes) => {
      try {
        sink.write(bytes);
      } catch (error) {
        thrown = { error };
        throw error;
      }
    },
    consumed: (offset) => sink.consumed(offset),
  });
  if (thrown !== undefined) throw thrown.error;
  return problem;
}

async function unpack(
  source: ByteSource,
  wrapper: Wrapper,
  sink: UnpackSink,
): Promise<string | undefined> {
  if (wrapper === 'gzip') return unpackGzip(source, sink);
  if (wrapper === 'lz4') return unpackLz4(source, sink);
  return unpackZstd(source, sink);
}

/** The unpacked size in bytes that the first frame states; more frames may follow. */
export function statedSize(source: ByteSource, wrapper: Wrapper): number | undefined {
  if (wrapper === 'zstd') return zstdContentSize(source);
  if (wrapper === 'gzip') return undefined;
  try {
    for (const part of walkLz4(source)) {
      if (part.type === 'frame') return part.frame.contentSize;
    }
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
  }
  return undefined;
}
