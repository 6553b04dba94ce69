// makedumpfile's flattened format: a dump that was written through a pipe, as records that say
// where their data belongs. The dump inside is of any format (kdump, ELF); QEMU flattens its kdump.
//
//   +0     "makedumpfile\0\0\0\0", u64 type = 1, u64 version = 1; zeros up to 4096
//   +4096  { s64 offset, s64 size, data[size] }*  later records overwrite earlier ones
//          { -1, -1 }                             end mark
//
// All big-endian. The file is read in place: opening it walks the record headers, without reading
// their data, and keeps an index; what no record covers reads as zero, as the sparse file does that
// `makedumpfile -R` makes of it.

import { FormatError } from '../../util/errors.ts';
import type { ByteSource } from '../../util/io.ts';
import { readExactly } from '../../util/io.ts';
import { Problems } from '../../util/problems.ts';
import {
  END_FLAG_FLAT_HEADER,
  MAKEDUMPFILE_SIGNATURE,
  MDF_HEADER_SIZE,
  RECORD_HEADER_SIZE,
  SIGNATURE_LEN,
  TYPE_FLAT_HEADER,
  VERSION_FLAT_HEADER,
} from './constants.ts';
import { SegmentIndex } from './segments.ts';

/** Where records are this small, one read fetches many of them. */
const SMALL_RECORD = 4 << 10;
const WINDOW_BYTES = 64 << 10;

/** The dump inside a flattened file, as the rearranged file would be. */
export class FlattenedSource implements ByteSource {
  readonly name: string;
  readonly size: number;
  /** Whether the end mark is missing: the writer or the copy was cut short. */
  readonly isTruncated: boolean;
  readonly recordCount: number;
  readonly #source: ByteSource;
  readonly #index: SegmentIndex;

  constructor(source: ByteSource, index: SegmentIndex, isTruncated: boolean) {
    this.name = source.name;
    this.size = index.size;
    this.isTruncated = isTruncated;
    this.recordCount = index.recordCount;
    this.#source = source;
    this.#index = index;
  }

  readInto(into: Uint8Array, offset: number): number {
    const length = Math.max(0, Math.min(into.length, this.size - offset));
    let done = 0;
    while (done < length) {
      const located = this.#index.locate(offset + done);
      const part = into.subarray(done, Math.min(length, done + located.length));
      if (located.fileOffset < 0) part.fill(0);
      else if (this.#source.readInto(part, located.fileOffset) < part.length) return done;
      done += part.length;
    }
    return done;
  }
}

/** Whether `source` starts as a flattened file does. */
export function isFlattened(source: ByteSource): boolean {
  const bytes = new Uint8Array(SIGNATURE_LEN);
  if (source.readInto(bytes, 0) < bytes.length) return false;
  return (
    Buffer.from(bytes).toString('latin1') === MAKEDUMPFILE_SIGNATURE.padEnd(SIGNATURE_LEN, '\0')
  );
}

/**
 * Indexes a flattened file.
 *
 * @param problems told if the file is cut short; what is there can be read
 * @throws FormatError naming the record whose offset or size is impossible
 */
export function readFlattened(source: ByteSource, problems = new Problems()): FlattenedSource {
  checkHeader(source);
  const index = new SegmentIndex();
  const cut = indexRecords(source, index);
  index.finish();
  if (cut !== undefined) {
    const what = `no end mark, the file ends in record ${cut.record} at byte ${cut.at}`;
    problems.addMessage(source.name, `flattened: ${what}`, 'format');
  }
  return new FlattenedSource(source, index, cut !== undefined);
}

function checkHeader(source: ByteSource): void {
  const section = 'makedumpfile_header';
  if (!isFlattened(source)) {
    throw new FormatError({ section, offset: 0 }, `expected "${MAKEDUMPFILE_SIGNATURE}"`);
  }
  const bytes = readExactly(source, { section, offset: SIGNATURE_LEN, length: 16 });
  const view = new DataView(bytes.buffer);
  const [type, version] = [view.getBigInt64(0), view.getBigInt64(8)];
  if (type !== BigInt(TYPE_FLAT_HEADER)) {
    throw new FormatError({ section, offset: 16 }, `type is ${type}, expected ${TYPE_FLAT_HEADER}`);
  }
  if (version !== BigInt(VERSION_FLAT_HEADER)) {
    const what = `version is ${version}, expected ${VERSION_FLAT_HEADER}`;
    throw new FormatError({ section, offset: 24 }, what);
  }
}

/** Where a file without an end mark ends: in which record, and where that starts. */
interface Cut {
  readonly record: number;
  readonly at: number;
}

/** @returns undefined if the file has its end mark */
function indexRecords(source: ByteSource, index: SegmentIndex): Cut | undefined {
  const window = new HeaderWindow(source);
  let at = MDF_HEADER_SIZE;
  // Every turn moves `at` on by a record header at least, so the file's size bounds the loop.
  for (;;) {
    const record = index.recordCount;
    const header = window.at(at);
    if (header === undefined) return { record, at };
    const offset = header.getBigInt64(0);
    const size = header.getBigInt64(8);
    if (offset === END_FLAG_FLAT_HEADER && size === END_FLAG_FLAT_HEADER) return undefined;
    checkRecord({ at, record, offset, size });
    const dataOffset = at + RECORD_HEADER_SIZE;
    const stored = Math.min(Number(size), source.size - dataOffset);
    if (stored > 0) index.add({ offset: Number(offset), dataOffset, size: stored });
    if (stored < Number(size)) return { record, at };
    at = dataOffset + Number(size);
    window.expect(Number(size));
  }
}

function checkRecord(header: { at: number; record: number; offset: bigint; size: bigint }): void {
  const { at, record, offset, size } = header;
  const place = { section: `flattened record ${record}`, offset: at };
  if (offset < 0n) throw new FormatError(place, `offset is ${offset}`);
  if (size <= 0n) throw new FormatError(place, `size is ${size}`);
  if (offset + size > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new FormatError(place, `${size} bytes at ${offset} end beyond 2^53`);
  }
}

/** Reads record headers: alone where records are large, many at once where they are small. */
class HeaderWindow {
  readonly #source: ByteSource;
  readonly #bytes = new Uint8Array(WINDOW_BYTES);
  #start = 0;
  #end = 0;
  #readLength = RECORD_HEADER_SIZE;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Tells the size of the last record; the next one is probably alike. */
  expect(size: number): void {
    this.#readLength = size <= SMALL_RECORD ? WINDOW_BYTES : RECORD_HEADER_SIZE;
  }

  /** The record header at `offset`; undefined if the file ends before its end. */
  at(offset: number): DataView | undefined {
    if (offset < this.#start || offset + RECORD_HEADER_SIZE > this.#end) {
      const got = this.#source.readInto(this.#bytes.subarray(0, this.#readLength), offset);
      this.#start = offset;
      this.#end = offset + got;
      if (got < RECORD_HEADER_SIZE) return undefined;
    }
    return new DataView(this.#bytes.buffer, offset - this.#start, RECORD_HEADER_SIZE);
  }
}
