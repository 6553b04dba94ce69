// The pages of a packed dump, one after the other: what was kept of each, and zeros.

import type { PhysicalMemory } from '../memory/physical.ts';
import { VmcoreError } from '../util/errors.ts';
import { GrowingRanges, type Ranges } from '../util/ranges.ts';

/** Changes bytes of a page that lies at `paddr`, before they are written. */
export type PageMask = (page: Uint8Array, paddr: number) => void;

/** A page of the file that is written. */
export interface KeptPage {
  readonly pfn: number;
  /** Of the page size; the caller's until the next one is asked for. */
  readonly bytes: Uint8Array;
}

/** The pages that ranges lie in, [start, end) in bytes. */
export function pagesOf({ starts, ends }: Ranges, pageSize: number): Ranges {
  const pages = new GrowingRanges(starts.length);
  for (let i = 0; i < starts.length; i++) {
    const start = starts[i] as number;
    pages.add(start - (start % pageSize), Math.ceil((ends[i] as number) / pageSize) * pageSize);
  }
  return pages.finish();
}

/**
 * Reads the pages in the order of their pfns.
 *
 * @param memory the memory that is packed; its own page size counts
 */
export function* keptPages(
  memory: PhysicalMemory,
  kept: Ranges,
  mask?: PageMask,
): Generator<KeptPage> {
  const { pageSize } = memory;
  const page = new Uint8Array(pageSize);
  const pages = pagesOf(kept, pageSize);
  let next = 0;
  for (let i = 0; i < pages.starts.length; i++) {
    for (let at = pages.starts[i] as number; at < (pages.ends[i] as number); at += pageSize) {
      while ((kept.ends[next] as number) <= at) next++;
      readKept(memory, kept, { page, paddr: at, first: next });
      mask?.(page, at);
      yield { pfn: at / pageSize, bytes: page };
    }
  }
}

/** Fills a page with what is kept of it, from the first of the ranges that reach into it on. */
function readKept(
  memory: PhysicalMemory,
  { starts, ends }: Ranges,
  { page, paddr, first }: { page: Uint8Array; paddr: number; first: number },
): void {
  const end = paddr + page.length;
  page.fill(0);
  const whole = new Uint8Array(page.length);
  const isWhole = tryRead(memory, whole, paddr);
  for (let i = first; i < starts.length && (starts[i] as number) < end; i++) {
    const from = Math.max(starts[i] as number, paddr);
    const to = Math.min(ends[i] as number, end);
    const into = page.subarray(from - paddr, to - paddr);
    if (isWhole) into.set(whole.subarray(from - paddr, to - paddr));
    else memory.readInto(into, from);
  }
}

/** A page may be in the dump in part only. */
function tryRead(memory: PhysicalMemory, into: Uint8Array, paddr: number): boolean {
  try {
    memory.readInto(into, paddr);
    return true;
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    return false;
  }
}
