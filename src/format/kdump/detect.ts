// Finds word size, alignment and byte order of a kdump file. They are those of the machine that
// wrote it (a vmcore of s390x is big-endian), and no member says so.
//
//  - The byte order is the one in which header_version is small.
//  - LP64 and ILP32 place block_size 12 bytes apart; the right one gives a block size that is a
//    power of two, and bitmaps that cover max_mapnr. What else agrees breaks a tie.
//  - ILP32 has two sub-headers from version 3 on; the right one points between itself and the
//    bitmaps.

import type { ByteSource } from '../../util/io.ts';
import { readExactly } from '../../util/io.ts';
import { FormatError, VmcoreError } from '../../util/errors.ts';
import {
  BLOCK_SIZE_MAX,
  BLOCK_SIZE_MIN,
  DISKDUMP_HEADER_BLOCKS,
  PAGE_DESC_SIZE,
} from './constants.ts';
import { PAGE_COMPRESSION_MASK } from './constants.ts';
import type { KdumpExtent, KdumpHeader, KdumpSubHeader, KdumpTarget } from './header.ts';
import { decodeHeader, readSubHeader } from './header.ts';
import type { KdumpAbi } from './layout.ts';
import { DISK_DUMP_HEADER, structSize } from './layout.ts';

/** A header_version above this is read as the wrong byte order, or as no kdump file. */
const VERSION_PLAUSIBLE = 0x1f;

/** Machines whose kernels are ILP32; utsname.machine starts so. */
const ILP32_MACHINE = /^(i[3-6]86|armv[4-8].*[lb]$|arm$|ppc$|s390$|mips$|sh|m68k|riscv32|parisc$)/;

/** The 32-bit psABIs that align 64-bit integers on 4 bytes. */
const PACK4_MACHINE = /^(i[3-6]86|m68k|sh)/;

/** A header with the target under which it makes sense. */
export interface DetectedHeader {
  readonly header: KdumpHeader;
  readonly target: KdumpTarget;
  /** Set if the file's own block_size is wrong and `header.blockSize` was found by self-check. */
  readonly statedBlockSize?: number;
}

/**
 * The main header of `source` under the ABI that fits best.
 *
 * @throws FormatError if none fits: the message says what is wrong under the likeliest
 */
export function detectHeader(source: ByteSource): DetectedHeader {
  const headers: DetectedHeader[] = [];
  let best: DetectedHeader | undefined;
  let bestScore = -1;
  for (const candidate of candidates(source)) {
    headers.push(candidate);
    if (implausible(candidate.header) !== undefined) continue;
    const score = agreement(source, candidate);
    if (score > bestScore) [best, bestScore] = [candidate, score];
    if (score === FACT_COUNT) break;
  }
  best ??= searchBlockSize(source, headers);
  if (best !== undefined) return { ...best, target: refineTarget(source, best) };
  const shown =
    headers.find(({ header, target }) => agreesWithMachine(header, target)) ?? headers[0];
  const what = shown === undefined ? 'header_version is implausible' : implausible(shown.header);
  throw new FormatError({ section: 'disk_dump_header' }, what ?? 'no word size fits');
}

/** The main header under each target that its header_version allows. */
function* candidates(source: ByteSource): Generator<DetectedHeader> {
  const length = structSize(DISK_DUMP_HEADER, 'lp64');
  const bytes = readExactly(source, { section: 'disk_dump_header', offset: 0, length });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const orders = [true, false].filter((le) => view.getUint32(8, le) <= VERSION_PLAUSIBLE);
  if (orders.length === 0) {
    const version = view.getInt32(8, true);
    const what = `header_version is ${version}, expected 0 to 6 in either byte order`;
    throw new FormatError({ section: 'disk_dump_header', offset: 8 }, what);
  }
  for (const littleEndian of orders) {
    for (const abi of ['lp64', 'ilp32-pack4'] as const) {
      const target = { abi, littleEndian };
      yield { target, header: decodeHeader(bytes, target) };
    }
  }
}

/** What is impossible about a header; undefined if it can be right. */
function implausible(header: KdumpHeader): string | undefined {
  const { blockSize, bitmapBlocks, subHeaderBlocks, maxMapnr } = header;
  if (!isBlockSize(blockSize)) {
    return `block_size is ${blockSize}, expected a power of two from 1024 to 65536`;
  }
  if (subHeaderBlocks < 0) return `sub_hdr_size is ${subHeaderBlocks} blocks`;
  if (subHeaderBlocks === 0 && bitmapBlocks > 0 && header.headerVersion > 0) {
    return `sub_hdr_size is 0 blocks, expected at least 1 before the bitmaps`;
  }
  const bits = bitmapBlocks * blockSize * 8;
  if (bits < maxMapnr) {
    return `bitmap_blocks ${bitmapBlocks} hold ${bits} bits, expected max_mapnr ${maxMapnr}`;
  }
  return undefined;
}

function isBlockSize(size: number): boolean {
  return size >= BLOCK_SIZE_MIN && size <= BLOCK_SIZE_MAX && (size & (size - 1)) === 0;
}

