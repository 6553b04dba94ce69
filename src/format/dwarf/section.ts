// The debug sections of one file, read in pieces: together they are larger than the memory that one
// would spend on them.

import { latin1 } from '../../util/byte-reader.ts';
import { FormatError } from '../../util/errors.ts';
import type { ByteSource } from '../../util/io.ts';

/** The sections of one file as sources of their unpacked bytes; a file has few of them. */
export interface DwarfSources {
  /** `.debug_info` */
  readonly info: ByteSource;
  /** `.debug_abbrev` */
  readonly abbrev: ByteSource;
  /** `.debug_str` */
  readonly str?: ByteSource | undefined;
  /** `.debug_line_str`, from version 5 on. */
  readonly lineStr?: ByteSource | undefined;
  /** `.debug_str_offsets`, from version 5 on. */
  readonly strOffsets?: ByteSource | undefined;
  /** `.debug_types`, in version 4 only. */
  readonly types?: ByteSource | undefined;
  /** Equal strings have one place, as linkers see to; true unless it is said. */
  readonly isLinked?: boolean;
}

/**
 * How much is read at a time: headers of units lie far apart, and what is between them is not
 * wanted yet; tables and strings are read from end to end.
 */
const WINDOW_SIZE = 32 << 10;

/** Longer names than any compiler's; a string table without a NUL would be read to its end. */
const STRING_LENGTH_MAX = 1 << 16;

const EMPTY = new Uint8Array(0);

/** One section; what is read one after the other comes from one window. */
export class DwarfSection {
  readonly name: string;
  readonly size: number;
  readonly #source: ByteSource;
  /** Used again for each window; what is behind the end of the section is not of it. */
  #buffer = EMPTY;
  #view = new DataView(EMPTY.buffer);
  #start = 0;
  #length = 0;

  constructor(name: string, source: ByteSource) {
    this.name = name;
    this.size = source.size;
    this.#source = source;
  }

  /**
   * Bytes of the section, a view that lasts until the next read.
   *
   * @throws FormatError if they are not all there
   */
  view(offset: number, length: number): Uint8Array {
    const at = this.#move(offset, length);
    return this.#buffer.subarray(at, at + length);
  }

  /** Reads into a buffer of the caller's. @throws FormatError if not all of it is there */
  readInto(into: Uint8Array, offset: number): void {
    this.#check(offset, into.length);
    const got = this.#source.readInto(into, offset);
    if (got < into.length) throw this.error(offset, `expected ${into.length} bytes, have ${got}`);
  }

  u32(offset: number): number {
    const at = this.#move(offset, 4);
    return this.#view.getUint32(at, true);
  }

  /** @throws FormatError if it is 2^53 or more */
  u64(offset: number): number {
    const at = this.#move(offset, 8);
    const value = this.#view.getBigUint64(at, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw this.error(offset, `expected an offset below 2^53, have 0x${value.toString(16)}`);
    }
    return Number(value);
  }

  /** The NUL-terminated string at `offset`. @throws FormatError if it does not end */
  string(offset: number): string {
    this.#check(offset, 1);
    for (let length = 256; ; length *= 16) {
      const available = Math.min(length, this.size - offset);
      const bytes = this.view(offset, available);
      const end = bytes.indexOf(0);
      if (end >= 0) return latin1(bytes.subarray(0, end));
      if (available < length || length >= STRING_LENGTH_MAX) {
        throw this.error(offset, `expected a string that ends within ${available} bytes`);
      }
    }
  }

  error(offset: number, what: string): FormatError {
    return new FormatError({ section: this.name, offset }, what);
  }

  /** Moves the window where needed; the place of `offset` in it. */
  #move(offset: number, length: number): number {
    const at = offset - this.#start;
    if (at >= 0 && at + length <= this.#length) return at;
    this.#check(offset, length);
    const size = Math.min(Math.max(WINDOW_SIZE, length), this.size - offset);
    if (size > this.#buffer.length) {
      this.#buffer = new Uint8Array(Math.min(this.size, Math.max(WINDOW_SIZE, length)));
      this.#view = new DataView(this.#buffer.buffer);
    }
    // Not valid before all of it is there: a read may fail.
    this.#length = 0;
    this.readInto(this.#buffer.subarray(0, size), offset);
    this.#start = offset;
    this.#length = size;
    return 0;
  }

  #check(offset: number, length: number): void {
    if (offset >= 0 && offset + length <= this.size) return;
    const have = `${Math.max(0, this.size - offset)} of ${this.size}`;
    throw this.error(offset, `expected ${length} bytes in the section, have ${have}`);
  }
}
