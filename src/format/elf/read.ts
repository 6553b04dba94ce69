// ELF files as Linux dumps use them: /proc/vmcore and its copies, makedumpfile -E, QEMU's
// dump-guest-memory, /proc/kcore; and a vmlinux. 32 and 64 bits, both byte orders.
//
//   0        Elf64_Ehdr (64 bytes) or Elf32_Ehdr (52)
//   e_phoff  Elf64_Phdr[e_phnum] (56 each) or Elf32_Phdr (32 each)
//              PT_NOTE: registers, VMCOREINFO       PT_LOAD: one run of physical memory
//   e_shoff  Elf64_Shdr[e_shnum] (64 each) or Elf32_Shdr (40 each); a dump has none, or
//              section 0 alone, which holds the true e_phnum in sh_info
//   p_offset … the bytes of each segment
//
// Nothing stands where one expects it: QEMU 7.2 puts section headers at 64 and program headers at
// 192, and writes e_ehsize = 8. So only e_phoff, e_shoff and p_offset are believed, and checked.

import { Parser } from 'binary-parser/dist/binary_parser.js';
import { hex } from '../../util/address.ts';
import { FormatError, UnsupportedError } from '../../util/errors.ts';
import { readExactly, type ByteSource } from '../../util/io.ts';
import { Problems } from '../../util/problems.ts';
import * as elf from './constants.ts';
import { readProgramHeaders, type ElfProgramHeader } from './program-headers.ts';
import { readSectionZero } from './sections.ts';

export type { ElfProgramHeader } from './program-headers.ts';

/** What decides how the records of a file are decoded. */
export interface ElfIdent {
  readonly elfClass: 32 | 64;
  readonly littleEndian: boolean;
}

/** Elf64_Ehdr or Elf32_Ehdr, decoded; offsets in bytes. */
export interface ElfHeader extends ElfIdent {
  /** e_type: ET_CORE for a vmcore, ET_EXEC or ET_DYN for a vmlinux. */
  readonly type: number;
  /** e_machine. */
  readonly machine: number;
  /** e_flags. */
  readonly flags: number;
  readonly phoff: number;
  readonly phentsize: number;
  /** e_phnum as it stands in the header, PN_XNUM perhaps. */
  readonly phnum: number;
  readonly shoff: number;
  readonly shentsize: number;
  readonly shnum: number;
  readonly shstrndx: number;
}

/** An ELF file that was opened: its header and program headers, and where the rest is read from. */
export interface ElfFile extends ElfHeader {
  readonly source: ByteSource;
  /** makedumpfile ran out of space while it wrote this file (DUMP_ELF_INCOMPLETE). */
  readonly incomplete: boolean;
  /** Those that could be read, in the order of the file. */
  readonly programHeaders: readonly ElfProgramHeader[];
  /**
   * How many program headers the file announces and does not have: the table is cut off or, in an
   * incomplete dump, was reserved and never filled. While it is not 0, an address without a
   * PT_LOAD may have had one.
   */
  readonly missingHeaderCount: number;
  /** What was wrong and could be passed over. */
  readonly problems: Problems;
}

/** True if `bytes`, the start of a file, has the ELF magic. */
export function isElf(bytes: Uint8Array): boolean {
  return elf.ELFMAG.every((byte, index) => bytes[index] === byte);
}

/**
 * Reads the header and the program headers; segments, notes and sections are left for later.
 *
 * A damaged or cut program header table gives the headers that it still has, and a problem.
 *
 * @throws FormatError if the file is no ELF file, or its header is cut short
 * @throws UnsupportedError for an ELF class, byte order or version that does not exist (yet)
 */
export function readElf(source: ByteSource): ElfFile {
  const header = readElfHeader(source);
  const problems = new Problems();
  const table = readProgramHeaders(source, header, {
    count: programHeaderCount(source, header, problems),
    problems,
  });
  const incomplete = header.type === elf.ET_CORE && (header.flags & elf.DUMP_ELF_INCOMPLETE) !== 0;
  // makedumpfile reserves the whole table and fills it as it goes, so that what it did not get to
  // are headers of zeros, which read as PT_NULL.
  const unwritten = incomplete
    ? table.headers.filter((header) => header.type === elf.PT_NULL).length
    : 0;
  return {
    ...header,
    source,
    incomplete,
    programHeaders: table.headers,
    missingHeaderCount: table.missingCount + unwritten,
    problems,
  };
}