const FACT_COUNT = 6;

/** How many independent facts agree with a candidate, of {@link FACT_COUNT}. */
function agreement(source: ByteSource, { header, target }: DetectedHeader): number {
  const facts = [
    agreesWithMachine(header, target),
    header.subHeaderBlocks > 0,
    header.bitmapBlocks > 0,
    header.timestamp.usec < 1_000_000,
    descriptorsOffset(header) <= source.size,
    header.cpuCount >= 0 && header.cpuCount <= 1 << 16,
  ];
  return facts.filter(Boolean).length;
}

function agreesWithMachine(header: KdumpHeader, target: KdumpTarget): boolean {
  return isIlp32Machine(header) === (target.abi !== 'lp64');
}

function isIlp32Machine(header: KdumpHeader): boolean | undefined {
  const { machine } = header.utsname;
  return machine === '' ? undefined : ILP32_MACHINE.test(machine);
}

/** File offset of the first page descriptor. */
export function descriptorsOffset(header: KdumpHeader): number {
  const { subHeaderBlocks, bitmapBlocks, blockSize } = header;
  return (DISKDUMP_HEADER_BLOCKS + subHeaderBlocks + bitmapBlocks) * blockSize;
}

/** Tries every block size where the stated one cannot be right; two structures must agree. */
function searchBlockSize(
  source: ByteSource,
  headers: readonly DetectedHeader[],
): DetectedHeader | undefined {
  for (const { header, target } of headers) {
    if (isBlockSize(header.blockSize)) continue;
    for (let blockSize = BLOCK_SIZE_MIN; blockSize <= BLOCK_SIZE_MAX; blockSize *= 2) {
      const tried = { ...header, blockSize };
      if (implausible(tried) !== undefined || header.subHeaderBlocks === 0) continue;
      const found = { header: tried, target, statedBlockSize: header.blockSize };
      if (pointsInsideItself(source, tried, refineTarget(source, found))) {
        if (firstDescriptorFits(source, found)) return found;
      }
    }
  }
  return undefined;
}

/**
 * The ILP32 main header is the same for both alignments; the sub-header tells them apart. A 32-bit
 * makedumpfile built with a 64-bit time_t writes a main header like that of LP64, since its timeval
 * is as long; only the sub-header shows its word size.
 */
function refineTarget(source: ByteSource, { header, target }: DetectedHeader): KdumpTarget {
  const is64 = target.abi === 'lp64';
  if (header.headerVersion < 3 || (is64 && isIlp32Machine(header) !== true)) return target;
  const abis: KdumpAbi[] = ['ilp32-pack4', 'ilp32-pad8'];
  if (!PACK4_MACHINE.test(header.utsname.machine)) abis.reverse();
  if (is64) abis.unshift('lp64');
  for (const abi of abis) {
    const tried = { ...target, abi };
    if (pointsInsideItself(source, header, tried)) return tried;
  }
  return { ...target, abi: abis[0] as KdumpAbi };
}

/** Whether VMCOREINFO and notes, if any, lie between the sub-header and the bitmaps. */
function pointsInsideItself(source: ByteSource, header: KdumpHeader, target: KdumpTarget): boolean {
  const start = DISKDUMP_HEADER_BLOCKS * header.blockSize;
  const end = start + header.subHeaderBlocks * header.blockSize;
  const inside = (extent: KdumpExtent | undefined): boolean =>
    extent === undefined || (extent.offset > start && extent.offset + extent.size <= end);
  try {
    const sub = readSubHeader(source, header, target);
    return inside(sub.vmcoreinfo) && inside(sub.notes) && agreesOnMaxMapnr(header, sub);
  } catch (error) {
    // Offsets of 2^53 and more are how a sub-header of the other alignment shows.
    if (!(error instanceof VmcoreError)) throw error;
    return false;
  }
}

/** The 32-bit max_mapnr is the 64-bit one cut to UINT_MAX; writers before it left zero. */
function agreesOnMaxMapnr(header: KdumpHeader, { maxMapnr64 = 0 }: KdumpSubHeader): boolean {
  return maxMapnr64 === 0 || Math.min(maxMapnr64, 0xffffffff) === header.maxMapnr;
}

function firstDescriptorFits(source: ByteSource, { header, target }: DetectedHeader): boolean {
  const start = descriptorsOffset(header);
  const bytes = new Uint8Array(PAGE_DESC_SIZE);
  if (source.readInto(bytes, start) < PAGE_DESC_SIZE) return false;
  const view = new DataView(bytes.buffer);
  const le = target.littleEndian;
  const offset = Number(view.getBigUint64(0, le));
  const size = view.getUint32(8, le);
  const flags = view.getUint32(12, le);
  if (offset < start + PAGE_DESC_SIZE || offset + size > source.size) return false;
  if ((flags & ~PAGE_COMPRESSION_MASK) !== 0) return false;
  return flags === 0 ? size === header.blockSize : size > 0 && size <= header.blockSize;
}
