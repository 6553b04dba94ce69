// zstd files: read in place where they are made of many small frames, else unpacked in order.

import { errorChain, FormatError, VmcoreError } from '../../util/errors.ts';
import { readExactly, type ByteSource } from '../../util/io.ts';
import type { OpenedInPlace } from './lz4-source.ts';
import { PIECE_SIZE_MAX, PIECES_MAX, PiecedSource, type Piece } from './pieces.ts';
import type { UnpackSink } from './unpack.ts';
import { withoutFetch } from './wasm.ts';
import { decompressZstd, startZstd } from './zstd.ts';
import { readSeekTable, readZstdHeader, skippableFrameEnd, zstdFrameEnd } from './zstd-frame.ts';

interface ZstdPiece extends Piece {
  readonly offset: number;
  readonly packedSize: number;
}

/** The pieces in place, as far as the file is sound. */
interface Frames {
  readonly pieces: ZstdPiece[];
  readonly problem: string | undefined;
}

/** How much of the file the decoder is given at a time. */
const CHUNK = 128 << 10;

/**
 * Opens a zstd file for reading at any offset, a frame at a time.
 *
 * @returns undefined where the file has to be unpacked as a whole: a frame is large, or does not
 *   say its unpacked size and no seek table does
 */
export async function openZstdInPlace(source: ByteSource): Promise<OpenedInPlace | undefined> {
  const frames = framesOfSeekTable(source) ?? listFrames(source);
  if (frames === undefined) return undefined;
  await startZstd();
  const opened = new PiecedSource(source.name, frames.pieces, ({ offset, packedSize, size }) => {
    const section = 'zstd frame';
    const packed = readExactly(source, { section, offset, length: packedSize });
    try {
      return decompressZstd(packed, size);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      throw new FormatError({ section, offset }, 'cannot be unpacked', { cause: error });
    }
  });
  return { source: opened, problem: frames.problem };
}

function framesOfSeekTable(source: ByteSource): Frames | undefined {
  const entries = readSeekTable(source, PIECES_MAX);
  if (entries === undefined) return undefined;
  const pieces: ZstdPiece[] = [];
  let offset = 0;
  let start = 0;
  for (const { packedSize, size } of entries) {
    if (size > PIECE_SIZE_MAX || packedSize > 2 * PIECE_SIZE_MAX) return undefined;
    if (size > 0) pieces.push({ start, size, offset, packedSize });
    offset += packedSize;
    start += size;
  }
  return { pieces, problem: undefined };
}

/** Walks the frame and block headers; undefined as soon as a frame is not one to seek to. */
function listFrames(source: ByteSource): Frames | undefined {
  const pieces: ZstdPiece[] = [];
  let start = 0;
  try {
    // Every frame takes 8 bytes at least, so the loop moves on.
    for (let offset = 0; offset < source.size;) {
      const skippedTo = skippableFrameEnd(source, offset);
      if (skippedTo !== undefined) {
        offset = skippedTo;
        continue;
      }
      const frame = readZstdHeader(source, offset);
      const size = frame.contentSize;
      if (size === undefined || size > PIECE_SIZE_MAX || pieces.length === PIECES_MAX) {
        return undefined;
      }
      const end = zstdFrameEnd(source, frame);
      const packedSize = end - offset;
      if (packedSize > 2 * PIECE_SIZE_MAX) return undefined;
      if (size > 0) pieces.push({ start, size, offset, packedSize });
      start += size;
      offset = end;
    }
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    // A cut last frame may be most of the file: unpacking in order gives what is there of it.
    return undefined;
  }
  return { pieces, problem: undefined };
}

/**
 * Unpacks a whole file in order.
 *
 * @returns what is wrong with the file; what came before that has been written
 */
export async function unpackZstd(
  source: ByteSource,
  sink: UnpackSink,
): Promise<string | undefined> {
  // Loaded late: it carries its own 380 KB of wasm, and few dumps are packed as a whole.
  const { ZSTDDecoder } = await import('zstddec/stream');
  const decoder = new ZSTDDecoder();
  await withoutFetch(() => decoder.init());
  const feed = new Feed(source, sink);
  try {
    // Says what the decoder, which has no words for its errors, would not: a dictionary, a window.
    readZstdHeader(source, firstFrame(source));
    let emptyCount = 0;
    let pulled = 0;
    for (const bytes of decoder.decodeStreaming(feed.chunks())) {
      sink.write(bytes);
      // On an error the decoder neither takes input nor gives output, and would do so for ever.
      emptyCount = bytes.length === 0 && feed.offset === pulled ? emptyCount + 1 : 0;
      pulled = feed.offset;
      if (emptyCount > EMPTY_MAX) throw feed.damaged();
    }
  } catch (error) {
    if (error instanceof VmcoreError) return errorChain(error);
    // The decoder's only error is a bare Error at the end of a stream that is not complete.
    if (!(error instanceof Error) || !error.message.startsWith('Incomplete stream')) throw error;
    return `zstd file: the file is truncated, it ends at byte ${source.size} inside a frame`;
  }
  return undefined;
}

/** Headers are taken without giving output, but never so many times in a row. */
const EMPTY_MAX = 3;

/** The file in chunks, and how far it has been read. */
class Feed {
  offset = 0;
  readonly #source: ByteSource;
  readonly #sink: UnpackSink;

  constructor(source: ByteSource, sink: UnpackSink) {
    this.#source = source;
    this.#sink = sink;
  }

  *chunks(): Generator<Uint8Array> {
    const chunk = new Uint8Array(CHUNK);
    while (this.offset < this.#source.size) {
      this.#sink.consumed(this.offset);
      const length = this.#source.readInto(chunk, this.offset);
      if (length === 0) return;
      this.offset += length;
      yield chunk.subarray(0, length);
    }
  }

  damaged(): FormatError {
    const start = Math.max(0, this.offset - CHUNK);
    const what = `damaged between bytes ${start} and ${this.offset}`;
    return new FormatError({ section: 'zstd file' }, what);
  }
}

function firstFrame(source: ByteSource): number {
  let offset = 0;
  for (;;) {
    const end = skippableFrameEnd(source, offset);
    if (end === undefined) return offset;
    offset = end;
  }
}

/** The unpacked size of a file of one frame that says it. */
export function zstdContentSize(source: ByteSource): number | undefined {
  try {
    return readZstdHeader(source, firstFrame(source)).contentSize;
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    return undefined;
  }
}
