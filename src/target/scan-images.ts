// Where in all of memory kernel images may lie, so that a terabyte need not be read to find one.
//
// The addresses of kallsyms are a hundred pages and more of ascending numbers, which hardly
// anything else is. So a page of each 64 KiB is looked at first: 16 million of a terabyte. Around
// those that look like it, memory is searched for the tables. A small kernel may fall through that
// net: memory is then searched from its start, where images lie without KASLR, up to a limit.

import type { PhysicalMemory, PhysicalRange } from '../memory/physical.ts';
import { tryRead } from '../memory/physical.ts';
import { rangesWithin, type OnSearched } from './memory-pieces.ts';
import { scanKallsyms, type ScannedKallsyms } from './scan-kallsyms.ts';

/** The tables of 16,000 symbols at least have a page that starts at a multiple of it. */
const STRIDE = 64 << 10;

/** A page of a table; pages of a dump may be larger. */
const SAMPLE_SIZE = 4096;

/** How far from its addresses the tokens of a kernel lie: less than its read-only data is large. */
const REACH = 32 << 20;

/** Places that are searched on the word of a page; a database may have sorted numbers too. */
const PLACES_MAX = 256;

/** Memory that is searched where no page gives a hint. */
const WHOLE_SEARCH_MAX = 64 * 2 ** 30;

/** Symbols of a page span more than these bytes, and no more than an image has. */
const SPAN_MIN = 4096;
const SPAN_MAX = 64 << 20;

/** Every kallsyms that pages hint at: those of large kernels. */
export function* hintedImages(
  memory: PhysicalMemory,
  onProgress?: OnSearched,
): Generator<ScannedKallsyms> {
  for (const within of likelyPlaces(memory, onProgress)) {
    yield* scanKallsyms(memory, { within, physBase: 0 });
  }
}

/** Every kallsyms from the start of memory on, up to a limit. */
export function allImages(
  memory: PhysicalMemory,
  onProgress?: OnSearched,
): Generator<ScannedKallsyms> {
  const within = { start: 0, end: endOfBytes(memory, WHOLE_SEARCH_MAX) };
  return scanKallsyms(memory, { within, physBase: 0, onProgress });
}

/** Parts of memory around pages that look like addresses of kallsyms, no byte twice. */
function* likelyPlaces(
  memory: PhysicalMemory,
  onProgress: OnSearched | undefined,
): Generator<PhysicalRange> {
  const page = new Uint8Array(SAMPLE_SIZE);
  let totalBytes = 0;
  for (const { start, end } of memory.presentRanges()) totalBytes += end - start;
  let doneBytes = 0;
  let searchedEnd = 0;
  let found = 0;
  for (const range of rangesWithin(memory, undefined)) {
    let paddr = Math.ceil(range.start / STRIDE) * STRIDE;
    for (; paddr + SAMPLE_SIZE <= range.end; paddr += STRIDE) {
      if (paddr < searchedEnd - REACH / 2 || !tryRead(memory, page, paddr)) continue;
      if (!looksLikeAddresses(page)) continue;
      if (++found > PLACES_MAX) return;
      const start = Math.max(searchedEnd, paddr - REACH);
      searchedEnd = paddr + REACH;
      yield { start, end: searchedEnd };
    }
    doneBytes += range.end - range.start;
    onProgress?.(doneBytes, totalBytes);
  }
}

/** Whether a page is all ascending addresses, or offsets that ascend or, if negative, descend. */
export function looksLikeAddresses(page: Uint8Array): boolean {
  const words = new Int32Array(page.buffer, page.byteOffset, page.length >> 2);
  const [first = 0, second = 0] = words;
  if (second === -1) return isSteady(words, { step: 2, sign: 1 }) && words[words.length - 1] === -1;
  return first < 0 ? isSteady(words, { step: 1, sign: -1 }) : isSteady(words, { step: 1, sign: 1 });
}

function isSteady(words: Int32Array, { step, sign }: { step: number; sign: 1 | -1 }): boolean {
  let equal = 0;
  for (let i = step; i < words.length; i += step) {
    const difference = ((words[i] as number) - (words[i - step] as number)) * sign;
    if (difference < 0) return false;
    if (difference === 0) equal++;
  }
  const span = ((words[words.length - step] as number) - (words[0] as number)) * sign;
  return span >= SPAN_MIN && span <= SPAN_MAX && equal * 4 < (words.length / step) * 3;
}

/** The address up to which memory has so many bytes in the dump. */
function endOfBytes(memory: PhysicalMemory, bytesMax: number): number {
  let left = bytesMax;
  for (const { start, end } of memory.presentRanges()) {
    if (end - start >= left) return start + left;
    left -= end - start;
  }
  return memory.end;
}
