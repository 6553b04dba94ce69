// Physical memory of a kdump file, or of the parts of a split one.
//
// What the file says of a page frame:
//
//   1st bitmap  2nd bitmap  descriptor              state
//   clear       clear       -                       not-in-dump: no RAM there
//   set         clear       -                       excluded: RAM that the filter left out
//   any         set         its data is in the file present
//   any         set         zero, or past the end   truncated: the writer or the copy was cut short
//
// A file with one bitmap left nothing out, so a clear bit is no RAM. In a split set every part has
// the bitmaps of all; a pfn of a part that was not given is not-in-dump.

import { decompressPage, decompressPageInto, ready } from '../format/compress/pages.ts';
import type { PageCodec } from '../format/compress/pages.ts';
import {
  DUMP_DH_COMPRESSED_LZO,
  DUMP_DH_COMPRESSED_SNAPPY,
  DUMP_DH_COMPRESSED_ZLIB,
  DUMP_DH_COMPRESSED_ZSTD,
  PAGE_COMPRESSION_MASK,
} from '../format/kdump/constants.ts';
import type { PageDesc } from '../format/kdump/page-desc.ts';
import type { KdumpFile } from '../format/kdump/read.ts';
import { FormatError, VmcoreError } from '../util/errors.ts';
import type { PageState } from '../util/page-state.ts';
import { Problems } from '../util/problems.ts';
import { orderParts, reportMissing } from './kdump-parts.ts';
import type { PhysicalRange } from './physical.ts';
import { CachedMemory } from './physical.ts';

/** Most compressed data that a page can have: no codec grows a page by more than a half. */
function packedSizeMax(pageSize: number): number {
  return pageSize + (pageSize >> 1) + 1024;
}

/** The physical memory that one kdump file, or a split set of them, holds. */
export class KdumpMemory extends CachedMemory {
  readonly end: number;
  /** The parts in the order of their pfns. */
  readonly #parts: readonly KdumpFile[];
  readonly #packed: Uint8Array;
  /** The last page stored as it is: pages of zeros share one copy in the file. */
  #sharedOffset = -1;
  #sharedPart: KdumpFile | undefined;
  #sharedPage: Uint8Array | undefined;

  /**
   * Starts the decompressors and takes one file, or all parts of a split set in any order.
   *
   * @param problems told of parts that are missing
   * @throws FormatError naming a file that does not belong to the set or is in it twice
   */
  static async open(files: readonly KdumpFile[], problems = new Problems()): Promise<KdumpMemory> {
    await ready();
    return new KdumpMemory(files, problems);
  }

  /** As {@link open}, for callers that have awaited `ready()` of format/compress themselves. */
  constructor(files: readonly KdumpFile[], problems = new Problems()) {
    const parts = orderParts(files);
    const first = parts[0] as KdumpFile;
    super(first.header.blockSize);
    this.#parts = parts;
    this.#packed = new Uint8Array(packedSizeMax(this.pageSize));
    this.end = first.maxPfn * this.pageSize;
    reportMissing(parts, problems);
  }

  stateOf(paddr: number): PageState {
    const pfn = Math.floor(paddr / this.pageSize);
    const part = this.#partOf(pfn);
    if (part === undefined) return 'not-in-dump';
    if (part.storedBitmap.has(pfn)) {
      return this.#storedDesc(part, pfn) === undefined ? 'truncated' : 'present';
    }
    return part.ramBitmap?.has(pfn) === true ? 'excluded' : 'not-in-dump';
  }

  *presentRanges(): Generator<PhysicalRange> {
    let start = -1;
    let end = -1;
    for (const part of this.#parts) {
      for (const run of part.storedBitmap.runs(part.pfns)) {
        const firstIndex = part.descriptorIndex(run.start);
        // Beyond the end of a file that was cut, millions of bits may be set.
        const inTable = run.start + Math.max(0, part.descriptors.countMax - firstIndex);
        for (let pfn = run.start; pfn < Math.min(run.end, inTable); pfn++) {
          if (!isInFile(part, part.descriptors.read(firstIndex + pfn - run.start))) continue;
          if (pfn !== end) {
            if (start >= 0) yield this.#bytesOf(start, end);
            start = pfn;
          }
          end = pfn + 1;
        }
      }
    }
    if (start >= 0) yield this.#bytesOf(start, end);
  }

  protected loadPage(index: number): Uint8Array | undefined {
    return this.#load(index, (part, desc) => this.#readPage(part, desc));
  }

