// What a packed dump stores: the bytes that were kept, and zeros around them, page by page.

import { tryRead, type PhysicalMemory } from '../memory/physical.ts';
import type { ByteSource } from '../util/io.ts';
import { lowerBound } from '../util/interval-map.ts';
import { bytesIn, GrowingRanges, NO_RANGES, union, type Ranges } from '../util/ranges.ts';

/** Changes bytes of a page that lies at `paddr`, before they are written. */
export type PageMask = (page: Uint8Array, paddr: number) => void;

/** The pages that ranges lie in, [start, end) in bytes. */
export function pagesOf({ starts, ends }: Ranges, pageSize: number): Ranges {
  const pages = new GrowingRanges(starts.length);
  for (let i = 0; i < starts.length; i++) {
    const start = starts[i] as number;
    pages.add(start - (start % pageSize), Math.ceil((ends[i] as number) / pageSize) * pageSize);
  }
  return pages.finish();
}

/** Of each page whose every byte can be read all of it, of the others what `kept` has of them. */
export function wholePages(memory: PhysicalMemory, kept: Ranges): Ranges {
  const { pageSize } = memory;
  const pages = pagesOf(kept, pageSize);
  const page = new Uint8Array(pageSize);
  const whole = new GrowingRanges(pages.starts.length);
  let next = 0;
  for (let i = 0; i < pages.starts.length; i++) {
    for (let at = pages.starts[i] as number; at < (pages.ends[i] as number); at += pageSize) {
      if (tryRead(memory, page, at)) {
        whole.add(at, at + pageSize);
        continue;
      }
      while ((kept.ends[next] as number) <= at) next++;
      for (let k = next; (kept.starts[k] ?? Infinity) < at + pageSize; k++) {
        whole.add(
          Math.max(kept.starts[k] as number, at),
          Math.min(kept.ends[k] as number, at + pageSize),
        );
      }
    }
  }
  return whole.finish();
}

/** Of the pages that ranges lie in those that the dump had. */
function pagesThatWere(memory: PhysicalMemory, ranges: Ranges): Ranges {
  const { pageSize } = memory;
  const { starts, ends } = pagesOf(ranges, pageSize);
  const pages = new GrowingRanges(starts.length);
  for (let i = 0; i < starts.length; i++) {
    for (let at = starts[i] as number; at < (ends[i] as number); at += pageSize) {
      const state = memory.stateOf(at);
      if (state === 'present' || state === 'removed-by-pack') pages.add(at, at + pageSize);
    }
  }
  return pages.finish();
}

/** What is stored besides the bytes that are kept. */
interface KeptOptions {
  readonly mask?: PageMask;
  readonly blank?: Ranges;
  readonly unsaid?: Ranges;
}

/** The pages of a packed dump. */
export class KeptMemory {
  readonly pageSize: number;
  readonly kept: Ranges;
  /** The pages that are stored, in bytes, [start, end). */
  readonly stored: Ranges;
  /** What has its bytes in the pages. */
  readonly #written: Ranges;
  readonly #memory: PhysicalMemory;
  readonly #mask: PageMask | undefined;
  readonly #page: Uint8Array;
  readonly #source: Uint8Array;

  /**
   * @param memory the memory that is packed; its page size is that of the packed dump
   * @param blank pages that are stored with zeros where nothing of them is kept
   * @param unsaid bytes that are stored, but not among those that are said to be kept: other tools
   *   want to find a log that was left out, and ours are not to take it for one that is empty
   */
  constructor(
    memory: PhysicalMemory,
    kept: Ranges,
    { mask, blank = NO_RANGES, unsaid = NO_RANGES }: KeptOptions = {},
  ) {
    this.pageSize = memory.pageSize;
    this.kept = kept;
    this.#written = union(kept, unsaid);
    this.stored = union(pagesOf(this.#written, this.pageSize), pagesThatWere(memory, blank));
    this.#memory = memory;
    this.#mask = mask;
    this.#page = new Uint8Array(memory.pageSize);
    this.#source = new Uint8Array(memory.pageSize);
  }

  get pageCount(): number {
    return bytesIn(this.stored) / this.pageSize;
  }

  /** The stored pages in the order of their pfns. The bytes are good until the next one. */
  *pages(): Generator<{ readonly pfn: number; readonly bytes: Uint8Array }> {
    const { starts, ends } = this.stored;
    for (let i = 0; i < starts.length; i++) {
      for (let at = starts[i] as number; at < (ends[i] as number); at += this.pageSize) {
        yield { pfn: at / this.pageSize, bytes: this.page(at) };
      }
    }
  }

  /** The page at `paddr`, good until the next call. */
  page(paddr: number): Uint8Array {
    const { starts, ends } = this.#written;
    const page = this.#page.fill(0);
    const end = paddr + page.length;
    const isWhole = tryRead(this.#memory, this.#source, paddr);
    for (let i = lowerBound(ends, paddr + 1); (starts[i] ?? Infinity) < end; i++) {
      const from = Math.max(starts[i] as number, paddr) - paddr;
      const to = Math.min(ends[i] as number, end) - paddr;
      const into = page.subarray(from, to);
      if (isWhole) into.set(this.#source.subarray(from, to));
      else this.#memory.readInto(into, paddr + from);
    }
    this.#mask?.(page, paddr);
    return page;
  }

  /** Stored pages that lie side by side, as a source of bytes. */
  run(start: number, end: number): ByteSource {
    const { pageSize } = this;
    return {
      name: 'packed memory',
      size: end - start,
      readInto: (into, offset) => {
        const length = Math.max(0, Math.min(into.length, end - start - offset));
        for (let done = 0; done < length;) {
          const at = start + offset + done;
          const inPage = at % pageSize;
          const part = this.page(at - inPage).subarray(inPage, inPage + length - done);
          into.set(part, done);
          done += part.length;
        }
        return length;
      },
    };
  }
}
