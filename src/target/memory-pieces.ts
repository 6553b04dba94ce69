// Goes over physical memory a piece at a time, for searches: in bounded memory, past pages that are
// damaged in the file, and with a progress line.

import { tryRead, type PhysicalMemory, type PhysicalRange } from '../memory/physical.ts';

/** Told of the bytes searched so far, and of all that there are. */
export type OnSearched = (doneBytes: number, totalBytes: number) => void;

/** Bytes of memory; the next piece overwrites them. */
export interface MemoryPiece {
  readonly bytes: Uint8Array;
  /** Physical address of the first byte. */
  readonly start: number;
  /** What starts here or later, the next piece has too. */
  readonly end: number;
}

/** How {@link memoryPieces} goes over memory. */
export interface PieceOptions {
  /** Bytes by which pieces overlap, so that what lies across a border is found, once. */
  readonly overlap: number;
  readonly onProgress?: OnSearched | undefined;
  /** Only this part of memory. */
  readonly within?: PhysicalRange | undefined;
}

/** Read at once; larger pieces do not make a search faster. */
const CHUNK_SIZE = 8 << 20;

/** All present memory, ascending. */
export function* memoryPieces(
  memory: PhysicalMemory,
  { overlap, onProgress, within }: PieceOptions,
): Generator<MemoryPiece> {
  const buffer = Buffer.alloc(CHUNK_SIZE + overlap);
  let totalBytes = 0;
  for (const { start, end } of rangesWithin(memory, within)) totalBytes += end - start;
  let doneBytes = 0;
  for (const range of rangesWithin(memory, within)) {
    for (let start = range.start; start < range.end; start += CHUNK_SIZE) {
      const length = Math.min(CHUNK_SIZE + overlap, range.end - start);
      const chunk = buffer.subarray(0, length);
      const end = start + CHUNK_SIZE;
      for (const piece of readablePieces(memory, chunk, start)) {
        yield {
          bytes: chunk.subarray(piece.start - start, piece.end - start),
          start: piece.start,
          end,
        };
      }
      doneBytes += Math.min(CHUNK_SIZE, length);
      onProgress?.(Math.min(doneBytes, totalBytes), totalBytes);
    }
  }
}

/** The present ranges, or what of them lies in a part of memory. */
export function* rangesWithin(
  memory: PhysicalMemory,
  within: PhysicalRange | undefined,
): Generator<PhysicalRange> {
  for (const range of memory.presentRanges()) {
    const start = Math.max(range.start, within?.start ?? 0);
    const end = Math.min(range.end, within?.end ?? Infinity);
    if (start < end) yield { start, end };
  }
}

/** Fills `chunk`; where a page of it is damaged in the file, what can be read page by page. */
function* readablePieces(
  memory: PhysicalMemory,
  chunk: Uint8Array,
  start: number,
): Generator<PhysicalRange> {
  if (tryRead(memory, chunk, start)) {
    yield { start, end: start + chunk.length };
    return;
  }
  for (let at = 0; at < chunk.length; at += memory.pageSize) {
    const page = chunk.subarray(at, at + memory.pageSize);
    if (tryRead(memory, page, start + at)) {
      yield { start: start + at, end: start + at + page.length };
    }
  }
}
