// Numbers of the ELF format that a vmcore or a vmlinux uses: the gABI ("System V Application Binary
// Interface", chapters 4 and 5), Linux include/uapi/linux/elf.h for the core notes.

/** The first four bytes of every ELF file. */
export const ELFMAG = Uint8Array.of(0x7f, 0x45, 0x4c, 0x46);

/** Indexes into e_ident. */
export const EI_CLASS = 4;
export const EI_DATA = 5;
export const EI_VERSION = 6;
export const EI_NIDENT = 16;

export const ELFCLASS32 = 1;
export const ELFCLASS64 = 2;
export const ELFDATA2LSB = 1;
export const ELFDATA2MSB = 2;
export const EV_CURRENT = 1;

/** e_type. */
export const ET_REL = 1;
export const ET_EXEC = 2;
export const ET_DYN = 3;
export const ET_CORE = 4;

/** e_machine of the architectures that Linux takes dumps of. */
export const EM_386 = 3;
export const EM_MIPS = 8;
export const EM_PPC = 20;
export const EM_PPC64 = 21;
export const EM_S390 = 22;
export const EM_ARM = 40;
export const EM_SPARCV9 = 43;
export const EM_IA_64 = 50;
export const EM_X86_64 = 62;
export const EM_AARCH64 = 183;
export const EM_RISCV = 243;
export const EM_LOONGARCH = 258;

/** e_machine in the words of uname -m, where both classes of a machine have one. */
export const EM_NAMES: ReadonlyMap<number, string> = new Map([
  [EM_386, 'i386'],
  [EM_MIPS, 'mips'],
  [EM_PPC, 'ppc'],
  [EM_PPC64, 'ppc64'],
  [EM_S390, 's390x'],
  [EM_ARM, 'arm'],
  [EM_SPARCV9, 'sparc64'],
  [EM_IA_64, 'ia64'],
  [EM_X86_64, 'x86_64'],
  [EM_AARCH64, 'aarch64'],
  [EM_RISCV, 'riscv'],
  [EM_LOONGARCH, 'loongarch'],
]);

/**
 * e_flags bit 0: makedumpfile ran out of space, the dump was not written to its end
 * (makedumpfile `check_and_modify_elf_headers`, crash netdump.h). Only in files of ET_CORE.
 */
export const DUMP_ELF_INCOMPLETE = 0x1;

/** e_phnum of a file with 65535 program headers or more: the count is in sh_info of section 0. */
export const PN_XNUM = 0xffff;

/** p_type. */
export const PT_NULL = 0;
export const PT_LOAD = 1;
export const PT_NOTE = 4;

/** p_flags, a bit mask. */
export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;

/** e_shstrndx when the index does not fit: it is in sh_link of section 0. */
export const SHN_XINDEX = 0xffff;
export const SHN_UNDEF = 0;
export const SHN_ABS = 0xfff1;

/** sh_type. */
export const SHT_NULL = 0;
export const SHT_PROGBITS = 1;
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_RELA = 4;
export const SHT_NOTE = 7;
export const SHT_NOBITS = 8;

/** sh_flags: the section is compressed and starts with a Chdr. */
export const SHF_COMPRESSED = 0x800;

// Compression headers: ch_type.
export const ELFCOMPRESS_ZLIB = 1;
export const ELFCOMPRESS_ZSTD = 2;

/** Low four bits of st_info. */
export const STT_NOTYPE = 0;
export const STT_OBJECT = 1;
export const STT_FUNC = 2;
export const STT_SECTION = 3;
export const STT_FILE = 4;

/** Note types under the name CORE. */
export const NT_PRSTATUS = 1;

/** Note types under the name LINUX. */
export const NT_ARM_PAC_MASK = 0x406;
export const NT_VMCOREDD = 0x700;

/** Note type under the name GNU: the build ID of a vmlinux. */
export const NT_GNU_BUILD_ID = 3;

/** Names of notes whose type is 0 and whose name alone says what they are. */
export const NOTE_CORE = 'CORE';
export const NOTE_LINUX = 'LINUX';
export const NOTE_GNU = 'GNU';
export const NOTE_VMCOREINFO = 'VMCOREINFO';
export const NOTE_VMCOREINFO_XEN = 'VMCOREINFO_XEN';
export const NOTE_QEMU = 'QEMU';
export const NOTE_ERASEINFO = 'ERASEINFO';

/** Sizes of the fixed records in bytes, by class. */
export interface ElfSizes {
  readonly ehdr: number;
  readonly phdr: number;
  readonly shdr: number;
  readonly sym: number;
}

export const ELF32_SIZES: ElfSizes = { ehdr: 52, phdr: 32, shdr: 40, sym: 16 };
export const ELF64_SIZES: ElfSizes = { ehdr: 64, phdr: 56, shdr: 64, sym: 24 };

/** Elf32_Nhdr and Elf64_Nhdr are the same three words. */
export const NHDR_SIZE = 12;
