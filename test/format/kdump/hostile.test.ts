// Damaged kdump files: each ends in a FormatError that names the place, or opens and says which
// pages it cannot give.

import assert from 'node:assert/strict';
import { ready } from '../../../src/format/compress/pages.ts';
import { readKdump } from '../../../src/format/kdump/read.ts';
import { KdumpMemory } from '../../../src/memory/kdump-memory.ts';
import { FormatError, VmcoreError } from '../../../src/util/errors.ts';
import { BytesSource } from '../../../src/util/io.ts';
import { Prng } from '../../../src/util/prng.ts';
import { Problems } from '../../../src/util/problems.ts';
import type { PageKinds } from '../../support/kdump-builder.ts';
import { buildKdump } from '../../support/kdump-builder.ts';

/** LP64 offsets in the file of {@link intact}: its blocks are 4096 bytes. */
const AT = {
  version: 8,
  blockSize: 428,
  subHeaderBlocks: 432,
  bitmapBlocks: 436,
  maxMapnr: 440,
  split: 0x1000 + 12,
  offsetVmcoreinfo: 0x1000 + 32,
  sizeVmcoreinfo: 0x1000 + 40,
  offsetNote: 0x1000 + 48,
  sizeNote: 0x1000 + 56,
  offsetEraseinfo: 0x1000 + 64,
  sizeEraseinfo: 0x1000 + 72,
  startPfn64: 0x1000 + 80,
  endPfn64: 0x1000 + 88,
  maxMapnr64: 0x1000 + 96,
  bitmap2: 0x3000,
  desc: (index: number) => ({
    offset: 0x4000 + 24 * index,
    size: 0x4000 + 24 * index + 8,
    flags: 0x4000 + 24 * index + 12,
  }),
} as const;

const KINDS: PageKinds = { 0: 'zlib', 1: 'raw', 2: 'zstd', 3: 'lzo', 4: 'snappy', 7: 'exclude' };

function intact(): Uint8Array {
  return buildKdump(KINDS, {
    notes: Buffer.from('notes'),
    vmcoreinfo: Buffer.from('OSRELEASE=6'),
    eraseinfo: Buffer.from('erased'),
  });
}

type Patch = (view: DataView) => void;

const u32 =
  (at: number, value: number): Patch =>
  (view) =>
    view.setUint32(at, value, true);
const u64 =
  (at: number, value: bigint): Patch =>
  (view) =>
    view.setBigUint64(at, value, true);

function damaged(patches: readonly Patch[], size?: number): BytesSource {
  const bytes = intact();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const patch of patches) patch(view);
  return new BytesSource(bytes.subarray(0, size), 'damaged.kdump');
}

/** Opens and does everything that can be done with the file. */
function useAll(source: BytesSource): void {
  const file = readKdump(source);
  file.readVmcoreinfo();
  file.readNotes();
  file.readEraseinfo();
  const memory = new KdumpMemory([file]);
  for (const { start, end } of memory.presentRanges()) {
    for (let at = start; at < end; at += memory.pageSize) memory.readInto(new Uint8Array(8), at);
  }
}

const M1 = 0xffffffffffffffffn;

