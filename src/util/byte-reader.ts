// A cursor over bytes of one section. Every read is bounds-checked and names section and offset.

import { FormatError } from './errors.ts';

/** What a {@link ByteReader} reads and how. */
export interface ByteReaderOptions {
  /** The name of the section, for messages. */
  readonly section: string;
  readonly littleEndian?: boolean;
  /** Added to offsets in messages, where `bytes` is a part of its section. */
  readonly baseOffset?: number;
}

/** Reads integers and byte strings one after the other; `seek` moves. */
export class ByteReader {
  readonly section: string;
  readonly littleEndian: boolean;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #baseOffset: number;
  #offset = 0;

  constructor(bytes: Uint8Array, options: ByteReaderOptions) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.section = options.section;
    this.littleEndian = options.littleEndian ?? true;
    this.#baseOffset = options.baseOffset ?? 0;
  }

  get length(): number {
    return this.#bytes.length;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  /** @throws FormatError if `offset` is outside the section */
  seek(offset: number): this {
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > this.#bytes.length) {
      throw this.error(`offset ${offset} is outside the section of ${this.#bytes.length} bytes`);
    }
    this.#offset = offset;
    return this;
  }

  skip(length: number): this {
    return this.seek(this.#offset + length);
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), this.littleEndian);
  }

  s16(): number {
    return this.#view.getInt16(this.#take(2), this.littleEndian);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), this.littleEndian);
  }

  s32(): number {
    return this.#view.getInt32(this.#take(4), this.littleEndian);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), this.littleEndian);
  }

  s64(): bigint {
    return this.#view.getBigInt64(this.#take(8), this.littleEndian);
  }

  /**
   * An unsigned 64-bit size, offset or count as a number.
   *
   * @throws FormatError if it is 2^53 or more, which no file offset is
   */
  size64(what: string): number {
    const at = this.#offset;
    const value = this.u64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw this.error(`${what} is 0x${value.toString(16)}, expected less than 2^53`, at);
    }
    return Number(value);
  }

  /** A view, not a copy, of the next `length` bytes. */
  bytes(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** A fixed-size char array up to its first NUL, as latin1 so that no byte is lost. */
  fixedString(length: number): string {
    const field = this.bytes(length);
    const end = field.indexOf(0);
    return latin1(end < 0 ? field : field.subarray(0, end));
  }

  /** A {@link FormatError} at the current (or a given) offset of this section. */
  error(what: string, offset = this.#offset): FormatError {
    return new FormatError({ section: this.section, offset: this.#baseOffset + offset }, what);
  }

  #take(length: number): number {
    const start = this.#offset;
    if (length < 0 || length > this.#bytes.length - start) {
      throw this.error(`expected ${length} bytes, have ${this.#bytes.length - start}`);
    }
    this.#offset = start + length;
    return start;
  }
}

/** Bytes to a string, one code unit a byte, so that the bytes can be had back. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
