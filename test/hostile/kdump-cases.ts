// Damaged kdump files, flattened files, split sets. Blocks of the specimen's file are 4096 bytes:
//
//   0x0000  disk_dump_header
//   0x1000  kdump_sub_header
//   0x2000  1st bitmap, 2 blocks; then the 2nd; then the descriptors, 24 bytes each

import type { DamagedCase, Patch } from '../support/damage.ts';
import { be64, fill, patched, u32, u64 } from '../support/damage.ts';
import type { Specimen } from '../support/specimen.ts';
import type { Vaddr } from '../../src/util/address.ts';

const H = { version: 8, blockSize: 428, subHeaderBlocks: 432, bitmapBlocks: 436, maxMapnr: 440 };
const S = {
  split: 0x100c,
  offsetVmcoreinfo: 0x1020,
  sizeVmcoreinfo: 0x1028,
  offsetNote: 0x1030,
  sizeNote: 0x1038,
  startPfn: 0x1050,
  endPfn: 0x1058,
  maxMapnr: 0x1060,
};
const BITMAP_1 = 0x2000;
const BITMAP_2 = 0x4000;
const DESC = 0x6000;
const DESC_SIZE = 24;

const kdump =
  (...patches: readonly Patch[]) =>
  (s: Specimen): Uint8Array =>
    patched(s.kdump(), ...patches);

/** The same change to every descriptor. */
function eachDesc(s: Specimen, change: (at: number) => Patch): Uint8Array {
  return patched(s.kdump(), ...Array.from(s.pages.keys(), (_, i) => change(DESC + i * DESC_SIZE)));
}

/** Where the data of the pages starts. */
function dataAt(s: Specimen): number {
  return Math.ceil((DESC + s.pages.size * DESC_SIZE) / 4096) * 4096;
}

/** Where the data of the page of a virtual address starts. */
function dataOf(s: Specimen, file: Uint8Array, address: Vaddr): number {
  const pfn = Math.floor(s.paddr(address) / 4096);
  const index = [...s.pages.keys()].filter((other) => other < pfn).length;
  const view = new DataView(file.buffer, file.byteOffset);
  return Number(view.getBigUint64(DESC + index * DESC_SIZE, true));
}

/** Where the set is split: half of the pages lie below. */
function middle(s: Specimen): number {
  return [...s.pages.keys()].sort((a, b) => a - b)[s.pages.size >> 1] as number;
}

function parts(s: Specimen): [Uint8Array, Uint8Array] {
  const at = middle(s);
  return [
    s.kdump({ split: { start: 0, end: at } }),
    s.kdump({ split: { start: at, end: Math.max(...s.pages.keys()) + 1 } }),
  ];
}