/** @throws FormatError, UnsupportedError as {@link readElf} */
export function readElfHeader(source: ByteSource): ElfHeader {
  const ident = readExactly(source, { section: 'ELF header', offset: 0, length: elf.EI_NIDENT });
  const { elfClass, littleEndian } = decodeIdent(ident);
  const length = sizesOf(elfClass).ehdr;
  const bytes = readExactly(source, { section: 'ELF header', offset: 0, length });
  const raw = ehdrParser(elfClass, littleEndian).parse(bytes) as RawEhdr;
  const fileOffset = (what: 'e_phoff' | 'e_shoff'): number => {
    const value = Number(raw[what]);
    if (Number.isSafeInteger(value)) return value;
    throw new FormatError(
      { section: 'ELF header' },
      `${what} is ${hex(raw[what])}, expected less than 2^53`,
    );
  };
  return {
    elfClass,
    littleEndian,
    type: raw.e_type,
    machine: raw.e_machine,
    flags: raw.e_flags,
    phoff: fileOffset('e_phoff'),
    phentsize: raw.e_phentsize,
    phnum: raw.e_phnum,
    shoff: fileOffset('e_shoff'),
    shentsize: raw.e_shentsize,
    shnum: raw.e_shnum,
    shstrndx: raw.e_shstrndx,
  };
}

/** The record sizes of a class. */
export function sizesOf(elfClass: 32 | 64): elf.ElfSizes {
  return elfClass === 64 ? elf.ELF64_SIZES : elf.ELF32_SIZES;
}

/** e_machine in the words of uname(1); a number if it is none that we have heard of. */
export function describeMachine(machine: number): string {
  return elf.EM_NAMES.get(machine) ?? `e_machine ${machine}`;
}

function decodeIdent(ident: Uint8Array): ElfIdent {
  if (!isElf(ident)) {
    const magic = Buffer.from(ident.subarray(0, 4)).toString('hex');
    throw new FormatError(
      { section: 'ELF header', offset: 0 },
      `expected magic 7f454c46, have ${magic}`,
    );
  }
  const elfClass = ident[elf.EI_CLASS];
  const data = ident[elf.EI_DATA];
  if (elfClass !== elf.ELFCLASS32 && elfClass !== elf.ELFCLASS64)
    throw new UnsupportedError(`ELF header: EI_CLASS is ${elfClass}, expected 1 or 2`);
  if (data !== elf.ELFDATA2LSB && data !== elf.ELFDATA2MSB)
    throw new UnsupportedError(`ELF header: EI_DATA is ${data}, expected 1 or 2`);
  const version = ident[elf.EI_VERSION];
  if (version !== elf.EV_CURRENT)
    throw new UnsupportedError(`ELF header: EI_VERSION is ${version}, expected 1`);
  return {
    elfClass: elfClass === elf.ELFCLASS64 ? 64 : 32,
    littleEndian: data === elf.ELFDATA2LSB,
  };
}

/** e_phnum, or what stands for it in section 0 where the true count does not fit 16 bits. */
function programHeaderCount(source: ByteSource, header: ElfHeader, problems: Problems): number {
  if (header.phnum !== elf.PN_XNUM) return header.phnum;
  const zero = problems.attempt('PN_XNUM', () => readSectionZero(source, header));
  // 65535 headers are possible without an extended count: an old writer that knew no PN_XNUM.
  return zero === undefined || zero.info === 0 ? elf.PN_XNUM : zero.info;
}

interface RawEhdr {
  readonly e_type: number;
  readonly e_machine: number;
  readonly e_phoff: bigint | number;
  readonly e_shoff: bigint | number;
  readonly e_flags: number;
  readonly e_phentsize: number;
  readonly e_phnum: number;
  readonly e_shentsize: number;
  readonly e_shnum: number;
  readonly e_shstrndx: number;
}

function ehdrParser(elfClass: 32 | 64, littleEndian: boolean): Parser {
  const parser = new Parser().endianness(littleEndian ? 'little' : 'big');
  parser.seek(elf.EI_NIDENT).uint16('e_type').uint16('e_machine').uint32('e_version');
  if (elfClass === 64) parser.uint64('e_entry').uint64('e_phoff').uint64('e_shoff');
  else parser.uint32('e_entry').uint32('e_phoff').uint32('e_shoff');
  return parser
    .uint32('e_flags')
    .uint16('e_ehsize')
    .uint16('e_phentsize')
    .uint16('e_phnum')
    .uint16('e_shentsize')
    .uint16('e_shnum')
    .uint16('e_shstrndx');
}
