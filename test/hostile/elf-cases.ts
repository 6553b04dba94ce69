// Damaged ELF vmcores. The writer puts the program headers at byte 64, the PT_NOTE first, so that
// the first PT_LOAD is at byte 120.

import type { DamagedCase } from '../support/damage.ts';
import { fill, patched, u16, u32, u64, u8 } from '../support/damage.ts';
import { BytesSource } from '../../src/util/io.ts';
import type { Specimen } from '../support/specimen.ts';

const NOTE = 64;
const LOAD = 120;
const PHDR_SIZE = 56;
/** Members of Elf64_Phdr. */
const P = { type: 0, offset: 8, paddr: 24, filesz: 32, memsz: 40 } as const;
const HUGE = 2n ** 60n;

/** The file offset of the notes. */
function notesAt(elf: Uint8Array): number {
  return Number(new DataView(elf.buffer, elf.byteOffset).getBigUint64(NOTE + P.offset, true));
}

/** Patches the file at places that depend on it. */
function atNotes(s: Specimen, value: (at: number) => Parameters<typeof patched>[1]): Uint8Array {
  const elf = s.elf();
  return patched(elf, value(notesAt(elf)));
}

/** 60,000 program headers that all are the one PT_NOTE. */
function manyNotes(s: Specimen): Uint8Array {
  const elf = s.elf();
  const count = 60_000;
  const header = elf.slice(NOTE, NOTE + PHDR_SIZE);
  const table = Buffer.concat(Array.from({ length: count }, () => header));
  return patched(Buffer.concat([elf, table]), u64(32, elf.length), u16(56, count));
}

/** The runs in falling order, so that a cut loses low memory, where tasks are. */
function cutBeforeLowMemory(s: Specimen): Uint8Array {
  const segments = s.runs().reverse();
  const elf = s.elf({
    segments: segments.map(({ pfn, bytes }) => ({
      paddr: pfn * 4096,
      data: new BytesSource(bytes),
    })),
  });
  return elf.slice(0, -250_000);
}

/** 4000 PT_NOTEs that all are one note of 190 KB. */
function hugeNotes(s: Specimen): Uint8Array {
  const size = 200_000;
  const header = patched(
    new Uint8Array(PHDR_SIZE),
    u32(P.type, 4),
    u64(P.offset, 4096),
    u64(P.filesz, size),
    u64(P.memsz, size),
  );
  const count = 4000;
  const elf = patched(s.elf(), fill(4096, size, 0), u32(4096, 4), u32(4100, 190_000));
  const table = Buffer.concat(Array.from({ length: count }, () => header));
  return patched(Buffer.concat([elf, table]), u64(32, elf.length), u16(56, count));
}

/** Every PT_LOAD claims physical address 0. */
function allAtZero(s: Specimen): Uint8Array {
  const patches = s.runs().map((_, i) => u64(LOAD + i * PHDR_SIZE + P.paddr, 0));
  return patched(s.elf(), ...patches);
}