export const KDUMP_CASES: readonly DamagedCase[] = [
  {
    name: 'kdump header: wrong magic',
    make: kdump(u32(0, 0)),
    exitCode: 3,
    says: /no ELF, kdump-compressed or flattened header, and as a raw image of memory it has no/,
  },
  {
    name: 'kdump header: cut',
    make: (s) => s.kdump().slice(0, 100),
    exitCode: 3,
    says: /disk_dump_header: expected 464 bytes at byte 0 of .*, have 100/,
  },
  {
    name: 'kdump header: version -1',
    make: kdump(u32(H.version, 0xffffffff)),
    exitCode: 3,
    says: /disk_dump_header\+0x8: header_version is -1, expected 0 to 6 in either byte order/,
  },
  {
    name: 'kdump header: version 99',
    make: kdump(u32(H.version, 99)),
    exitCode: 3,
    says: /disk_dump_header\+0x8: header_version is 99, expected 0 to 6 in either byte order/,
  },
  {
    name: 'kdump header: block_size 0',
    make: kdump(u32(H.blockSize, 0)),
    exitCode: 1,
    says: /disk_dump_header: block_size is 0, found by self-check to be \d+/,
  },
  {
    name: 'kdump header: block_size 2^31',
    make: kdump(u32(H.blockSize, 2 ** 31)),
    exitCode: 1,
    says: /disk_dump_header: block_size is -\d+, found by self-check to be \d+/,
  },
  {
    name: 'kdump header: block_size 8192',
    make: kdump(u32(H.blockSize, 8192)),
    exitCode: 3,
    says: /VMCOREINFO: expected one whose page tables are in the dump: none found in memory/,
  },
  {
    name: 'kdump header: sub_hdr_size 0',
    make: kdump(u32(H.subHeaderBlocks, 0)),
    exitCode: 3,
    says: /disk_dump_header: sub_hdr_size is 0 blocks, expected at least 1 before the bitmaps/,
  },
  {
    name: 'kdump header: sub_hdr_size 2^31 - 1',
    make: kdump(u32(H.subHeaderBlocks, 2 ** 31 - 1)),
    exitCode: 3,
    says: /bitmaps\+0x\w+: bitmaps end at byte \d+, .* at \d+/,
  },
  {
    name: 'kdump header: bitmap_blocks 0',
    make: kdump(u32(H.bitmapBlocks, 0)),
    exitCode: 3,
    says: /disk_dump_header: bitmap_blocks 0 hold 0 bits, expected max_mapnr \d+/,
  },
  {
    name: 'kdump header: bitmap_blocks 2^32 - 1',
    make: kdump(u32(H.bitmapBlocks, 2 ** 32 - 1)),
    exitCode: 3,
    says: /bitmaps\+0x\w+: bitmaps end at byte \d+, .* at \d+/,
  },
  {
    name: 'kdump sub header: cut',
    make: (s) => s.kdump().slice(0, 0x1010),
    exitCode: 3,
    says: /kdump_sub_header: expected 104 bytes at byte \d+ of .*, have \d+/,
  },
  {
    name: 'kdump sub header: max_mapnr_64 2^60',
    make: kdump(u64(S.maxMapnr, 2n ** 60n)),
    exitCode: 3,
    says: /kdump_sub_header: max_mapnr_64 is 0x\w+, expected less than 2\^\d+/,
  },
  {
    name: 'kdump sub header: max_mapnr_64 1',
    make: kdump(u64(S.maxMapnr, 1), u32(H.maxMapnr, 1)),
    exitCode: 3,
    says: /VMCOREINFO in the kdump sub-header: no page table in the dump maps swapper_pg_dir/,
  },
  {
    name: 'kdump sub header: offset_vmcoreinfo past the end',
    make: kdump(u64(S.offsetVmcoreinfo, 2n ** 62n)),
    exitCode: 3,
    says: /kdump_sub_header: offset_vmcoreinfo is 0x\w+, expected less than 2\^\d+/,
  },
  {
    name: 'kdump sub header: size_vmcoreinfo 2^63',
    make: kdump(u64(S.sizeVmcoreinfo, 2n ** 63n)),
    exitCode: 3,
    says: /kdump_sub_header: size_vmcoreinfo is 0x\w+, expected less than 2\^\d+/,
  },
  {
    name: 'kdump sub header: offset_note negative',
    make: kdump(u64(S.offsetNote, -1)),
    exitCode: 3,
    says: /kdump_sub_header: offset_note is 0x\w+, expected less than 2\^\d+/,
  },
  {
    name: 'kdump sub header: size_note 2^62',
    make: kdump(u64(S.sizeNote, 2n ** 62n)),
    exitCode: 3,
    says: /kdump_sub_header: size_note is 0x\w+, expected less than 2\^\d+/,
  },
  {
    name: 'kdump sub header: split, end before start',
    make: kdump(u32(S.split, 1), u64(S.startPfn, 500), u64(S.endPfn, 100)),
    exitCode: 3,
    says: /kdump_sub_header: start_pfn \d+ is above end_pfn 100/,
  },
  {
    name: 'kdump 1st bitmap: zeros',
    make: kdump(fill(BITMAP_1, 0x2000, 0)),
    exitCode: 0,
    says: /\d+ tasks, 4 idle tasks; the task list and the pid IDR agree/,
  },
  {
    name: 'kdump 2nd bitmap: zeros',
    make: kdump(fill(BITMAP_2, 0x2000, 0)),
    exitCode: 3,
    says: /VMCOREINFO in the kdump sub-header: no page table in the dump maps swapper_pg_dir/,
  },
  {
    name: 'kdump 2nd bitmap: ones',
    make: kdump(fill(BITMAP_2, 0x2000, 0xff)),
    exitCode: 3,
    says: /VMCOREINFO in the kdump sub-header: no page table in the dump maps swapper_pg_dir/,
  },
  {
    name: 'kdump bitmaps: cut',
    make: (s) => s.kdump().slice(0, BITMAP_2 + 100),
    exitCode: 3,
    says: /bitmaps\+0x\w+: bitmaps end at byte \d+, .* at \d+/,
  },
  {
    name: 'kdump descriptors: zeros',
    make: (s) => eachDesc(s, (at) => fill(at, DESC_SIZE, 0)),
    exitCode: 3,
    says: /VMCOREINFO in the kdump sub-header: no page table in the dump maps swapper_pg_dir/,
  },
  {
    name: 'kdump descriptors: offset past the end',
    make: (s) => eachDesc(s, (at) => u64(at, 2n ** 62n)),
    exitCode: 3,
    says: /VMCOREINFO in the kdump sub-header: no page table in the dump maps swapper_pg_dir/,
  },
  {
    name: 'kdump descriptors: size 2^32 - 1',
    make: (s) => eachDesc(s, (at) => u32(at + 8, 2 ** 32 - 1)),
    exitCode: 3,
    says: /VMCOREINFO in the kdump sub-header: no page table in the dump maps swapper_pg_dir/,
  },
  {
    name: 'kdump descriptors: size 0',
    make: (s) => eachDesc(s, (at) => u32(at + 8, 0)),
    exitCode: 3,
    says: /VMCOREINFO in the kdump sub-header: no page table in the dump maps swapper_pg_dir/,
  },
  {
    name: 'kdump descriptors: unknown flags',
    make: (s) => eachDesc(s, (at) => u32(at + 12, 0x4000)),
    exitCode: 3,
    says: /VMCOREINFO in the kdump sub-header: no page table in the dump maps swapper_pg_dir/,
  },
  {
    name: 'kdump descriptors: two codecs',
    make: (s) => eachDesc(s, (at) => u32(at + 12, 3)),
    exitCode: 3,
    says: /VMCOREINFO in the kdump sub-header: no page table in the dump maps swapper_pg_dir/,
  },
  {
    name: 'kdump descriptors: all at the header',
    make: (s) => eachDesc(s, (at) => u64(at, 1)),
    exitCode: 3,
    says: /VMCOREINFO in the kdump sub-header: no page table in the dump maps swapper_pg_dir/,
  },
  {
    name: 'kdump descriptors: the last 20 zero',
    make: (s) =>
      patched(s.kdump(), fill(DESC + (s.pages.size - 20) * DESC_SIZE, 20 * DESC_SIZE, 0)),
    exitCode: 3,
    says: /VMCOREINFO in the kdump sub-header: no page table in the dump maps swapper_pg_dir/,
  },
  {
    name: 'kdump descriptors: cut',
    make: (s) => s.kdump().slice(0, DESC + 40 * DESC_SIZE),
    exitCode: 3,
    says: /VMCOREINFO in the kdump sub-header: no page table in the dump maps swapper_pg_dir/,
  },
  {
    name: 'kdump page data: cut in its middle',
    make: (s) => s.kdump().slice(0, (dataAt(s) + s.kdump().length) >> 1),
    exitCode: 3,
    says: /VMCOREINFO in the kdump sub-header: no page table in the dump maps swapper_pg_dir/,
  },
  {
    name: 'kdump page data: the last 3000 bytes zero',
    make: (s) => patched(s.kdump(), fill(s.kdump().length - 3000, 3000, 0)),
    exitCode: 3,
    says: /VMCOREINFO in the kdump sub-header: no page table in the dump maps swapper_pg_dir/,
  },
  ...(['zlib', 'lzo', 'snappy', 'zstd'] as const).map((codec): DamagedCase => ({
    name: `kdump page data: ${codec}, one page damaged`,
    make: (s) => {
      const file = s.kdump({ codec });
      return patched(file, fill(dataOf(s, file, s.task(700)), 5, 0xff));
    },
    exitCode: 1,
    says: /page data: page of pfn .* cannot be read: .*(zlib|lzo|snappy|zstd)/,
  })),
  {
    name: 'flattened: header cut',
    make: (s) => s.flattened().slice(0, 100),
    exitCode: 3,
    says: /flattened: no end mark, the file ends in record 0 at byte \d+/,
  },
  {
    name: 'flattened: type 99',
    make: (s) => patched(s.flattened(), be64(16, 99n)),
    exitCode: 3,
    says: /makedumpfile_header\+0x10: type is 99, expected 1/,
  },
  {
    name: 'flattened: version 99',
    make: (s) => patched(s.flattened(), be64(24, 99n)),
    exitCode: 3,
    says: /makedumpfile_header\+0x18: version is 99, expected 1/,
  },
  {
    name: 'flattened: record offset 2^62',
    make: (s) => patched(s.flattened(), be64(4096, 2n ** 62n)),
    exitCode: 3,
    says: /flattened record 0\+0x\w+: \d+ bytes at \d+ end beyond 2\^\d+/,
  },
  {
    name: 'flattened: record offset -5',
    make: (s) => patched(s.flattened(), be64(4096, -5n)),
    exitCode: 3,
    says: /flattened record 0\+0x\w+: offset is -5/,
  },
  {
    name: 'flattened: record size 2^62',
    make: (s) => patched(s.flattened(), be64(4104, 2n ** 62n)),
    exitCode: 3,
    says: /flattened record 0\+0x\w+: \d+ bytes at \d+ end beyond 2\^\d+/,
  },
  {
    name: 'flattened: record size 0',
    make: (s) => patched(s.flattened(), be64(4104, 0n)),
    exitCode: 3,
    says: /flattened record 0\+0x\w+: size is 0/,
  },
  {
    name: 'flattened: record size -1',
    make: (s) => patched(s.flattened(), be64(4104, -1n)),
    exitCode: 3,
    says: /flattened record 0\+0x\w+: size is -1/,
  },
  {
    name: 'flattened: no end mark',
    make: (s) => s.flattened().slice(0, -16),
    exitCode: 1,
    says: /flattened: no end mark, the file ends in record 8 at byte \d+/,
  },
  {
    name: 'flattened: cut in its middle',
    make: (s) => s.flattened().slice(0, 40_000),
    exitCode: 3,
    says: /flattened: no end mark, the file ends in record 3 at byte \d+/,
  },
  {
    name: 'split: a part missing',
    make: (s) => parts(s)[0],
    exitCode: 3,
    says: /split dump: the part with pfns \d+ to \d+ is missing: \d+ pages/,
  },
  {
    name: 'split: the other part missing',
    make: (s) => parts(s)[1],
    exitCode: 1,
    says: /split dump: the part with pfns 0 to \d+ is missing: \d+ pages/,
  },
  {
    name: 'split: one part twice',
    make: (s) => [parts(s)[0], parts(s)[0]],
    exitCode: 3,
    says: /split dump: .* and .* are the same part: pfns 0 to \d+/,
  },
  {
    name: 'split: a part and an ELF file',
    make: (s) => [parts(s)[0], s.elf()],
    exitCode: 3,
    says: /not a part of a split kdump, and only those can be named together/,
  },
  {
    name: 'split: a part and a whole file',
    make: (s) => [parts(s)[0], s.kdump()],
    exitCode: 3,
    says: /split dump: .* is a whole dump, not a part/,
  },
  {
    name: 'split: two dumps',
    make: (s) => [s.elf(), s.elf()],
    exitCode: 3,
    says: /not a part of a split kdump, and only those can be named together/,
  },
  {
    name: 'split: a part cut',
    make: (s) => [parts(s)[0], parts(s)[1].slice(0, -9000)],
    exitCode: 3,
    says: /VMCOREINFO in the kdump sub-header: no page table in the dump maps swapper_pg_dir/,
  },
];
