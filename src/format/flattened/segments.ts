// The index of a flattened file: which byte of the rearranged file is where in the flattened one.
//
// A dump of 200 GB has some ten million records, nearly all of them next to the one before, in the
// flattened file and in the rearranged one. Such a chain needs one number a record: the records lie
// header + data after each other, so a record's place follows from that of the chain's first one.
// Chains that overlap are cut into segments, in which the later record wins as it does when
// makedumpfile -R writes them one after the other.

import { RECORD_HEADER_SIZE } from './constants.ts';

/** A growing list of file offsets and sizes: numbers below 2^53 in a typed array. */
class NumberList {
  length = 0;
  #values = new Float64Array(256);

  at(index: number): number {
    return this.#values[index] as number;
  }

  push(value: number): void {
    if (this.length === this.#values.length) {
      const grown = new Float64Array(this.length * 2);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.length++] = value;
  }
}

/** A place in the flattened file. */
export interface Located {
  /** Offset in the flattened file, or -1 in a gap, which reads as zero. */
  readonly fileOffset: number;
  /** How many bytes from there on, in the same record or gap. */
  readonly length: number;
}

/** Takes records in the order of the file, then finds bytes. */
export class SegmentIndex {
  /** File offset of each record's data. */
  readonly #dataOffsets = new NumberList();
  /** Per chain: the index of its first record, where that starts, and where the last one ends. */
  readonly #chainRecords = new NumberList();
  readonly #chainStarts = new NumberList();
  readonly #chainEnds = new NumberList();
  #lastDataEnd = -1;
  #lastEnd = -1;
  /** Segments in ascending order: segment i reaches from boundary i to i + 1; -1 is a gap. */
  #boundaries: Float64Array = new Float64Array(0);
  #owners: Int32Array = new Int32Array(0);
  #lastSegment = 0;
  #size = 0;

  /** One past the last byte of the rearranged file. */
  get size(): number {
    return this.#size;
  }

  get recordCount(): number {
    return this.#dataOffsets.length;
  }

  get chainCount(): number {
    return this.#chainRecords.length;
  }

  /** Adds the next record of the file: `size` bytes at `dataOffset` of it belong at `offset`. */
  add(record: { offset: number; dataOffset: number; size: number }): void {
    const { offset, dataOffset, size } = record;
    const isNext =
      offset === this.#lastEnd && dataOffset === this.#lastDataEnd + RECORD_HEADER_SIZE;
    if (!isNext) {
      this.#closeChain();
      this.#chainRecords.push(this.#dataOffsets.length);
      this.#chainStarts.push(offset);
    }
    this.#dataOffsets.push(dataOffset);
    this.#lastEnd = offset + size;
    this.#lastDataEnd = dataOffset + size;
    this.#size = Math.max(this.#size, this.#lastEnd);
  }

  /** To be called once, after the last record. */
  finish(): void {
    this.#closeChain();
    const chainCount = this.chainCount;
    const points = new Float64Array(chainCount * 2);
    for (let c = 0; c < chainCount; c++) {
      points[c * 2] = this.#chainStarts.at(c);
      points[c * 2 + 1] = this.#chainEnds.at(c);
    }
    this.#boundaries = sortedUnique(points);
    this.#owners = this.#paint();
  }

  /** Where byte `offset` of the rearranged file is; `offset` must be below {@link size}. */
  locate(offset: number): Located {
    const segment = this.#findSegment(offset);
    const next = this.#boundaries[segment + 1] ?? this.#size;
    const chain = segment < 0 ? -1 : (this.#owners[segment] as number);
    if (chain < 0) {
      const end = segment < 0 ? (this.#boundaries[0] ?? this.#size) : next;
      return { fileOffset: -1, length: end - offset };
    }
    const record = this.#findRecord(chain, offset);
    const start = this.#recordStart(chain, record);
    const recordEnd =
      record + 1 < this.#chainLastRecord(chain)
        ? this.#recordStart(chain, record + 1)
        : this.#chainEnds.at(chain);
    const fileOffset = this.#dataOffsets.at(record) + offset - start;
    return { fileOffset, length: Math.min(next, recordEnd) - offset };
  }

  #closeChain(): void {
    if (this.#chainEnds.length < this.#chainStarts.length) this.#chainEnds.push(this.#lastEnd);
  }

  /**
   * Who owns each elementary interval. From the last chain to the first, each takes what is not
   * taken yet; `nextFree` jumps over what is, so that all chains together cost O(n log n).
   */
  #paint(): Int32Array {
    const count = Math.max(0, this.#boundaries.length - 1);
    const owners = new Int32Array(count).fill(-1);
    const nextFree = new Int32Array(count + 1);
    for (let i = 0; i <= count; i++) nextFree[i] = i;
    for (let chain = this.chainCount - 1; chain >= 0; chain--) {
      const end = lowerBound(this.#boundaries, this.#chainEnds.at(chain));
      let at = findFree(nextFree, lowerBound(this.#boundaries, this.#chainStarts.at(chain)));
      while (at < end) {
        owners[at] = chain;
        nextFree[at] = at + 1;
        at = findFree(nextFree, at + 1);
      }
    }
    return owners;
  }

  /** The segment that holds `offset`; -1 before the first. */
  #findSegment(offset: number): number {
    const last = this.#lastSegment;
    const start = this.#boundaries[last] ?? Infinity;
    if (offset >= start && offset < (this.#boundaries[last + 1] ?? -1)) return last;
    const segment = lowerBound(this.#boundaries, offset + 1) - 1;
    if (segment >= 0) this.#lastSegment = segment;
    return segment;
  }

  #chainLastRecord(chain: number): number {
    return chain + 1 < this.chainCount ? this.#chainRecords.at(chain + 1) : this.recordCount;
  }

  #recordStart(chain: number, record: number): number {
    const first = this.#chainRecords.at(chain);
    const apart = this.#dataOffsets.at(record) - this.#dataOffsets.at(first);
    return this.#chainStarts.at(chain) + apart - (record - first) * RECORD_HEADER_SIZE;
  }

  #findRecord(chain: number, offset: number): number {
    let low = this.#chainRecords.at(chain);
    let high = this.#chainLastRecord(chain);
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#recordStart(chain, middle) <= offset) low = middle;
      else high = middle;
    }
    return low;
  }
}

/** The first index whose value is at least `value`. */
function lowerBound(values: Float64Array, value: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function sortedUnique(points: Float64Array): Float64Array {
  points.sort();
  let count = 0;
  for (const point of points) {
    if (count === 0 || points[count - 1] !== point) points[count++] = point;
  }
  return points.slice(0, count);
}

/** The first free interval from `start` on; shortens the path that it walks. */
function findFree(nextFree: Int32Array, start: number): number {
  let root = start;
  while (nextFree[root] !== root) root = nextFree[root] as number;
  let at = start;
  while (nextFree[at] !== root && at !== root) {
    const next = nextFree[at] as number;
    nextFree[at] = root;
    at = next;
  }
  return root;
}
