// The two interfaces between formats and files. Format code sees bytes at offsets; who opens the
// file (target/, pack/, cli/) is none of its business.

import { FormatError } from './errors.ts';

/** Bytes that can be read at any offset, synchronously. */
export interface ByteSource {
  /** What to call it in messages: a file name without its directory. */
  readonly name: string;
  /** Size in bytes. */
  readonly size: number;
  /**
   * Fills `into` from `offset` on, as pread(2) does.
   *
   * @returns the number of bytes read; less than `into.length` only at the end of the source
   */
  readInto(into: Uint8Array, offset: number): number;
}

/** A place to write bytes at any offset; holes read as zero. */
export interface ByteSink {
  /** Writes all of `bytes` at `offset`. */
  write(bytes: Uint8Array, offset: number): void;
}

/**
 * Exactly `length` bytes at `offset`.
 *
 * @param section what is being read, for the message
 * @throws FormatError if the source ends before
 */
export function readExactly(
  source: ByteSource,
  place: { section: string; offset: number; length: number },
): Uint8Array {
  const { section, offset, length } = place;
  // Checked before the allocation: a size from a damaged file must not become 4 GiB of memory.
  const available = Math.max(0, Math.min(length, source.size - offset));
  if (offset < 0 || length < 0 || available < length) {
    const at = `at byte ${offset} of ${source.name}`;
    throw new FormatError({ section }, `expected ${length} bytes ${at}, have ${available}`);
  }
  const bytes = new Uint8Array(length);
  const got = source.readInto(bytes, offset);
  if (got < length) {
    const at = `at byte ${offset} of ${source.name}`;
    throw new FormatError({ section }, `expected ${length} bytes ${at}, have ${got}`);
  }
  return bytes;
}

/** A {@link ByteSource} over bytes that are in memory already. */
export class BytesSource implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, name = 'bytes') {
    this.#bytes = bytes;
    this.name = name;
    this.size = bytes.length;
  }

  readInto(into: Uint8Array, offset: number): number {
    const part = this.#bytes.subarray(offset, offset + into.length);
    into.set(part);
    return part.length;
  }
}

/** A window of another source: bytes `start` to `start + size` of it. */
export class SubSource implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly #parent: ByteSource;
  readonly #start: number;

  constructor(parent: ByteSource, start: number, size: number) {
    this.#parent = parent;
    this.#start = start;
    this.size = Math.max(0, Math.min(size, parent.size - start));
    this.name = parent.name;
  }

  readInto(into: Uint8Array, offset: number): number {
    const room = Math.max(0, Math.min(into.length, this.size - offset));
    if (room === 0) return 0;
    return this.#parent.readInto(into.subarray(0, room), this.#start + offset);
  }
}

/** A {@link ByteSink} that grows in memory; for tests and small outputs. */
export class BytesSink implements ByteSink {
  #bytes = new Uint8Array(1 << 16);
  #size = 0;

  write(bytes: Uint8Array, offset: number): void {
    const end = offset + bytes.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, offset);
    this.#size = Math.max(this.#size, end);
  }

  /** Everything written so far; the holes are zero. */
  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#size);
  }
}
