// A cursor over a piece of a debug section. Like ByteReader it checks every read and names section
// and offset; its fields are open and its numbers plain, since a kernel has some 100 MB of these.

import { latin1 } from '../../util/byte-reader.ts';
import { FormatError } from '../../util/errors.ts';

/** Ten groups of seven bits hold 64; producers may pad, but not without end. */
const LEB_LENGTH_MAX = 16;

/** Where the bytes of a {@link DwarfCursor} come from, for messages. */
export interface CursorPlace {
  readonly section: string;
  /** The offset in its section of the first byte. */
  readonly base: number;
}

/** Reads little-endian integers, LEB128 (7.6) and strings one after the other. */
export class DwarfCursor {
  /** Index in `bytes`, not in the section. */
  at = 0;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly section: string;
  readonly base: number;

  constructor(bytes: Uint8Array, { section, base }: CursorPlace) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.section = section;
    this.base = base;
  }

  u8(): number {
    return this.bytes[this.#take(1)]!;
  }

  u16(): number {
    return this.view.getUint16(this.#take(2), true);
  }

  /** Three bytes: DW_FORM_strx3. */
  u24(): number {
    const at = this.#take(3);
    return this.view.getUint16(at, true) | (this.bytes[at + 2]! << 16);
  }

  u32(): number {
    return this.view.getUint32(this.#take(4), true);
  }

  u64(): bigint {
    return this.view.getBigUint64(this.#take(8), true);
  }

  /** @throws FormatError if it is 2^53 or more */
  size64(): number {
    return this.#asSize(this.u64());
  }

  /** An offset of 4 or 8 bytes (7.4). @throws FormatError if it is 2^53 or more */
  offset(size: number): number {
    return size === 8 ? this.size64() : this.u32();
  }

  /** @throws FormatError if it is 2^53 or more */
  uleb(): number {
    const byte = this.bytes[this.at];
    if (byte !== undefined && byte < 0x80) {
      this.at++;
      return byte;
    }
    const second = this.bytes[this.at + 1];
    if (byte !== undefined && second !== undefined && second < 0x80) {
      this.at += 2;
      return (byte & 0x7f) | (second << 7);
    }
    const third = this.bytes[this.at + 2];
    if (byte !== undefined && second !== undefined && third !== undefined && third < 0x80) {
      this.at += 3;
      return (byte & 0x7f) | ((second & 0x7f) << 7) | (third << 14);
    }
    return this.#asSize(this.ulebBig());
  }

  ulebBig(): bigint {
    return BigInt.asUintN(64, this.#leb().value);
  }

  sleb(): bigint {
    const byte = this.bytes[this.at];
    if (byte !== undefined && byte < 0x80) {
      this.at++;
      return BigInt(byte < 0x40 ? byte : byte - 0x80);
    }
    const { value, bits, last } = this.#leb();
    return (last & 0x40) === 0 ? value : value - (1n << BigInt(bits));
  }

  skipLeb(): void {
    const start = this.at;
    for (;;) {
      const byte = this.bytes[this.at];
      if (byte === undefined) throw this.error(`expected the end of an LEB128 number`, start);
      this.at++;
      if (byte < 0x80) return;
    }
  }

  skip(length: number): void {
    this.#take(length);
  }

  /** The NUL-terminated string here. */
  string(): string {
    const start = this.at;
    const end = this.bytes.indexOf(0, start);
    if (end < 0) throw this.error('expected a string that ends in its unit');
    this.at = end + 1;
    return latin1(this.bytes.subarray(start, end));
  }

  /** @param at index in `bytes`; where the cursor stands unless given */
  error(what: string, at = this.at): FormatError {
    return new FormatError({ section: this.section, offset: this.base + at }, what);
  }

  #asSize(value: bigint): number {
    if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
    throw this.error(`expected a number below 2^53, have 0x${value.toString(16)}`);
  }

  #leb(): { value: bigint; bits: number; last: number } {
    const start = this.at;
    let value = 0n;
    for (let n = 0; n < LEB_LENGTH_MAX; n++) {
      const last = this.u8();
      value |= BigInt(last & 0x7f) << BigInt(7 * n);
      if (last < 0x80) return { value, bits: 7 * (n + 1), last };
    }
    throw this.error(`expected an LEB128 number of at most ${LEB_LENGTH_MAX} bytes`, start);
  }

  #take(length: number): number {
    const at = this.at;
    if (length > this.bytes.length - at || length < 0) {
      throw this.error(`expected ${length} bytes, have ${Math.max(0, this.bytes.length - at)}`);
    }
    this.at = at + length;
    return at;
  }
}
