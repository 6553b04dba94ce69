// Unpacks the blocks of lz4 files: any one of an independent frame, or all of them in order.

import { errorChain, FormatError, VmcoreError } from '../../util/errors.ts';
import { readExactly, type ByteSource } from '../../util/io.ts';
import { decodeLz4Block, decodeLz4IndependentBlock, decodeLz4Prefix } from './lz4-block.ts';
import { walkLz4, type Lz4Block, type Lz4Frame } from './lz4-frame.ts';
import type { UnpackSink } from './unpack.ts';
import { xxh32, Xxh32 } from './xxh32.ts';

/** How far back a linked block can reach. */
const HISTORY = 64 << 10;

/**
 * Unpacks a block that reaches back to nothing before it. Of a block that is cut off, what is
 * there.
 *
 * @returns a buffer of the caller's own
 * @throws FormatError if the block is damaged or its checksum does not match
 */
export function unpackLz4Block(source: ByteSource, block: Lz4Block): Uint8Array {
  const packed = readBlock(source, block);
  if (block.isRaw) return packed;
  const output = new Uint8Array(block.frame.blockSizeMax);
  const length = block.isCut
    ? decodeLz4Prefix(packed, { bytes: output, start: 0 })
    : inPlace(block, () => decodeLz4IndependentBlock(packed, output));
  return output.subarray(0, length);
}

/**
 * Unpacks a whole file in order, and verifies all checksums and sizes that it has.
 *
 * @returns what is wrong with the file; what came before that has been written
 */
export function unpackLz4(source: ByteSource, sink: UnpackSink): string | undefined {
  let frame: FrameUnpacker | undefined;
  try {
    for (const part of walkLz4(source)) {
      if (part.type === 'frame') frame = new FrameUnpacker(source, part.frame, sink);
      else if (part.type === 'block') frame?.block(part.block);
      else frame?.end(part.checksum);
    }
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    return errorChain(error);
  }
  return undefined;
}

class FrameUnpacker {
  readonly #source: ByteSource;
  readonly #frame: Lz4Frame;
  readonly #sink: UnpackSink;
  readonly #checksum = new Xxh32();
  /** The last 64 KiB that were unpacked, then room for one block. */
  readonly #window: Uint8Array;
  #historyLength = 0;
  #size = 0;

  constructor(source: ByteSource, frame: Lz4Frame, sink: UnpackSink) {
    this.#source = source;
    this.#frame = frame;
    this.#sink = sink;
    this.#window = new Uint8Array(frame.isIndependent ? 0 : HISTORY + frame.blockSizeMax);
  }

  block(block: Lz4Block): void {
    const unpacked = this.#frame.isIndependent
      ? unpackLz4Block(this.#source, block)
      : this.#unpackLinked(block);
    if (this.#frame.hasContentChecksum) this.#checksum.update(unpacked);
    this.#size += unpacked.length;
    this.#sink.write(unpacked);
    this.#sink.consumed(block.offset + block.packedSize);
    if (!this.#frame.isIndependent) this.#slide(unpacked.length);
  }

  end(checksum: number | undefined): void {
    const { contentSize, offset } = this.#frame;
    const place = { section: 'lz4 frame', offset };
    if (contentSize !== undefined && contentSize !== this.#size) {
      throw new FormatError(place, `unpacked ${this.#size} bytes, expected ${contentSize}`);
    }
    if (checksum !== undefined && checksum !== this.#checksum.digest()) {
      throw new FormatError(place, 'content checksum does not match');
    }
  }

  #unpackLinked(block: Lz4Block): Uint8Array {
    const packed = readBlock(this.#source, block);
    const start = this.#historyLength;
    const output = {
      bytes: this.#window.subarray(0, start + this.#frame.blockSizeMax),
      start,
    };
    if (block.isRaw) {
      output.bytes.set(packed, start);
      return output.bytes.subarray(start, start + packed.length);
    }
    const length = block.isCut
      ? decodeLz4Prefix(packed, output)
      : inPlace(block, () => decodeLz4Block(packed, output));
    return output.bytes.subarray(start, start + length);
  }

  #slide(length: number): void {
    const end = this.#historyLength + length;
    this.#historyLength = Math.min(end, HISTORY);
    this.#window.copyWithin(0, end - this.#historyLength, end);
  }
}

function readBlock(source: ByteSource, block: Lz4Block): Uint8Array {
  const { offset, packedSize, isCut, frame } = block;
  const packed = readExactly(source, { section: 'lz4 block', offset, length: packedSize });
  if (!frame.hasBlockChecksums || isCut) return packed;
  const at = offset + packedSize;
  // The file may end between a block and its checksum; the walk reports that.
  if (at + 4 > source.size) return packed;
  const stored = readExactly(source, { section: 'lz4 block checksum', offset: at, length: 4 });
  if (new DataView(stored.buffer).getUint32(0, true) !== xxh32(packed)) {
    throw new FormatError({ section: 'lz4 block', offset }, 'block checksum does not match');
  }
  return packed;
}

/** Adds to an error inside a block where in the file that block is. */
function inPlace(block: Lz4Block, decode: () => number): number {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const place = { section: 'lz4 file', offset: block.offset };
    throw new FormatError(place, 'block cannot be unpacked', { cause: error });
  }
}
