// kdump-compressed vmcores ("KDUMP   "), as makedumpfile and QEMU write them, and the diskdump
// files ("DISKDUMP") that the format comes from.
//
//   block 0        disk_dump_header
//   block 1        kdump_sub_header; VMCOREINFO and ELF notes behind it (sub_hdr_size blocks)
//   bitmap_blocks  1st bitmap: the pfn is RAM; 2nd bitmap: its page is in the file
//   page_desc[]    one per bit set in the 2nd bitmap, in pfn order
//   page data      not aligned; pages of zeros share one copy
//   eraseinfo      anywhere
//
// A block is header.block_size bytes. Numbers have the byte order of the machine that wrote the
// file. Facts: makedumpfile IMPLEMENTATION and diskdump_mod.h; libkdumpfile diskdump.c.

import { FormatError } from '../../util/errors.ts';
import type { ByteSource } from '../../util/io.ts';
import { readExactly } from '../../util/io.ts';
import { Problems } from '../../util/problems.ts';
import type { PfnRange } from './bitmap.ts';
import { PageBitmap } from './bitmap.ts';
import {
  DISK_DUMP_SIGNATURE,
  DISKDUMP_HEADER_BLOCKS,
  DUMP_DH_COMPRESSED_INCOMPLETE,
  HEADER_VERSION_MAX,
  KDUMP_SIGNATURE,
} from './constants.ts';
import { descriptorsOffset, detectHeader } from './detect.ts';
import type { KdumpExtent, KdumpHeader, KdumpSubHeader, KdumpTarget } from './header.ts';
import { readSubHeader } from './header.ts';
import { PageDescTable } from './page-desc.ts';

/** VMCOREINFO is at most a page in the kernel; more is a wrong size, not a long text. */
const VMCOREINFO = { section: 'VMCOREINFO', sizeMax: 1 << 20 };

/** Notes of 8192 CPUs with their full register sets stay below. */
const NOTES = { section: 'notes', sizeMax: 256 << 20 };

const ERASEINFO = { section: 'eraseinfo', sizeMax: 256 << 20 };

/** No architecture has more than 52 bits of physical address; it bounds every walk of a bitmap. */
const PHYSICAL_END_MAX = 2 ** 52;

/** One kdump file, opened: headers decoded, bitmaps and descriptors ready to be asked. */
export interface KdumpFile {
  readonly source: ByteSource;
  readonly target: KdumpTarget;
  readonly header: KdumpHeader;
  readonly subHeader: KdumpSubHeader;
  /** One past the highest pfn that the bitmaps speak of. */
  readonly maxPfn: number;
  /** The pfns whose pages this file stores: all of them, unless it is one part of a split set. */
  readonly pfns: PfnRange;
  readonly isSplit: boolean;
  /** Whether the writer says that it could not finish. */
  readonly isIncomplete: boolean;
  /** Which pfns are RAM; undefined in a file with one bitmap only, which cannot tell. */
  readonly ramBitmap: PageBitmap | undefined;
  /** Which pages are stored in the file, or in the split set it belongs to. */
  readonly storedBitmap: PageBitmap;
  readonly descriptors: PageDescTable;
  /** Index in {@link descriptors} of a pfn whose bit in {@link storedBitmap} is set. */
  descriptorIndex(pfn: number): number;
  /**
   * The text of VMCOREINFO; undefined if the file has none (before version 3).
   *
   * @throws FormatError if the sub-header points outside the file
   */
  readVmcoreinfo(): Uint8Array | undefined;
  /** The ELF notes, with padding as in a PT_NOTE; undefined before version 4. Throws as above. */
  readNotes(): Uint8Array | undefined;
  /** What makedumpfile erased, one line each; undefined before version 5. Throws as above. */
  readEraseinfo(): Uint8Array | undefined;
}

/** Whether `source` starts as a kdump or diskdump file does. */
export function isKdump(source: ByteSource): boolean {
  const bytes = new Uint8Array(8);
  if (source.readInto(bytes, 0) < bytes.length) return false;
  const signature = Buffer.from(bytes).toString('latin1');
  return signature === KDUMP_SIGNATURE || signature === DISK_DUMP_SIGNATURE;
}

/**
 * Opens one kdump file. Reads its headers, not its bitmaps or pages.
 *
 * @param problems told what is wrong but does not keep the file from being read
 * @throws FormatError if the headers make no sense or the bitmaps are not in the file
 */
