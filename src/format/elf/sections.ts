// Section headers: a vmlinux has its symbols, BTF and build ID in sections, found by name. A dump
// has none, or only section 0, whose fields hold counts that do not fit the ELF header.
//
//   Elf64_Shdr                       Elf32_Shdr
//   0  sh_name      u32              0  sh_name      u32
//   4  sh_type      u32              4  sh_type      u32
//   8  sh_flags     u64              8  sh_flags     u32
//   16 sh_addr      u64              12 sh_addr      u32
//   24 sh_offset    u64              16 sh_offset    u32
//   32 sh_size      u64              20 sh_size      u32
//   40 sh_link      u32              24 sh_link      u32
//   44 sh_info      u32              28 sh_info      u32
//   48 sh_addralign u64              32 sh_addralign u32
//   56 sh_entsize   u64              36 sh_entsize   u32

import { ByteReader, latin1 } from '../../util/byte-reader.ts';
import { FormatError, UnsupportedError } from '../../util/errors.ts';
import { readExactly, type ByteSource } from '../../util/io.ts';
import * as elf from './constants.ts';
import type { ElfFile, ElfHeader } from './read.ts';

/** One section header, decoded; sizes and offsets in bytes. */
export interface ElfSection {
  readonly index: number;
  /** From the section header string table; empty if that is unreadable. */
  readonly name: string;
  readonly type: number;
  readonly flags: bigint;
  /** sh_addr: the virtual address at which it is linked, 0 if it is not loaded. */
  readonly vaddr: bigint;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
  readonly entsize: number;
}

/** A vmlinux has about 80; with -ffunction-sections an object has tens of thousands. */
const SECTION_COUNT_MAX = 1 << 18;

/** More than this of one section is not taken into memory (.debug_info is never asked for). */
const SECTION_SIZE_MAX = 256 << 20;

/**
 * All section headers with their names.
 *
 * @throws FormatError if the table does not lie inside the file
 */
export function readSections(file: ElfFile): ElfSection[] {
  if (file.shoff === 0) return [];
  const zero = readSectionZero(file.source, file);
  const count = file.shnum !== 0 ? file.shnum : zero.size;
  if (count > SECTION_COUNT_MAX || count * file.shentsize > SECTION_SIZE_MAX) {
    const have = `${count} of ${file.shentsize} bytes`;
    const what = `expected at most ${SECTION_COUNT_MAX} sections, have ${have}`;
    throw new FormatError({ section: 'section headers' }, what);
  }
  const bytes = readExactly(file.source, {
    section: 'section headers',
    offset: file.shoff,
    length: count * file.shentsize,
  });
  const reader = new ByteReader(bytes, { ...file, section: 'section headers' });
  const sections: ElfSection[] = [];
  for (let index = 0; index < count; index++) {
    reader.seek(index * file.shentsize);
    sections.push(decodeSection(reader, file, index));
  }
  return withNames(file, sections, zero);
}

/**
 * The contents of the first section called `name`.
 *
 * @returns undefined if there is none, or it has no bytes in this file (SHT_NOBITS, as in the
 *   debug half of a stripped vmlinux)
 * @throws FormatError if it does not lie inside the file
 * @throws UnsupportedError if it is compressed or too large
 */
export function readSectionByName(
  file: ElfFile,
  sections: readonly ElfSection[],
  name: string,
): Uint8Array | undefined {
  const section = sections.find((candidate) => candidate.name === name);
  if (section === undefined || section.type === elf.SHT_NOBITS) return undefined;
  return readSectionData(file, section);
}

/**
 * True for a core that Xen's toolstack wrote of a domain (`xl dump-core`): ET_CORE without program
 * headers, the pages of the domain in a section of their own. Its memory is not read by us.
 */
export function isXenCore(file: ElfFile): boolean {
  if (file.type !== elf.ET_CORE || file.programHeaders.length > 0) return false;
  const sections = file.problems.attempt('section headers', () => readSections(file)) ?? [];
  return sections.some((section) => section.name === '.xen_pages');
}

/** @throws FormatError, UnsupportedError as {@link readSectionByName} */
export function readSectionData(file: ElfFile, section: ElfSection): Uint8Array {
  const label = section.name === '' ? `section ${section.index}` : section.name;
  if ((section.flags & BigInt(elf.SHF_COMPRESSED)) !== 0n)
    throw new UnsupportedError(`${label}: the section is compressed (SHF_COMPRESSED)`);
  if (section.size > SECTION_SIZE_MAX) {
    const what = `expected at most ${SECTION_SIZE_MAX} bytes, have ${section.size}`;
    throw new UnsupportedError(`${label}: ${what}`);
  }
  const { offset, size } = section;
  return readExactly(file.source, { section: label, offset, length: size });
}

/**
 * Section 0, which is never a section: sh_size, sh_link and sh_info stand for e_shnum, e_shstrndx
 * and e_phnum where those do not fit 16 bits.
 *
 * @throws FormatError if there is none
 */
export function readSectionZero(source: ByteSource, header: ElfHeader): ElfSection {
  const length = (header.elfClass === 64 ? elf.ELF64_SIZES : elf.ELF32_SIZES).shdr;
  if (header.shoff === 0 || header.shentsize < length) {
    const have = `e_shoff ${header.shoff}, e_shentsize ${header.shentsize}`;
    throw new FormatError({ section: 'section 0' }, `expected a header of ${length}, have ${have}`);
  }
  const bytes = readExactly(source, { section: 'section 0', offset: header.shoff, length });
  return decodeSection(new ByteReader(bytes, { ...header, section: 'section 0' }), header, 0);
}

/** The header at the reader's place; its name is still an offset and left empty. */
function decodeSection(reader: ByteReader, header: ElfHeader, index: number): NamelessSection {
  const wide = header.elfClass === 64;
  const size = (what: string): number => (wide ? reader.size64(what) : reader.u32());
  const word = (): bigint => (wide ? reader.u64() : BigInt(reader.u32()));
  return {
    index,
    name: '',
    nameOffset: reader.u32(),
    type: reader.u32(),
    flags: word(),
    vaddr: word(),
    offset: size('sh_offset'),
    size: size('sh_size'),
    link: reader.u32(),
    info: reader.u32(),
    align: size('sh_addralign'),
    entsize: size('sh_entsize'),
  };
}

interface NamelessSection extends ElfSection {
  readonly nameOffset: number;
}

function withNames(file: ElfFile, sections: ElfSection[], zero: ElfSection): ElfSection[] {
  const index = file.shstrndx === elf.SHN_XINDEX ? zero.link : file.shstrndx;
  const table = sections[index];
  if (index === elf.SHN_UNDEF || table === undefined) return sections;
  const names = file.problems.attempt('section names', () => readSectionData(file, table));
  if (names === undefined) return sections;
  return (sections as NamelessSection[]).map(({ nameOffset, ...section }) => ({
    ...section,
    name: stringAt(names, nameOffset),
  }));
}

/** The NUL-terminated string at `offset` of a string table; empty if that is outside. */
export function stringAt(table: Uint8Array, offset: number): string {
  if (offset >= table.length) return '';
  const end = table.indexOf(0, offset);
  return latin1(table.subarray(offset, end < 0 ? table.length : end));
}
