// ELF files for tests: what the writer writes, with single fields overwritten afterwards, and a
// small vmlinux with sections, which the writer does not make.

import { ELF32_SIZES, ELF64_SIZES, EM_X86_64 } from '../../src/format/elf/constants.ts';
import {
  writeElfVmcore,
  type ElfNoteSpec,
  type ElfSegmentSpec,
  type ElfVmcoreSpec,
} from '../../src/format/elf/write.ts';
import { ByteWriter } from '../../src/util/byte-writer.ts';
import { BytesSink, BytesSource } from '../../src/util/io.ts';

/** The bytes of a vmcore. */
export function buildElf(spec: ElfVmcoreSpec): Uint8Array {
  const sink = new BytesSink();
  writeElfVmcore(sink, spec);
  return sink.bytes();
}

/** A segment of `length` bytes of one value. */
export function filled(
  paddr: number,
  fill: { value: number; length: number },
  more: Partial<ElfSegmentSpec> = {},
): ElfSegmentSpec {
  return { paddr, data: new BytesSource(new Uint8Array(fill.length).fill(fill.value)), ...more };
}

/** A note with a text. */
export function textNote(name: string, text: string, type = 0): ElfNoteSpec {
  return { name, type, desc: Buffer.from(text, 'latin1') };
}

/** Where each field of the ELF header is, and how wide, by class. */
export const EHDR_FIELDS = {
  e_type: { 64: [16, 2], 32: [16, 2] },
  e_machine: { 64: [18, 2], 32: [18, 2] },
  e_version: { 64: [20, 4], 32: [20, 4] },
  e_entry: { 64: [24, 8], 32: [24, 4] },
  e_phoff: { 64: [32, 8], 32: [28, 4] },
  e_shoff: { 64: [40, 8], 32: [32, 4] },
  e_flags: { 64: [48, 4], 32: [36, 4] },
  e_ehsize: { 64: [52, 2], 32: [40, 2] },
  e_phentsize: { 64: [54, 2], 32: [42, 2] },
  e_phnum: { 64: [56, 2], 32: [44, 2] },
  e_shentsize: { 64: [58, 2], 32: [46, 2] },
  e_shnum: { 64: [60, 2], 32: [48, 2] },
  e_shstrndx: { 64: [62, 2], 32: [50, 2] },
} as const;

/** The same of a program header, from its start. */
export const PHDR_FIELDS = {
  p_type: { 64: [0, 4], 32: [0, 4] },
  p_flags: { 64: [4, 4], 32: [24, 4] },
  p_offset: { 64: [8, 8], 32: [4, 4] },
  p_vaddr: { 64: [16, 8], 32: [8, 4] },
  p_paddr: { 64: [24, 8], 32: [12, 4] },
  p_filesz: { 64: [32, 8], 32: [16, 4] },
  p_memsz: { 64: [40, 8], 32: [20, 4] },
  p_align: { 64: [48, 8], 32: [28, 4] },
} as const;

/** A copy of little-endian `bytes` with one field overwritten. */
export function patched(
  bytes: Uint8Array,
  field: { at: number; width: number; value: bigint | number },
): Uint8Array {
  const copy = bytes.slice();
  for (let i = 0; i < field.width; i++) {
    copy[field.at + i] = Number((BigInt(field.value) >> BigInt(8 * i)) & 0xffn);
  }
  return copy;
}

/** A copy with a field of the ELF header overwritten. */
export function patchEhdr(
  bytes: Uint8Array,
  name: keyof typeof EHDR_FIELDS,
  value: bigint | number,
): Uint8Array {
  const [at, width] = EHDR_FIELDS[name][classOf(bytes)];
  return patched(bytes, { at, width, value });
}

/** A copy with a field of program header `index` overwritten; e_phoff as the writer's default. */
export function patchPhdr(
  bytes: Uint8Array,
  place: { index: number; name: keyof typeof PHDR_FIELDS },
  value: bigint | number,
): Uint8Array {
  const elfClass = classOf(bytes);
  const sizes = elfClass === 64 ? ELF64_SIZES : ELF32_SIZES;
  const [at, width] = PHDR_FIELDS[place.name][elfClass];
  return patched(bytes, { at: sizes.ehdr + place.index * sizes.phdr + at, width, value });
}

function classOf(bytes: Uint8Array): 32 | 64 {
  return bytes[4] === 2 ? 64 : 32;
}

/** A section of {@link buildVmlinux}. */
export interface SectionSpec {
  readonly name: string;
  readonly type: number;
  readonly data: Uint8Array;
  readonly flags?: number;
  readonly link?: number;
  readonly info?: number;
}

/**
 * An ET_EXEC, or another type, with section headers: section 0, those given, and their names in the
 * last one.
 */
export function buildVmlinux(
  sections: readonly SectionSpec[],
  options: { elfClass?: 32 | 64; littleEndian?: boolean; type?: number; machine?: number } = {},
): Uint8Array {
  const { elfClass = 64, littleEndian = true, type = 2, machine = EM_X86_64 } = options;
  const wide = elfClass === 64;
  const sizes = wide ? ELF64_SIZES : ELF32_SIZES;
  const all: readonly SectionSpec[] = [
    ...sections,
    { name: '.shstrtab', type: 3, data: sectionNames(sections) },
  ];
  const writer = new ByteWriter({ littleEndian });
  const word = (value: number): unknown => (wide ? writer.u64(value) : writer.u32(value));
  const dataSize = all.reduce((sum, section) => sum + section.data.length, 0);
  writer.bytes(Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, littleEndian ? 1 : 2, 1));
  writer.padTo(16).u16(type).u16(machine).u32(1); // e_type, e_machine, e_version
  word(0); // e_entry
  word(0); // e_phoff
  word(sizes.ehdr + dataSize); // e_shoff: behind the data
  writer.u32(0).u16(sizes.ehdr).u16(0).u16(0); // e_flags, e_ehsize, no program headers
  writer
    .u16(sizes.shdr)
    .u16(all.length + 1)
    .u16(all.length); // the names are the last section
  for (const section of all) writer.bytes(section.data);
  writer.bytes(new Uint8Array(sizes.shdr)); // section 0
  let offset = sizes.ehdr;
  let nameAt = 1;
  for (const section of all) {
    writer.u32(nameAt).u32(section.type);
    word(section.flags ?? 0);
    word(0x1000); // sh_addr
    word(offset);
    word(section.data.length);
    writer.u32(section.link ?? 0).u32(section.info ?? 0); // sh_link, sh_info
    word(1); // sh_addralign
    word(0); // sh_entsize
    offset += section.data.length;
    nameAt += section.name.length + 1;
  }
  return writer.finish();
}

function sectionNames(sections: readonly SectionSpec[]): Uint8Array {
  const names = ['', ...sections.map((section) => section.name), '.shstrtab', ''];
  return Buffer.from(names.join('\0'), 'latin1');
}
