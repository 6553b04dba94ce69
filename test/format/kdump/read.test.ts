import assert from 'node:assert/strict';
import type { KdumpFile } from '../../../src/format/kdump/read.ts';
import { isKdump, readKdump } from '../../../src/format/kdump/read.ts';
import { latin1 } from '../../../src/util/byte-reader.ts';
import { BytesSource } from '../../../src/util/io.ts';
import { Problems } from '../../../src/util/problems.ts';
import { binary } from '../../support/kdump-binary.ts';

function open(bytes: Uint8Array, problems?: Problems): KdumpFile {
  return readKdump(new BytesSource(bytes, 'by-hand.kdump'), problems);
}

const UTSNAME = `
  "Linux"        00*60   # sysname
  "node"         00*61   # nodename
  "6.1.0"        00*60   # release
  "#1 SMP"       00*59   # version
  "MACHINE"              # machine, replaced
  "(none)"       00*59   # domainname`;

function utsname(machine: string): string {
  const field = `"${machine}" 00*${65 - machine.length}`;
  return UTSNAME.replace('"MACHINE"', field);
}

/** Everything behind the sub-header: pfns 0, 2 and 3 are RAM, 0 and 3 stored. */
const BEHIND = `
  @0x2000 0d             # 1st bitmap: pfns 0, 2, 3
  @0x3000 09             # 2nd bitmap: pfns 0, 3
  @0x4000
  u64 0x4030             # page_desc[0].offset
  u32 4096               #   size
  u32 0                  #   flags: raw
  u64 0                  #   page_flags
  u64 0x5030             # page_desc[1].offset
  u32 4096
  u32 0
  u64 0
  11*4096                # page of pfn 0
  22*4096                # page of pfn 3
`;

const LP64 = `
  "KDUMP   "
  u32 6                  # header_version
  ${utsname('x86_64')}
  00*6                   # hole before timestamp
  u64 1700000000         # timestamp.tv_sec
  u64 123456             # timestamp.tv_usec
  u32 0x21               # status: zlib, zstd
  u32 4096               # block_size
  u32 1                  # sub_hdr_size
  u32 2                  # bitmap_blocks
  u32 4                  # max_mapnr
  u32 101                # total_ram_blocks
  u32 102                # device_blocks
  u32 103                # written_blocks
  u32 1                  # current_cpu
  u32 2                  # nr_cpus
  @0x1000
  u64 0xfffffffff0e00000 # phys_base, negative
  u32 31                 # dump_level
  u32 0                  # split
  u64 0                  # start_pfn
  u64 0                  # end_pfn
  u64 0x1100             # offset_vmcoreinfo
  u64 10                 # size_vmcoreinfo
  u64 0x10f0             # offset_note
  u64 0x20               # size_note
  u64 0x6030             # offset_eraseinfo
  u64 5                  # size_eraseinfo
  u64 0                  # start_pfn_64
  u64 0                  # end_pfn_64
  u64 4                  # max_mapnr_64
  @0x10f0 "note of 16 bytes" "OSRELEASE=" "padded"
  ${BEHIND}
  "erase"
`;

/** 32-bit main header: no hole of 6 but one of 2, and two 32-bit times. */
function ilp32(machine: string): string {
  return `
  "KDUMP   "
  u32 6                  # header_version
  ${utsname(machine)}
  00*2                   # hole before timestamp
  u32 1700000000         # timestamp.tv_sec
  u32 123456             # timestamp.tv_usec
  u32 1                  # status
  u32 4096               # block_size
  u32 1                  # sub_hdr_size
  u32 2                  # bitmap_blocks
  u32 4                  # max_mapnr
  u32 0 u32 0 u32 0      # total_ram_blocks, device_blocks, written_blocks
  u32 0                  # current_cpu
  u32 2                  # nr_cpus
  @0x1000
  u32 0x3c0000           # phys_base
  u32 1                  # dump_level
  u32 0                  # split
  u32 0                  # start_pfn
  u32 0                  # end_pfn
`;
}

const IA32 = `${ilp32('i686')}
  u64 0x1100             # offset_vmcoreinfo at 20: no hole
  u32 10                 # size_vmcoreinfo
  u64 0x10f0             # offset_note at 32
  u32 0x20               # size_note
  u64 0x6030             # offset_eraseinfo at 44
  u32 5                  # size_eraseinfo
  u64 0                  # start_pfn_64
  u64 0                  # end_pfn_64
  u64 4                  # max_mapnr_64 at 72
  @0x10f0 "note of 16 bytes" "OSRELEASE=" "padded"
  ${BEHIND}
  "erase"
`;

const ARM = `${ilp32('armv7l')}
  00*4                   # hole
  u64 0x1100             # offset_vmcoreinfo at 24
  u32 10                 # size_vmcoreinfo
  00*4                   # hole
  u64 0x10f0             # offset_note at 40
  u32 0x20               # size_note
  00*4                   # hole
  u64 0x6030             # offset_eraseinfo at 56
  u32 5                  # size_eraseinfo
  00*4                   # hole
  u64 0                  # start_pfn_64
  u64 0                  # end_pfn_64
  u64 4                  # max_mapnr_64 at 88
  @0x10f0 "note of 16 bytes" "OSRELEASE=" "padded"
  ${BEHIND}
  "erase"
`;

