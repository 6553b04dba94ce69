// A packed file that is read in place: its pieces unpack one by one, and a few of them are kept.

import type { ByteSource } from '../../util/io.ts';
import { FormatError } from '../../util/errors.ts';
import { LruCache } from '../../util/lru.ts';

/** A part of the file that unpacks on its own. */
export interface Piece {
  /** Where it starts in the unpacked bytes; the pieces follow each other without gaps. */
  readonly start: number;
  /** Its unpacked size in bytes. */
  readonly size: number;
}

/** More pieces than this are not indexed: their list alone would fill the memory. */
export const PIECES_MAX = 1 << 20;

/**
 * No larger piece is read in place. Each miss of the cache unpacks a whole one, about 7 ms for this
 * size: a walk over thousands of tasks would take longer than unpacking the file once.
 */
export const PIECE_SIZE_MAX = 8 << 20;

const CACHED_BYTES = 64 << 20;

/** The unpacked bytes of a file, from pieces. */
export class PiecedSource<P extends Piece> implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly #pieces: readonly P[];
  readonly #unpack: (piece: P) => Uint8Array;
  readonly #cache: LruCache<Uint8Array>;

  constructor(name: string, pieces: readonly P[], unpack: (piece: P) => Uint8Array) {
    this.name = name;
    const last = pieces.at(-1);
    this.size = last === undefined ? 0 : last.start + last.size;
    this.#pieces = pieces;
    this.#unpack = unpack;
    let largest = 1;
    for (const piece of pieces) largest = Math.max(largest, piece.size);
    this.#cache = new LruCache(Math.max(2, Math.floor(CACHED_BYTES / largest)));
  }

  /** @throws FormatError if a piece is damaged */
  readInto(into: Uint8Array, offset: number): number {
    let done = 0;
    while (done < into.length && offset + done < this.size) {
      const at = offset + done;
      const index = this.#indexOf(at);
      const piece = this.#pieces[index]!;
      const bytes = this.#load(index).subarray(at - piece.start);
      const part = bytes.subarray(0, into.length - done);
      into.set(part, done);
      done += part.length;
    }
    return done;
  }

  #load(index: number): Uint8Array {
    const cached = this.#cache.get(index);
    if (cached !== undefined) return cached;
    const piece = this.#pieces[index]!;
    const bytes = this.#unpack(piece);
    if (bytes.length !== piece.size) {
      const what = `unpacked ${bytes.length} bytes, expected ${piece.size}`;
      throw new FormatError({ section: `${this.name} unpacked`, offset: piece.start }, what);
    }
    this.#cache.set(index, bytes);
    return bytes;
  }

  /** The last piece that starts at or before `offset`; empty pieces are not listed. */
  #indexOf(offset: number): number {
    let low = 0;
    let high = this.#pieces.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#pieces[middle]!.start <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
