// Appends small pieces to a sink in large writes.

import type { ByteSink } from '../../util/io.ts';

const BUFFER_BYTES = 256 << 10;

/** Writes consecutively from `position` on. */
export class StreamWriter {
  /** Where the next byte will go. */
  position: number;
  readonly #sink: ByteSink;
  #buffer = new Uint8Array(BUFFER_BYTES);
  #length = 0;

  constructor(sink: ByteSink, position: number) {
    this.#sink = sink;
    this.position = position;
  }

  /** @returns where `bytes` came to lie */
  append(bytes: Uint8Array): number {
    if (this.#length + bytes.length > BUFFER_BYTES) this.finish();
    const at = this.position;
    if (bytes.length > BUFFER_BYTES) {
      this.#sink.write(bytes, at);
    } else {
      this.#buffer.set(bytes, this.#length);
      this.#length += bytes.length;
    }
    this.position += bytes.length;
    return at;
  }

  /** Hands over what is buffered. */
  finish(): void {
    if (this.#length === 0) return;
    const bytes = this.#buffer.subarray(0, this.#length);
    // The sink may keep what it is given, so the buffer is not used again.
    this.#sink.write(bytes, this.position - this.#length);
    this.#buffer = new Uint8Array(BUFFER_BYTES);
    this.#length = 0;
  }
}