const REFUSED: readonly [what: string, patches: readonly Patch[], message: RegExp][] = [
  ['wrong magic', [u32(0, 0x4d55444b ^ 1)], /disk_dump_header\+0x0: expected "KDUMP {3}"/],
  ['header_version 2^31', [u32(AT.version, 0x80000000)], /header_version is -2147483648/],
  ['header_version 0x1234', [u32(AT.version, 0x12345678)], /header_version is 305419896/],
  [
    'block_size 0 and no descriptor to find it by',
    [u32(AT.blockSize, 0), u64(AT.desc(0).offset, 0n)],
    /block_size is 0, expected a power of two/,
  ],
  [
    'block_size 1 GiB and no descriptor to find it by',
    [u32(AT.blockSize, 1 << 30), u64(AT.desc(0).offset, 0n)],
    /block_size is 1073741824/,
  ],
  ['sub_hdr_size 0', [u32(AT.subHeaderBlocks, 0)], /sub_hdr_size is 0 blocks/],
  ['sub_hdr_size -1', [u32(AT.subHeaderBlocks, 0xffffffff)], /sub_hdr_size is -1 blocks/],
  ['sub_hdr_size 2^31 - 1', [u32(AT.subHeaderBlocks, 0x7fffffff)], /bitmaps.*bitmaps end at byte/],
  [
    'bitmap_blocks 2^32 - 1',
    [u32(AT.bitmapBlocks, 0xffffffff)],
    /bitmaps end at byte \d+, damaged.kdump at/,
  ],
  [
    'bitmap_blocks past the end',
    [u32(AT.bitmapBlocks, 100)],
    /bitmaps\+0x2000: bitmaps end at byte/,
  ],
  [
    'bitmap_blocks 0',
    [u32(AT.bitmapBlocks, 0)],
    /bitmap_blocks 0 hold 0 bits, expected max_mapnr 8/,
  ],
  ['max_mapnr 2^32 - 1', [u32(AT.maxMapnr, 0xffffffff)], /bitmap_blocks 2 hold 65536 bits/],
  [
    'offset_vmcoreinfo past the end',
    [u64(AT.offsetVmcoreinfo, 1n << 40n)],
    /VMCOREINFO: expected 11 bytes at byte/,
  ],
  [
    'offset_vmcoreinfo 2^64 - 1',
    [u64(AT.offsetVmcoreinfo, M1)],
    /offset_vmcoreinfo is 0xf+, expected less/,
  ],
  ['size_vmcoreinfo 2^52', [u64(AT.sizeVmcoreinfo, 1n << 52n)], /VMCOREINFO: size is \d+ bytes/],
  ['size_vmcoreinfo 2^64 - 1', [u64(AT.sizeVmcoreinfo, M1)], /size_vmcoreinfo is 0xf+/],
  ['offset_note past the end', [u64(AT.offsetNote, 1n << 33n)], /notes: expected 5 bytes/],
  ['size_note 1 GiB', [u64(AT.sizeNote, 1n << 30n)], /notes: size is 1073741824 bytes/],
  ['size_note more than the file', [u64(AT.sizeNote, 1n << 20n)], /notes: expected 1048576 bytes/],
  ['offset_eraseinfo past the end', [u64(AT.offsetEraseinfo, 1n << 33n)], /eraseinfo: expected 6/],
  ['size_eraseinfo 2^63', [u64(AT.sizeEraseinfo, 1n << 63n)], /size_eraseinfo is 0x8/],
  ['max_mapnr_64 2^64 - 1', [u64(AT.maxMapnr64, M1)], /max_mapnr_64 is 0xf+, expected less/],
  [
    'start_pfn_64 above end_pfn_64',
    [u32(AT.split, 1), u64(AT.startPfn64, 5n), u64(AT.endPfn64, 4n)],
    /start_pfn 5 is above end_pfn 4/,
  ],
  ['start_pfn_64 2^60', [u32(AT.split, 1), u64(AT.startPfn64, 1n << 60n)], /start_pfn_64 is 0x1/],
  [
    'a page with the data of another codec',
    [u32(AT.desc(0).flags, 2)],
    /page of pfn 0 \(damaged.kdump, byte \d+\)/,
  ],
  ['a page with two codecs', [u32(AT.desc(0).flags, 3)], /flags are 0x3/],
  ['a page with an unknown flag', [u32(AT.desc(0).flags, 0x100)], /flags are 0x100/],
  ['a raw page of half a block', [u32(AT.desc(1).size, 2048)], /size is 2048, expected 4096/],
  ['a raw page of no bytes', [u32(AT.desc(1).size, 0)], /size is 0, expected 4096/],
  ['a compressed page of no bytes', [u32(AT.desc(2).size, 0)], /page of pfn 2/],
  [
    'a compressed page cut by a byte',
    [(view) => view.setUint32(AT.desc(0).size, view.getUint32(AT.desc(0).size, true) - 1, true)],
    /page of pfn 0/,
  ],
  ['compressed data that is the header', [u64(AT.desc(3).offset, 8n)], /page of pfn 3/],
];

