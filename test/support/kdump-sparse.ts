// A file in memory with holes, so that tests can make the files of machines of terabytes.

import type { ByteSink, ByteSource } from '../../src/util/io.ts';

const BLOCK = 4096;

/** Keeps the blocks that were written; all else reads as zero. */
export class SparseFile implements ByteSink, ByteSource {
  readonly name = 'sparse';
  size = 0;
  /** Bytes that were asked for, holes or not. */
  bytesRead = 0;
  readonly #blocks = new Map<number, Uint8Array>();

  /** Bytes of memory that the file takes. */
  get storedBytes(): number {
    return this.#blocks.size * BLOCK;
  }

  write(bytes: Uint8Array, offset: number): void {
    this.size = Math.max(this.size, offset + bytes.length);
    forBlocks(offset, bytes.length, ({ index, inBlock, at, length }) => {
      let block = this.#blocks.get(index);
      if (block === undefined) this.#blocks.set(index, (block = new Uint8Array(BLOCK)));
      block.set(bytes.subarray(at, at + length), inBlock);
    });
  }

  readInto(into: Uint8Array, offset: number): number {
    const total = Math.max(0, Math.min(into.length, this.size - offset));
    this.bytesRead += total;
    forBlocks(offset, total, ({ index, inBlock, at, length }) => {
      const block = this.#blocks.get(index);
      if (block === undefined) into.fill(0, at, at + length);
      else into.set(block.subarray(inBlock, inBlock + length), at);
    });
    return total;
  }
}

interface Piece {
  readonly index: number;
  readonly inBlock: number;
  /** Where the piece is in the caller's bytes. */
  readonly at: number;
  readonly length: number;
}

function forBlocks(offset: number, total: number, use: (piece: Piece) => void): void {
  for (let at = 0; at < total;) {
    const inBlock = (offset + at) % BLOCK;
    const length = Math.min(total - at, BLOCK - inBlock);
    use({ index: (offset + at - inBlock) / BLOCK, inBlock, at, length });
    at += length;
  }
}