  /** Reads one page by its descriptor; undefined where it has none. */
  #load<T>(index: number, read: (part: KdumpFile, desc: PageDesc) => T): T | undefined {
    const part = this.#partOf(index);
    if (!part?.storedBitmap.has(index)) return undefined;
    const desc = this.#storedDesc(part, index);
    if (desc === undefined) return undefined;
    try {
      return read(part, desc);
    } catch (error) {
      if (!(error instanceof VmcoreError)) throw error;
      const at = `${part.source.name}, byte ${desc.offset}`;
      const what = `page of pfn ${index} (${at}) cannot be read`;
      throw new FormatError({ section: 'page data' }, what, { cause: error });
    }
  }

  /** Long reads leave the cache alone: what is read once in a scan would push out page tables. */
  protected override readRun(into: Uint8Array, paddr: number): number {
    let done = 0;
    while (done < into.length) {
      const at = paddr + done;
      const inPage = at % this.pageSize;
      const length = Math.min(into.length - done, this.pageSize - inPage);
      const index = (at - inPage) / this.pageSize;
      const target = into.subarray(done, done + length);
      if (length === this.pageSize) {
        const found = this.#load(index, (part, desc) => this.#readPageInto(target, part, desc));
        if (found === undefined) return done;
      } else {
        const page = this.page(index);
        if (page === undefined) return done;
        target.set(page.subarray(inPage, inPage + length));
      }
      done += length;
    }
    return done;
  }

  #bytesOf(startPfn: number, endPfn: number): PhysicalRange {
    return { start: startPfn * this.pageSize, end: endPfn * this.pageSize };
  }

  #partOf(pfn: number): KdumpFile | undefined {
    return this.#parts.find(({ pfns }) => pfn >= pfns.start && pfn < pfns.end);
  }

  #storedDesc(part: KdumpFile, pfn: number): PageDesc | undefined {
    const desc = part.descriptors.read(part.descriptorIndex(pfn));
    return isInFile(part, desc) ? desc : undefined;
  }

  #readPage(part: KdumpFile, desc: PageDesc): Uint8Array {
    const codec = codecOf(desc.flags);
    if (codec === undefined) return this.#readRaw(part, desc);
    return decompressPage(codec, this.#readPacked(codec, part, desc), this.pageSize);
  }

  #readPageInto(into: Uint8Array, part: KdumpFile, desc: PageDesc): true {
    const codec = codecOf(desc.flags);
    if (codec === undefined) into.set(this.#readRaw(part, desc));
    else decompressPageInto(codec, this.#readPacked(codec, part, desc), into);
    return true;
  }

  /** The compressed data of a page, in room that the next page takes. */
  #readPacked(codec: PageCodec, part: KdumpFile, { size, offset }: PageDesc): Uint8Array {
    if (size > packedSizeMax(this.pageSize)) {
      const what = `${size} bytes of ${codec} data for a page of ${this.pageSize}`;
      throw new FormatError({ section: 'page_desc' }, what);
    }
    const packed = this.#packed.subarray(0, size);
    part.source.readInto(packed, offset);
    return packed;
  }

  #readRaw(part: KdumpFile, { offset, size }: PageDesc): Uint8Array {
    if (size !== this.pageSize) {
      const what = `size is ${size}, expected ${this.pageSize} for a page that is not compressed`;
      throw new FormatError({ section: 'page_desc' }, what);
    }
    if (offset === this.#sharedOffset && part === this.#sharedPart) {
      return this.#sharedPage as Uint8Array;
    }
    const page = new Uint8Array(size);
    part.source.readInto(page, offset);
    this.#sharedOffset = offset;
    this.#sharedPart = part;
    this.#sharedPage = page;
    return page;
  }
}

/** Whether a descriptor was written and its data lies inside the file. */
function isInFile(part: KdumpFile, desc: PageDesc | undefined): desc is PageDesc {
  return desc !== undefined && desc.offset !== 0 && desc.offset + desc.size <= part.source.size;
}

/** @throws FormatError if the flags name two codecs or one that we do not know */
function codecOf(flags: number): PageCodec | undefined {
  switch (flags) {
    case 0:
      return undefined;
    case DUMP_DH_COMPRESSED_ZLIB:
      return 'zlib';
    case DUMP_DH_COMPRESSED_LZO:
      return 'lzo';
    case DUMP_DH_COMPRESSED_SNAPPY:
      return 'snappy';
    case DUMP_DH_COMPRESSED_ZSTD:
      return 'zstd';
    default: {
      const what = `flags are 0x${flags.toString(16)}`;
      const expected = `expected one of 0x${PAGE_COMPRESSION_MASK.toString(16)}`;
      throw new FormatError({ section: 'page_desc' }, `${what}, ${expected}`);
    }
  }
}