const PARTIAL: readonly [
  what: string,
  patches: readonly Patch[],
  states: Record<number, string>,
][] = [
  [
    'a zero descriptor',
    [u64(AT.desc(1).offset, 0n)],
    { 0: 'present', 1: 'truncated', 2: 'present' },
  ],
  ['page data past the end', [u64(AT.desc(1).offset, 1n << 40n)], { 1: 'truncated', 2: 'present' }],
  [
    'page data that ends past the end',
    [u32(AT.desc(4).size, 1 << 20)],
    { 3: 'present', 4: 'truncated' },
  ],
  ['an offset of 2^64 - 1', [u64(AT.desc(1).offset, M1)], { 0: 'present', 1: 'truncated' }],
  ['a size of 2^32 - 1', [u32(AT.desc(1).size, 0xffffffff)], { 0: 'present', 1: 'truncated' }],
  ['a bit too many in the 2nd bitmap', [u32(AT.bitmap2, 0x3f)], { 4: 'present', 5: 'truncated' }],
  [
    'no bit in the 2nd bitmap',
    [u32(AT.bitmap2, 0)],
    { 0: 'excluded', 7: 'excluded', 6: 'not-in-dump' },
  ],
  [
    'max_mapnr_64 2^40',
    [u64(AT.maxMapnr64, 1n << 40n)],
    { 0: 'present', 5: 'not-in-dump', 7: 'excluded' },
  ],
  [
    'max_mapnr_64 that would make one bitmap of the two',
    [u64(AT.maxMapnr64, 40000n)],
    { 0: 'present', 5: 'not-in-dump', 7: 'excluded' },
  ],
  [
    'start_pfn_64 beyond the last pfn',
    [u32(AT.split, 1), u64(AT.startPfn64, 1n << 40n), u64(AT.endPfn64, 1n << 41n)],
    { 0: 'not-in-dump', 7: 'not-in-dump' },
  ],
];

describe('readKdump of damaged files', () => {
  before(ready);

  it('takes the undamaged file of these tests', () => useAll(damaged([])));

  for (const [what, patches, message] of REFUSED) {
    it(`names the place: ${what}`, () => {
      assert.throws(
        () => useAll(damaged(patches)),
        (error) => {
          assert.ok(error instanceof FormatError, String(error));
          let chain = error.message;
          if (error.cause instanceof Error) chain += `: ${error.cause.message}`;
          assert.match(chain, message);
          return true;
        },
      );
    });
  }

  for (const [what, patches, states] of PARTIAL) {
    it(`says which pages it has: ${what}`, () => {
      const memory = new KdumpMemory([readKdump(damaged(patches))]);
      for (const [pfn, state] of Object.entries(states)) {
        assert.equal(memory.stateOf(Number(pfn) * 4096), state, `pfn ${pfn}`);
      }
      for (const { start, end } of memory.presentRanges()) {
        for (let at = start; at < end; at += 4096) assert.equal(memory.stateOf(at), 'present');
      }
    });
  }

  it('reports max_mapnr_64 beyond the bitmaps', () => {
    const problems = new Problems();
    readKdump(damaged([u64(AT.maxMapnr64, 1n << 40n)]), problems);
    assert.match(
      problems.list[0]!.message,
      /max_mapnr_64 is 1099511627776, bitmaps and main header say 8/,
    );
  });

  it('cut anywhere, throws a FormatError or keeps every page that is whole', () => {
    const whole = intact();
    for (let size = 0; size < whole.length; size += size < 0x4000 ? 251 : 67) {
      let memory: KdumpMemory;
      try {
        memory = new KdumpMemory([readKdump(new BytesSource(whole.subarray(0, size)))]);
      } catch (error) {
        assert.ok(error instanceof FormatError, String(error));
        assert.ok(size < 0x4000, `refused at ${size} although the bitmaps are there`);
        continue;
      }
      const listed = [...memory.presentRanges()].reduce(
        (sum, { start, end }) => sum + end - start,
        0,
      );
      let present = 0;
      for (let pfn = 0; pfn < 5; pfn++) {
        const state = memory.stateOf(pfn * 4096);
        assert.ok(state === 'present' || state === 'truncated', `${state} at size ${size}`);
        if (state !== 'present') continue;
        memory.readInto(new Uint8Array(4096), pfn * 4096);
        present++;
      }
      assert.equal(listed, present * 4096);
    }
  });

  it('with random bytes changed, gives values or VmcoreErrors (seeds 1 to 400)', () => {
    for (let seed = 1; seed <= 400; seed++) {
      const prng = new Prng(seed);
      const bytes = intact();
      for (let n = prng.below(6) + 1; n > 0; n--) {
        // Headers, bitmaps and descriptors, and a little of the data.
        const at = prng.pick([408, 0x1000, 0x2000, 0x3000, 0x4000]) + prng.below(120);
        bytes[at] = prng.pick([0, 1, 0x7f, 0x80, 0xff, prng.below(256)]);
      }
      try {
        useAll(new BytesSource(bytes));
      } catch (error) {
        assert.ok(error instanceof VmcoreError, `seed ${seed}: ${String(error)}`);
      }
    }
  });
});