export const ELF_CASES: readonly DamagedCase[] = [
  { name: 'file: empty', make: () => new Uint8Array(), exitCode: 3, says: /empty/ },
  {
    name: 'file: one byte',
    make: () => Uint8Array.of(0x7f),
    exitCode: 3,
    says: /no ELF, kdump-compressed or flattened header, and as a raw image of memory it has no/,
  },
  {
    name: 'ELF header: wrong magic',
    make: (s) => patched(s.elf(), u32(0, 1)),
    exitCode: 3,
    says: /no ELF, kdump-compressed or flattened header, and as a raw image of memory it has no/,
  },
  {
    name: 'ELF header: cut at 20 bytes',
    make: (s) => s.elf().slice(0, 20),
    exitCode: 3,
    says: /ELF header: expected \d+ bytes at byte 0 of .*, have \d+/,
  },
  {
    name: 'ELF header: EI_CLASS 7',
    make: (s) => patched(s.elf(), u8(4, 7)),
    exitCode: 3,
    says: /ELF header: EI_CLASS is 7, expected 1 or 2/,
  },
  {
    name: 'ELF header: EI_CLASS 1 on 64-bit',
    make: (s) => patched(s.elf(), u8(4, 1)),
    exitCode: 3,
    says: /an ELF core without PT_LOAD segments/,
  },
  {
    name: 'ELF header: EI_DATA 9',
    make: (s) => patched(s.elf(), u8(5, 9)),
    exitCode: 3,
    says: /ELF header: EI_DATA is 9, expected 1 or 2/,
  },
  {
    name: 'ELF header: EI_DATA big-endian',
    make: (s) => patched(s.elf(), u8(5, 2)),
    exitCode: 3,
    says: /ELF header: e_phoff is 0x\w+, expected less than 2\^\d+/,
  },
  {
    name: 'ELF header: e_type ET_EXEC',
    make: (s) => patched(s.elf(), u16(16, 2)),
    exitCode: 3,
    says: /ELF header\+0x10: an ELF file of e_type 2, expected ET_CORE \(4\)/,
  },
  {
    name: 'ELF header: e_machine 183',
    make: (s) => patched(s.elf(), u16(18, 183)),
    exitCode: 3,
    says: /the dump is of a 64-bit machine of type aarch64; kernels are read for 64-bit x86_64 onl/,
  },
  {
    name: 'ELF header: e_phoff past the end',
    make: (s) => patched(s.elf(), u64(32, HUGE)),
    exitCode: 3,
    says: /ELF header: e_phoff is 0x\w+, expected less than 2\^\d+/,
  },
  {
    name: 'ELF header: e_phoff 2^64 - 1',
    make: (s) => patched(s.elf(), u64(32, -1)),
    exitCode: 3,
    says: /ELF header: e_phoff is 0x\w+, expected less than 2\^\d+/,
  },
  {
    name: 'ELF header: e_phnum 0',
    make: (s) => patched(s.elf(), u16(56, 0)),
    exitCode: 3,
    says: /an ELF core without PT_LOAD segments/,
  },
  {
    name: 'ELF header: e_phnum 65534',
    make: (s) => patched(s.elf(), u16(56, 65534)),
    exitCode: 1,
    says: /program headers: expected \d+ at byte \d+ of .*, have room for \d+/,
  },
  {
    name: 'ELF header: PN_XNUM without a section',
    make: (s) => patched(s.elf(), u16(56, 65535)),
    exitCode: 1,
    says: /PN_XNUM: section 0: expected a header of \d+, have e_shoff 0, e_shentsize 0/,
  },
  {
    name: 'ELF header: PN_XNUM, sh_info 2^32 - 1',
    make: (s) =>
      patched(
        Buffer.concat([s.elf(), new Uint8Array(64)]),
        u16(56, 65535),
        u64(40, s.elf().length),
        u16(60, 1),
        u32(s.elf().length + 44, 0xffffffff),
      ),
    exitCode: 1,
    says: /PN_XNUM: section 0: expected a header of \d+, have e_shoff \d+, e_shentsize 0/,
  },
  {
    name: 'ELF header: e_phentsize 1',
    make: (s) => patched(s.elf(), u16(54, 1)),
    exitCode: 3,
    says: /an ELF core without PT_LOAD segments/,
  },
  {
    name: 'program headers: cut',
    make: (s) => s.elf().slice(0, LOAD + 3 * PHDR_SIZE + 10),
    exitCode: 3,
    says: /program headers: expected \d+ at byte \d+ of .*, have room for 4/,
  },
  {
    name: 'program headers: zeros',
    make: (s) => patched(s.elf(), fill(64, 1000, 0)),
    exitCode: 3,
    says: /VMCOREINFO: expected one whose page tables are in the dump: none found in memory/,
  },
  {
    name: 'PT_LOAD: p_offset past the end',
    make: (s) => patched(s.elf(), u64(LOAD + P.offset, HUGE)),
    exitCode: 1,
    says: /program header 1: p_offset is 0x\w+, expected less than 2\^\d+/,
  },
  {
    name: 'PT_LOAD: p_filesz 2^60',
    make: (s) => patched(s.elf(), u64(LOAD + P.filesz, HUGE)),
    exitCode: 1,
    says: /program header 1: p_filesz is 0x\w+, expected less than 2\^\d+/,
  },
  {
    name: 'PT_LOAD: p_memsz 2^64 - 1',
    make: (s) => patched(s.elf(), u64(LOAD + P.memsz, -1)),
    exitCode: 1,
    says: /program header 1: p_memsz is 0x\w+, expected less than 2\^\d+/,
  },
  {
    name: 'PT_LOAD: p_memsz smaller than p_filesz',
    make: (s) => patched(s.elf(), u64(LOAD + P.memsz, 16)),
    exitCode: 1,
    says: /PT_LOAD \d+: p_filesz \d+ is more than p_memsz 16; its bytes are used/,
  },
  {
    name: 'PT_LOAD: p_paddr 2^63',
    make: (s) => patched(s.elf(), u64(LOAD + P.paddr, 2n ** 63n)),
    exitCode: 1,
    says: /PT_LOAD \d+: expected addresses and offsets below 2\^\d+, the segment reaches past it/,
  },
  {
    name: 'PT_LOAD: all at physical address 0',
    make: allAtZero,
    exitCode: 3,
    says: /VMCOREINFO in the PT_NOTE: no page table in the dump maps swapper_pg_dir \(0x\w+\):/,
  },
  {
    name: 'PT_LOAD: file cut in its first half',
    make: (s) => s.elf().slice(0, 200_000),
    exitCode: 3,
    says: /PT_LOAD \d+: expected \d+ bytes at byte \d+ of .*, have \d+/,
  },
  {
    name: 'PT_LOAD: last 40 KiB cut off',
    make: (s) => s.elf().slice(0, -40_000),
    exitCode: 3,
    says: /PT_LOAD \d+: expected \d+ bytes at byte \d+ of .*, have \d+/,
  },
  {
    name: 'PT_LOAD: low memory cut off',
    make: cutBeforeLowMemory,
    exitCode: 1,
    says: /PT_LOAD \d+: expected \d+ bytes at byte \d+ of .*, have \d+/,
  },
  {
    name: 'PT_NOTE: 4000 of 200 KB',
    make: hugeNotes,
    exitCode: 3,
    says: /an ELF core without PT_LOAD segments/,
  },
  {
    name: 'PT_NOTE: p_offset past the end',
    make: (s) => patched(s.elf(), u64(NOTE + P.offset, HUGE)),
    exitCode: 1,
    says: /program header 0: p_offset is 0x\w+, expected less than 2\^\d+/,
  },
  {
    name: 'PT_NOTE: p_filesz 2^60',
    make: (s) => patched(s.elf(), u64(NOTE + P.filesz, HUGE)),
    exitCode: 1,
    says: /program header 0: p_filesz is 0x\w+, expected less than 2\^\d+/,
  },
  {
    name: 'PT_NOTE: namesz 2^32 - 1',
    make: (s) => atNotes(s, (at) => u32(at, 0xffffffff)),
    exitCode: 1,
    says: /PT_NOTE 0\+0x0: n_namesz is \d+, have \d+ bytes/,
  },
  {
    name: 'PT_NOTE: descsz 2^32 - 1',
    make: (s) => atNotes(s, (at) => u32(at + 4, 0xffffffff)),
    exitCode: 1,
    says: /PT_NOTE 0\+0x0: n_descsz is \d+, have \d+ bytes/,
  },
  {
    name: 'PT_NOTE: descsz 40',
    make: (s) => atNotes(s, (at) => u32(at + 4, 40)),
    exitCode: 1,
    says: /PT_NOTE 0\+0x40: n_namesz is \d+, have \d+ bytes/,
  },
  {
    name: 'PT_NOTE: zeros',
    make: (s) => atNotes(s, (at) => fill(at, 1000, 0)),
    exitCode: 1,
    says: /PT_NOTE 0\+0x3e4: n_descsz is \d+, have \d+ bytes/,
  },
  {
    name: 'PT_NOTE: NT_PRSTATUS of 8 bytes',
    make: (s) => s.elf({ notes: [{ name: 'CORE', type: 1, desc: new Uint8Array(8) }] }),
    exitCode: 1,
    says: /NT_PRSTATUS 0: NT_PRSTATUS\+0x0: expected 328 bytes, have 8/,
  },
  {
    name: 'PT_NOTE: 60000 of it',
    make: manyNotes,
    exitCode: 3,
    says: /an ELF core without PT_LOAD segments/,
  },
];