export function readKdump(source: ByteSource, problems = new Problems()): KdumpFile {
  if (!isKdump(source)) {
    const what = `expected "${KDUMP_SIGNATURE}" or "${DISK_DUMP_SIGNATURE}"`;
    throw new FormatError({ section: 'disk_dump_header', offset: 0 }, what);
  }
  const detected = detectHeader(source);
  const { header, target } = detected;
  const subHeader = readSubHeader(source, header, target);
  const maxPfn = chooseMaxPfn({ source, header, subHeader }, problems);
  const { ramBitmap, storedBitmap } = openBitmaps(source, header, maxPfn);
  const isSplit = subHeader.split === true;
  const pfns = partRange(subHeader, maxPfn);
  if (detected.statedBlockSize !== undefined) {
    const found = `${detected.statedBlockSize}, found by self-check to be ${header.blockSize}`;
    problems.addMessage(source.name, `disk_dump_header: block_size is ${found}`, 'format');
  }
  if (header.headerVersion > HEADER_VERSION_MAX) {
    const what = `header_version ${header.headerVersion} is read as ${HEADER_VERSION_MAX}`;
    problems.addMessage(source.name, what, 'unsupported');
  }
  const offset = descriptorsOffset(header);
  const descriptors = new PageDescTable(source, { offset, littleEndian: target.littleEndian });
  const firstRank = lazy(() => storedBitmap.rank(pfns.start));
  return {
    source,
    target,
    header,
    subHeader,
    maxPfn,
    pfns,
    isSplit,
    isIncomplete: (header.status & DUMP_DH_COMPRESSED_INCOMPLETE) !== 0,
    ramBitmap,
    storedBitmap,
    descriptors,
    // A part of a split set has the bitmap of the whole set, and descriptors of its own pfns only.
    descriptorIndex: (pfn) => storedBitmap.rank(pfn) - firstRank(),
    readVmcoreinfo: () => readExtent(source, subHeader.vmcoreinfo, VMCOREINFO),
    readNotes: () => readExtent(source, subHeader.notes, NOTES),
    readEraseinfo: () => readExtent(source, subHeader.eraseinfo, ERASEINFO),
  };
}

interface Headers {
  readonly source: ByteSource;
  readonly header: KdumpHeader;
  readonly subHeader: KdumpSubHeader;
}

/**
 * Version 6 keeps the whole max_mapnr in the sub-header, and the first 32 bits of it in the main
 * header. Were a damaged one believed, one bitmap could be taken for two or two for one, and every
 * page for another; so the one that explains the number of bitmap blocks wins.
 */
function chooseMaxPfn({ source, header, subHeader }: Headers, problems: Problems): number {
  const { bitmapBlocks, blockSize, maxMapnr } = header;
  const { maxMapnr64 = 0 } = subHeader;
  const limit = Math.min(bitmapBlocks * blockSize * 8, PHYSICAL_END_MAX / blockSize);
  // Writers of the first days of version 6 left the new member zero.
  const stated = [maxMapnr64, maxMapnr].filter((pfn) => pfn > 0 && pfn <= limit);
  const explains = (pfn: number): boolean => bitmapBlocks === 2 * Math.ceil(pfn / 8 / blockSize);
  const chosen = stated.find(explains) ?? stated[0] ?? (maxMapnr64 > 0 ? limit : 0);
  if (maxMapnr64 !== 0 && maxMapnr64 !== chosen) {
    const what = `max_mapnr_64 is ${maxMapnr64}, bitmaps and main header say ${chosen}`;
    problems.addMessage(source.name, `kdump_sub_header: ${what}`, 'format');
  }
  return chosen;
}

function openBitmaps(source: ByteSource, header: KdumpHeader, maxPfn: number) {
  const { blockSize, bitmapBlocks } = header;
  const offset = (DISKDUMP_HEADER_BLOCKS + header.subHeaderBlocks) * blockSize;
  const end = offset + bitmapBlocks * blockSize;
  if (bitmapBlocks > 0 && end > source.size) {
    const what = `bitmaps end at byte ${end}, ${source.name} at ${source.size}`;
    throw new FormatError({ section: 'bitmaps', offset }, what);
  }
  const half = Math.floor(bitmapBlocks / 2) * blockSize;
  const bitmap = (section: string, start: number, size: number): PageBitmap =>
    new PageBitmap(source, { section, offset: start, size, bitCount: maxPfn });
  // Where all pfns fit into half of the blocks there are two bitmaps. The dumps of diskdump that
  // left nothing out have one, which says of every page of RAM that it is stored.
  if (maxPfn > half * 8) {
    const storedBitmap = bitmap('bitmap', offset, bitmapBlocks * blockSize);
    return { ramBitmap: undefined, storedBitmap };
  }
  return {
    ramBitmap: bitmap('1st bitmap', offset, half),
    storedBitmap: bitmap('2nd bitmap', offset + half, half),
  };
}

function partRange(subHeader: KdumpSubHeader, maxPfn: number): PfnRange {
  const { split = false, startPfn = 0, endPfn = maxPfn } = subHeader;
  if (!split) return { start: 0, end: maxPfn };
  if (startPfn > endPfn) {
    const what = `start_pfn ${startPfn} is above end_pfn ${endPfn}`;
    throw new FormatError({ section: 'kdump_sub_header' }, what);
  }
  return { start: Math.min(startPfn, maxPfn), end: Math.min(endPfn, maxPfn) };
}

function readExtent(
  source: ByteSource,
  extent: KdumpExtent | undefined,
  { section, sizeMax }: { section: string; sizeMax: number },
): Uint8Array | undefined {
  if (extent === undefined) return undefined;
  if (extent.size > sizeMax) {
    const what = `size is ${extent.size} bytes, expected at most ${sizeMax}`;
    throw new FormatError({ section }, what);
  }
  return readExactly(source, { section, offset: extent.offset, length: extent.size });
}

function lazy<T>(compute: () => T): () => T {
  let value: { readonly it: T } | undefined;
  return () => (value ??= { it: compute() }).it;
}