interface ByHand {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly abi: string;
  readonly littleEndian: boolean;
}

const BY_HAND: readonly ByHand[] = [
  { name: 'x86_64', bytes: binary(LP64), abi: 'lp64', littleEndian: true },
  {
    name: 's390x',
    bytes: binary(LP64.replace(utsname('x86_64'), utsname('s390x')), 'big'),
    abi: 'lp64',
    littleEndian: false,
  },
  {
    name: 'ppc64',
    bytes: binary(LP64.replace(utsname('x86_64'), utsname('ppc64')), 'big'),
    abi: 'lp64',
    littleEndian: false,
  },
  { name: 'i686', bytes: binary(IA32), abi: 'ilp32-pack4', littleEndian: true },
  { name: 'armv7l', bytes: binary(ARM), abi: 'ilp32-pad8', littleEndian: true },
  {
    name: 'big-endian 32-bit',
    bytes: binary(ARM.replace(utsname('armv7l'), utsname('ppc')), 'big'),
    abi: 'ilp32-pad8',
    littleEndian: false,
  },
  {
    name: 'armv7l with a 64-bit time_t',
    bytes: binary(
      LP64.slice(0, LP64.indexOf('@0x1000')).replace(utsname('x86_64'), utsname('armv7l')) +
        ARM.slice(ARM.indexOf('@0x1000')),
    ),
    abi: 'ilp32-pad8',
    littleEndian: true,
  },
  {
    name: 'no machine name, 64 bits (QEMU leaves most of utsname blank)',
    bytes: binary(LP64.replace(utsname('x86_64'), utsname(''))),
    abi: 'lp64',
    littleEndian: true,
  },
  {
    name: 'no machine name, packed 32 bits',
    bytes: binary(IA32.replace(utsname('i686'), utsname(''))),
    abi: 'ilp32-pack4',
    littleEndian: true,
  },
];

describe('isKdump', () => {
  it('knows both signatures and nothing else', () => {
    const is = (text: string): boolean => isKdump(new BytesSource(Buffer.from(text, 'latin1')));
    assert.equal(is('KDUMP   and more'), true);
    assert.equal(is('DISKDUMP'), true);
    assert.equal(is('KDUMP'), false);
    assert.equal(is('kdump   '), false);
    assert.equal(is('makedumpfile'), false);
  });
});

