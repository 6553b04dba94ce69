// The inverse of ByteReader: a growing buffer that integers and byte strings are appended to.

/** Appends integers and bytes; `at` patches what was written before. */
export class ByteWriter {
  readonly littleEndian: boolean;
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  constructor(options: { littleEndian?: boolean } = {}) {
    this.littleEndian = options.littleEndian ?? true;
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.#view.setUint16(at, value, this.littleEndian);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, this.littleEndian);
    return this;
  }

  u64(value: bigint | number): this {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), this.littleEndian);
    return this;
  }

  bytes(value: Uint8Array): this {
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  /** `text` as latin1 in a field of `length` bytes, padded with NUL; cut if it is longer. */
  fixedString(text: string, length: number): this {
    const field = new Uint8Array(length);
    field.set(Buffer.from(text, 'latin1').subarray(0, length));
    return this.bytes(field);
  }

  /** Zero bytes up to `offset`; nothing if it is reached already. */
  padTo(offset: number): this {
    if (offset > this.#length) this.#grow(offset - this.#length);
    return this;
  }

  /** Zero bytes up to the next multiple of `alignment`. */
  align(alignment: number): this {
    return this.padTo(Math.ceil(this.#length / alignment) * alignment);
  }

  /** Everything written, as a copy. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #grow(length: number): number {
    const start = this.#length;
    const end = start + length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, start));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = end;
    return start;
  }
}
