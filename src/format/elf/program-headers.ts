// The program header table. A dump of a paging guest has thousands of entries, makedumpfile -E of
// a large machine hundreds of thousands, so they are decoded by hand (binary-parser needs seven
// times as long) and the table is read in blocks.
//
//   Elf64_Phdr                     Elf32_Phdr
//   0  p_type    u32               0  p_type    u32
//   4  p_flags   u32               4  p_offset  u32
//   8  p_offset  u64               8  p_vaddr   u32
//   16 p_vaddr   u64               12 p_paddr   u32
//   24 p_paddr   u64               16 p_filesz  u32
//   32 p_filesz  u64               20 p_memsz   u32
//   40 p_memsz   u64               24 p_flags   u32
//   48 p_align   u64               28 p_align   u32

import { hex } from '../../util/address.ts';
import type { ByteSource } from '../../util/io.ts';
import type { Problems } from '../../util/problems.ts';
import { ELF32_SIZES, ELF64_SIZES, PT_NULL } from './constants.ts';
import type { ElfHeader } from './read.ts';

/** One program header, decoded. */
export interface ElfProgramHeader {
  /** Position in the table of the file. */
  readonly index: number;
  /** p_type: PT_LOAD, PT_NOTE, … */
  readonly type: number;
  /** p_flags: PF_R, PF_W, PF_X. */
  readonly flags: number;
  /** p_offset: where in the file the bytes are. */
  readonly offset: number;
  /** p_vaddr. */
  readonly vaddr: bigint;
  /**
   * p_paddr; undefined if it is no physical address: all ones, as /proc/kcore writes for memory
   * that it knows the virtual address of only.
   */
  readonly paddr: number | undefined;
  /** p_filesz: how many bytes the file has. */
  readonly filesz: number;
  /** p_memsz: how many bytes the segment has in memory. */
  readonly memsz: number;
  /** p_align. */
  readonly align: number;
}

/** The table, as far as the file has it. */
export interface ProgramHeaderTable {
  readonly headers: ElfProgramHeader[];
  /** How many of the announced headers are not in the file, or are unusable. */
  readonly missingCount: number;
}

/**
 * More program headers than this are not read. QEMU makes 7579 for 256 MiB with paging on; a
 * hostile sh_info could claim 2^32 of them in a sparse file.
 */
export const PHDR_COUNT_MAX = 1 << 20;

/** How many bytes of the table are read in one go. e_phentsize may be anything below 64 KiB. */
const BLOCK_SIZE = 256 << 10;

/** Reads as many of `options.count` headers as the file has; the rest becomes a problem. */
export function readProgramHeaders(
  source: ByteSource,
  header: ElfHeader,
  options: { count: number; problems: Problems },
): ProgramHeaderTable {
  const { count, problems } = options;
  const headers: ElfProgramHeader[] = [];
  const readable = readableCount(source, header, options);
  if (readable === 0) return { headers, missingCount: count };
  const stride = header.phentsize;
  const blockCount = Math.min(readable, Math.floor(BLOCK_SIZE / stride));
  const block = new Uint8Array(blockCount * stride);
  let done = 0;
  while (done < readable) {
    const wanted = Math.min(readable - done, blockCount) * stride;
    const got = source.readInto(block.subarray(0, wanted), header.phoff + done * stride);
    const view = new DataView(block.buffer, 0, got);
    const part = { ...header, view, stride, firstIndex: done, problems };
    for (let at = 0; at + stride <= got; at += stride) {
      const decoded = decodeHeader(part, at);
      if (decoded !== undefined) headers.push(decoded);
      done++;
    }
    if (got < wanted) break;
  }
  return { headers, missingCount: count - headers.length };
}

/** How many entries of the table lie inside the file and can have the size that they claim. */
function readableCount(
  source: ByteSource,
  header: ElfHeader,
  options: { count: number; problems: Problems },
): number {
  const { count, problems } = options;
  if (count === 0) return 0;
  const size = (header.elfClass === 64 ? ELF64_SIZES : ELF32_SIZES).phdr;
  const subject = 'program headers';
  if (header.phentsize < size) {
    const have = header.phentsize;
    problems.addMessage(subject, `e_phentsize: expected ${size}, have ${have}`, 'format');
    return 0;
  }
  if (header.phoff === 0) {
    problems.addMessage(subject, `e_phoff is 0, expected ${count} headers`, 'format');
    return 0;
  }
  const room = Math.max(0, Math.floor((source.size - header.phoff) / header.phentsize));
  if (room < count) {
    const where = `at byte ${header.phoff} of ${source.name}`;
    problems.addMessage(subject, `expected ${count} ${where}, have room for ${room}`, 'format');
  }
  if (Math.min(room, count) > PHDR_COUNT_MAX) {
    const message = `expected at most ${PHDR_COUNT_MAX}, have ${count}; the rest is not read`;
    problems.addMessage(subject, message, 'unsupported');
  }
  return Math.min(room, count, PHDR_COUNT_MAX);
}

/** A part of the table that is in memory. */
interface TablePart {
  readonly elfClass: 32 | 64;
  readonly littleEndian: boolean;
  readonly view: DataView;
  readonly stride: number;
  /** Index of the header at offset 0 of `view`. */
  readonly firstIndex: number;
  readonly problems: Problems;
}

/** One entry; undefined, with a problem, if its place in the file or its size cannot be. */
function decodeHeader(part: TablePart, at: number): ElfProgramHeader | undefined {
  const header = part.elfClass === 64 ? decode64(part, at) : decode32(part, at);
  if (header.type === PT_NULL) return header;
  for (const field of ['offset', 'filesz', 'memsz'] as const) {
    if (header[field] <= Number.MAX_SAFE_INTEGER) continue;
    const what = `p_${field} is ${hex(header[field])}, expected less than 2^53`;
    part.problems.addMessage(`program header ${header.index}`, what, 'format');
    return undefined;
  }
  return header;
}

function decode64(part: TablePart, at: number): ElfProgramHeader {
  const { view, littleEndian: le } = part;
  const paddr = number64(view, at + 24, le);
  return {
    index: part.firstIndex + at / part.stride,
    type: view.getUint32(at, le),
    flags: view.getUint32(at + 4, le),
    offset: number64(view, at + 8, le),
    vaddr: view.getBigUint64(at + 16, le),
    // All ones, rounded to a double; any other address that is too large is a damaged one.
    paddr: paddr < 2 ** 64 ? paddr : undefined,
    filesz: number64(view, at + 32, le),
    memsz: number64(view, at + 40, le),
    align: number64(view, at + 48, le),
  };
}

function decode32(part: TablePart, at: number): ElfProgramHeader {
  const { view, littleEndian: le } = part;
  const paddr = view.getUint32(at + 12, le);
  return {
    index: part.firstIndex + at / part.stride,
    type: view.getUint32(at, le),
    flags: view.getUint32(at + 24, le),
    offset: view.getUint32(at + 4, le),
    vaddr: BigInt(view.getUint32(at + 8, le)),
    paddr: paddr !== 0xffff_ffff ? paddr : undefined,
    filesz: view.getUint32(at + 16, le),
    memsz: view.getUint32(at + 20, le),
    align: view.getUint32(at + 28, le),
  };
}

/** A u64 as a number, exact below 2^53; above, only its being above is of use. */
function number64(view: DataView, at: number, littleEndian: boolean): number {
  const low = view.getUint32(littleEndian ? at : at + 4, littleEndian);
  const high = view.getUint32(littleEndian ? at + 4 : at, littleEndian);
  return high * 2 ** 32 + low;
}