describe('readKdump', () => {
  for (const { name, bytes, abi, littleEndian } of BY_HAND) {
    it(`finds word size, alignment and byte order: ${name}`, () => {
      const { target } = open(bytes);
      assert.deepEqual(target, { abi, littleEndian });
    });

    it(`reads sub-header, bitmaps and descriptors: ${name}`, () => {
      const file = open(bytes);
      assert.equal(latin1(file.readVmcoreinfo()!), 'OSRELEASE=');
      assert.equal(latin1(file.readNotes()!).slice(0, 16), 'note of 16 bytes');
      assert.equal(file.readNotes()!.length, 0x20);
      assert.equal(latin1(file.readEraseinfo()!), 'erase');
      assert.equal(file.maxPfn, 4);
      assert.deepEqual(
        [0, 1, 2, 3, 4].map((pfn) => file.ramBitmap!.has(pfn)),
        [true, false, true, true, false],
      );
      assert.deepEqual(
        [0, 1, 2, 3, 4].map((pfn) => file.storedBitmap.has(pfn)),
        [true, false, false, true, false],
      );
      assert.equal(file.descriptorIndex(3), 1);
      assert.deepEqual(file.descriptors.read(1), { offset: 0x5030, size: 4096, flags: 0 });
    });
  }

  it('decodes every member of the main header', () => {
    assert.deepEqual(open(binary(LP64)).header, {
      signature: 'KDUMP   ',
      headerVersion: 6,
      utsname: {
        sysname: 'Linux',
        nodename: 'node',
        release: '6.1.0',
        version: '#1 SMP',
        machine: 'x86_64',
        domainname: '(none)',
      },
      timestamp: { sec: 1700000000, usec: 123456 },
      status: 0x21,
      blockSize: 4096,
      subHeaderBlocks: 1,
      bitmapBlocks: 2,
      maxMapnr: 4,
      totalRamBlocks: 101,
      deviceBlocks: 102,
      writtenBlocks: 103,
      currentCpu: 1,
      cpuCount: 2,
    });
  });

  it('decodes every member of the sub-header, phys_base as a signed number', () => {
    assert.deepEqual(open(binary(LP64)).subHeader, {
      physBase: -0xf200000n,
      dumpLevel: 31,
      split: false,
      startPfn: 0,
      endPfn: 0,
      vmcoreinfo: { offset: 0x1100, size: 10 },
      notes: { offset: 0x10f0, size: 0x20 },
      eraseinfo: { offset: 0x6030, size: 5 },
      maxMapnr64: 4,
    });
    assert.equal(open(binary(IA32)).subHeader.physBase, 0x3c0000n);
  });

  const MEMBERS_OF_VERSION: readonly [version: number, members: readonly string[]][] = [
    [1, ['physBase', 'dumpLevel']],
    [2, ['physBase', 'dumpLevel', 'split', 'startPfn', 'endPfn']],
    [3, ['physBase', 'dumpLevel', 'split', 'startPfn', 'endPfn', 'vmcoreinfo']],
    [4, ['physBase', 'dumpLevel', 'split', 'startPfn', 'endPfn', 'vmcoreinfo', 'notes']],
    [
      5,
      ['physBase', 'dumpLevel', 'split', 'startPfn', 'endPfn', 'vmcoreinfo', 'notes', 'eraseinfo'],
    ],
  ];
  for (const [version, members] of MEMBERS_OF_VERSION) {
    it(`does not take what follows a version ${version} sub-header for members of it`, () => {
      const text = LP64.replace('u32 6  ', `u32 ${version}  `);
      assert.deepEqual(Object.keys(open(binary(text)).subHeader), members);
    });
  }

  it('reads no sub-header in version 0, whose bitmaps start at block 1', () => {
    const text = `${LP64.slice(0, LP64.indexOf('@0x1000'))}
      @0x1000 0d
      @0x2000 09
      @0x3000 u64 0x3030 u32 4096 u32 0 u64 0 u64 0x3030 u32 4096 u32 0 u64 0 33*4096`
      .replace('u32 6  ', 'u32 0  ')
      .replace(/u32 1 +# sub_hdr_size/, 'u32 0')
      .replace('KDUMP   ', 'DISKDUMP');
    const file = open(binary(text));
    assert.deepEqual(file.subHeader, { physBase: 0n });
    assert.equal(file.header.signature, 'DISKDUMP');
    assert.equal(file.readVmcoreinfo(), undefined);
    assert.deepEqual(file.descriptors.read(1), { offset: 0x3030, size: 4096, flags: 0 });
  });

  it('takes the pfns of version 6 from the 64-bit members', () => {
    const text = LP64.replace('u32 0                  # split', 'u32 1 # split')
      .replace('u64 0                  # start_pfn_64', 'u64 2')
      .replace('u64 0                  # end_pfn_64', 'u64 4')
      .replace('u64 0                  # start_pfn\n', 'u64 1\n');
    const file = open(binary(text));
    assert.equal(file.isSplit, true);
    assert.deepEqual(file.pfns, { start: 2, end: 4 });
    assert.equal(file.descriptorIndex(3), 0);
  });

  it('believes max_mapnr_64 in version 6, and max_mapnr where that is zero or not there', () => {
    const max = (text: string): number => open(binary(text)).maxPfn;
    assert.equal(max(LP64.replace('u64 4  ', 'u64 3  ')), 3);
    assert.equal(max(LP64.replace('u64 4  ', 'u64 0  ')), 4);
    assert.equal(max(LP64.replace('u32 6  ', 'u32 5  ').replace('u64 4  ', 'u64 3  ')), 4);
  });

  it('takes all of the blocks as one bitmap where the pfns do not fit into half of them', () => {
    const pfns = 4096 * 8 + 1;
    const text = LP64.replace('u32 4        ', `u32 ${pfns}        `).replace(
      'u64 4  ',
      `u64 ${pfns}  `,
    );
    const file = open(binary(text));
    assert.equal(file.ramBitmap, undefined);
    assert.equal(file.storedBitmap.has(2), true);
    // What was the 2nd bitmap is the second half of the only one.
    assert.equal(file.storedBitmap.has(4096 * 8), true);
    assert.equal(file.storedBitmap.rank(4096 * 8), 3);
  });

  it('says that it reads a later version as 6', () => {
    const problems = new Problems();
    const file = open(binary(LP64.replace('u32 6  ', 'u32 7  ')), problems);
    assert.equal(file.maxPfn, 4);
    assert.match(problems.list[0]!.message, /header_version 7 is read as 6/);
  });

  it('sees the incomplete flag', () => {
    assert.equal(open(binary(LP64)).isIncomplete, false);
    assert.equal(open(binary(LP64.replace('u32 0x21 ', 'u32 0x29 '))).isIncomplete, true);
  });

  for (const blockSize of [0, 3, -1, 1 << 30, 0x12345678]) {
    it(`finds the block size by self-check where the file says ${blockSize}`, () => {
      const problems = new Problems();
      const wrong = `u32 ${blockSize >>> 0} # block_size`;
      const file = open(binary(LP64.replace(/u32 4096 +# block_size/, wrong)), problems);
      assert.equal(file.header.blockSize, 4096);
      assert.match(
        problems.list[0]!.message,
        /block_size is -?\d+, found by self-check to be 4096/,
      );
      assert.equal(latin1(file.readVmcoreinfo()!), 'OSRELEASE=');
    });
  }
});
