// Opens files that are packed as a whole (vmcore.lz4, vmcore.zst, vmcore.gz) as the bytes inside:
// in place where the format lets one seek, else unpacked once into a temporary file.

import { tmpdir } from 'node:os';
import { openInPlace, sniffWrapper } from '../format/compress/wrapper.ts';
import { statedSize, unpackAll, type Wrapper } from '../format/compress/wrapper.ts';
import { FormatError } from '../util/errors.ts';
import type { ByteSource } from '../util/io.ts';
import { SparseTempFile } from './temp-file.ts';

/** How many packings inside each other are taken off: `vmcore.lz4.gz` is two. */
const DEPTH_MAX = 4;

export interface UnwrapOptions {
  /** Where the temporary file goes; the system's folder for such by default. */
  readonly tmpDir?: string;
  /** Told while unpacking: packed bytes that are done, and all of them. */
  readonly onProgress?: (done: number, total: number) => void;
  /** The free bytes of a folder, for tests. */
  readonly freeBytes?: (folder: string) => number;
}

/** A file without its packing. */
export interface Unwrapped {
  /** The bytes inside; the given source itself where it is not packed. */
  readonly source: ByteSource;
  /** How the file was packed; the outermost, where there are several. */
  readonly wrapper: Wrapper | undefined;
  readonly how: 'in place' | 'unpacked';
  /** What is wrong with the packing; `source` then has what came before. */
  readonly problems: readonly string[];
  /** Removes the temporary file. The given source stays open. */
  close(): void;
}

/**
 * The bytes inside `source`, whatever they are packed in.
 *
 * @throws FormatError if nothing at all can be unpacked
 * @throws UnsupportedError if there is no room for the temporary file
 */
export async function openWrapped(
  source: ByteSource,
  options: UnwrapOptions = {},
): Promise<Unwrapped> {
  const outermost = sniffWrapper(source);
  const layers: Layer[] = [];
  let inner = source;
  const close = (): void => {
    for (const layer of layers.toReversed()) layer.close();
  };
  try {
    for (let depth = 0; depth < DEPTH_MAX; depth++) {
      const wrapper = sniffWrapper(inner);
      if (wrapper === undefined) break;
      const layer = await openLayer(inner, wrapper, options);
      layers.push(layer);
      inner = layer.source;
    }
  } catch (error) {
    close();
    throw error;
  }
  return {
    source: inner,
    wrapper: outermost,
    how: layers.some((layer) => layer.isUnpacked) ? 'unpacked' : 'in place',
    problems: layers.flatMap((layer) => layer.problem ?? []),
    close,
  };
}

interface Layer {
  readonly source: ByteSource;
  readonly isUnpacked: boolean;
  readonly problem: string | undefined;
  close(): void;
}

async function openLayer(
  source: ByteSource,
  wrapper: Wrapper,
  options: UnwrapOptions,
): Promise<Layer> {
  const inPlace = await openInPlace(source, wrapper);
  const layer: Layer =
    inPlace === undefined
      ? await unpackToTemp(source, wrapper, options)
      : { ...inPlace, isUnpacked: false, close: () => undefined };
  if (layer.source.size === 0 && layer.problem !== undefined) {
    layer.close();
    throw new FormatError({ section: source.name }, `nothing can be unpacked: ${layer.problem}`);
  }
  return layer;
}

async function unpackToTemp(
  source: ByteSource,
  wrapper: Wrapper,
  options: UnwrapOptions,
): Promise<Layer> {
  const temp = new SparseTempFile({
    folder: options.tmpDir ?? tmpdir(),
    ...(options.freeBytes && { freeBytes: options.freeBytes }),
  });
  try {
    // Where the size is not stated, the free room is looked at while unpacking.
    temp.requireRoom(statedSize(source, wrapper) ?? 0);
    const problem = await unpackAll(source, wrapper, {
      write: (bytes) => temp.append(bytes),
      consumed: (offset) => options.onProgress?.(offset, source.size),
    });
    options.onProgress?.(source.size, source.size);
    const unpacked = temp.finish(source.name);
    return { source: unpacked, isUnpacked: true, problem, close: () => unpacked.close() };
  } catch (error) {
    temp.discard();
    throw error;
  }
}
