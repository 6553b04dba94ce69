// Writes the flattened format: turns writes at offsets into an append-only stream of records. See
// read.ts for the bytes.

import { ByteWriter } from '../../util/byte-writer.ts';
import type { ByteSink } from '../../util/io.ts';
import {
  END_FLAG_FLAT_HEADER,
  MAKEDUMPFILE_SIGNATURE,
  MDF_HEADER_SIZE,
  SIGNATURE_LEN,
  TYPE_FLAT_HEADER,
  VERSION_FLAT_HEADER,
} from './constants.ts';

/** A {@link ByteSink} whose writes become records of a flattened file in another sink. */
export class FlattenedSink implements ByteSink {
  readonly #sink: ByteSink;
  #position = MDF_HEADER_SIZE;

  /** Writes the header at once. */
  constructor(sink: ByteSink) {
    this.#sink = sink;
    const header = new ByteWriter({ littleEndian: false })
      .fixedString(MAKEDUMPFILE_SIGNATURE, SIGNATURE_LEN)
      .u64(TYPE_FLAT_HEADER)
      .u64(VERSION_FLAT_HEADER)
      .padTo(MDF_HEADER_SIZE);
    sink.write(header.finish(), 0);
  }

  write(bytes: Uint8Array, offset: number): void {
    // A record without data is what makedumpfile never writes and readers refuse.
    if (bytes.length === 0) return;
    this.#append(recordHeader(offset, bytes.length));
    this.#append(bytes);
  }

  /** Writes the end mark; without it the file counts as cut short. */
  finish(): void {
    this.#append(recordHeader(END_FLAG_FLAT_HEADER, END_FLAG_FLAT_HEADER));
  }

  #append(bytes: Uint8Array): void {
    this.#sink.write(bytes, this.#position);
    this.#position += bytes.length;
  }
}

function recordHeader(offset: bigint | number, size: bigint | number): Uint8Array {
  return new ByteWriter({ littleEndian: false }).u64(offset).u64(size).finish();
}
