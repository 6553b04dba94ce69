// The containers that the test suite of libkdumpfile describes (its folder tests/, diskdump-* and
// elf-basic-flat), case by case, with files of our own making. Each test is named after the case.

import assert from 'node:assert/strict';
import type { PageCodec } from '../../../src/format/compress/pages.ts';
import { ready } from '../../../src/format/compress/pages.ts';
import { readFlattened } from '../../../src/format/flattened/read.ts';
import { FlattenedSink } from '../../../src/format/flattened/write.ts';
import type { KdumpFile } from '../../../src/format/kdump/read.ts';
import { readKdump } from '../../../src/format/kdump/read.ts';
import type { KdumpWriterOptions } from '../../../src/format/kdump/write.ts';
import { KdumpMemory } from '../../../src/memory/kdump-memory.ts';
import { latin1 } from '../../../src/util/byte-reader.ts';
import { FaultError } from '../../../src/util/errors.ts';
import { BytesSink, BytesSource } from '../../../src/util/io.ts';
import { Prng } from '../../../src/util/prng.ts';
import { Problems } from '../../../src/util/problems.ts';
import { binary } from '../../support/kdump-binary.ts';
import type { PageKind, PageKinds } from '../../support/kdump-builder.ts';
import { buildKdump, pageContent } from '../../support/kdump-builder.ts';

const VMCOREINFO = 'OSRELEASE=6.4.3-1-default\nPAGESIZE=4096\nCRASHTIME=1689103980\n';

const UTS = { sysname: 'Linux', nodename: 'test-node', release: '3.4.5-test', machine: 'x86_64' };

/** A file of ours, as it is or flattened in records of all sizes. */
function fileOf(
  kinds: PageKinds,
  options: Partial<KdumpWriterOptions> & { flat?: boolean } = {},
): KdumpFile {
  const { flat = false, ...rest } = options;
  const bytes = buildKdump(kinds, { maxPfn: 0x100, utsname: UTS, ...rest });
  if (!flat) return readKdump(new BytesSource(bytes));
  const sink = new BytesSink();
  const writer = new FlattenedSink(sink);
  const prng = new Prng(1);
  for (let at = 0; at < bytes.length;) {
    const length = prng.below(3000) + 1;
    writer.write(bytes.subarray(at, at + length), at);
    at += length;
  }
  writer.finish();
  return readKdump(readFlattened(new BytesSource(sink.bytes())));
}

function read(memory: KdumpMemory, paddr: number, length: number): Uint8Array {
  const into = new Uint8Array(length);
  memory.readInto(into, paddr);
  return into;
}

/** One page at pfn 0, and nothing else in 256 pfns. */
function basic(kind: PageKind, options: Parameters<typeof fileOf>[1] = {}): KdumpFile {
  const file = fileOf({ 0: kind }, options);
  const memory = new KdumpMemory([file]);
  assert.deepEqual([...memory.presentRanges()], [{ start: 0, end: 4096 }]);
  assert.equal(file.ramBitmap!.rank(0x100), 1);
  assert.deepEqual(read(memory, 0, 4096), pageContent(0));
  return file;
}

function withVmcoreinfo(flat: boolean): void {
  const vmcoreinfo = Buffer.from(VMCOREINFO);
  const file = basic('raw', { version: 3, vmcoreinfo, flat });
  assert.equal(latin1(file.readVmcoreinfo()!), VMCOREINFO);
}

interface Empty {
  readonly machine: string;
  readonly order: 'little' | 'big';
  readonly longBits: 32 | 64;
  readonly blockSize: number;
}

/** Headers alone: no block of sub-header, no bitmap, no page. */
function empty({ machine, order, longBits, blockSize }: Empty): void {
  const long = `u${longBits}`;
  const bytes = binary(
    `"KDUMP   " u32 6
     "Linux" 00*60 "test-node" 00*56 "3.4.5-test" 00*55 "#1 SMP" 00*59
     "${machine}" 00*${65 - machine.length} "(none)" 00*59
     00*${longBits === 64 ? 6 : 2}
     ${long} 1453470162 ${long} 4096                # a tv_usec that looks like a block size
     u32 0 u32 ${blockSize} u32 0 u32 0 u32 0       # status … max_mapnr
     u32 0 u32 0 u32 0 u32 0 u32 1                  # total_ram_blocks … nr_cpus
     @${blockSize} ${long} 0x3c0000 00*${longBits === 64 ? 96 : 92}`,
    order,
  );
  const file = readKdump(new BytesSource(bytes));
  assert.equal(file.target.littleEndian, order === 'little');
  assert.equal(file.target.abi === 'lp64', longBits === 64);
  assert.equal(file.header.blockSize, blockSize);
  assert.equal(file.header.utsname.machine, machine);
  assert.equal(file.header.utsname.nodename, 'test-node');
  assert.equal(file.subHeader.physBase, 0x3c0000n);
  const memory = new KdumpMemory([file]);
  assert.equal(memory.end, 0);
  assert.equal(memory.stateOf(0), 'not-in-dump');
  assert.deepEqual([...memory.presentRanges()], []);
}

function excluded(): void {
  const memory = new KdumpMemory([fileOf({ 0: 'raw', 1: 'exclude', 2: 'raw' })]);
  assert.deepEqual(
    [0, 1, 2, 3].map((pfn) => memory.stateOf(pfn * 4096)),
    ['present', 'excluded', 'present', 'not-in-dump'],
  );
  assert.throws(
    () => read(memory, 0, 0x3000),
    (error) => error instanceof FaultError && error.reason === 'excluded',
  );
}

const SPLIT_PAGES: PageKinds = { 0: 'raw', 1: 'raw', 2: 'raw', 3: 'raw', 4: 'raw', 5: 'raw' };

/** Three parts that hold pfns 1, 2 and 3 to 4 of the pages 0 to 5. */
function split(flat: readonly [boolean, boolean, boolean]): void {
  const ranges = [
    { start: 1, end: 2 },
    { start: 2, end: 3 },
    { start: 3, end: 5 },
  ];
  const part = (index: number): KdumpFile =>
    fileOf(SPLIT_PAGES, { split: ranges[index]!, flat: flat[index]! });
  const first = new KdumpMemory([part(0)]);
  assert.deepEqual(read(first, 0x1000, 8), pageContent(1).subarray(0, 8));
  assert.throws(() => read(first, 0x2000, 8), FaultError);

  const pfnsOf = (indexes: readonly number[]): number[] => {
    const memory = new KdumpMemory(indexes.map(part));
    return [0, 1, 2, 3, 4, 5].filter((pfn) => memory.stateOf(pfn * 4096) === 'present');
  };
  assert.deepEqual(pfnsOf([0, 1, 2]), [1, 2, 3, 4]);
  assert.deepEqual(pfnsOf([1, 2, 0]), [1, 2, 3, 4]);
  assert.deepEqual(pfnsOf([2, 0]), [1, 3, 4]);

  const problems = new Problems();
  const memory = new KdumpMemory([part(0), part(1), part(2)], problems);
  for (const pfn of [1, 2, 3]) {
    const both = Buffer.concat([
      pageContent(pfn).subarray(-4),
      pageContent(pfn + 1).subarray(0, 4),
    ]);
    assert.deepEqual(read(memory, (pfn + 1) * 4096 - 4, 8), new Uint8Array(both));
  }
  assert.deepEqual(
    problems.list.map(({ message }) => message),
    [
      'the part with pfns 0 to 0 is missing: 1 pages',
      'the part with pfns 5 to 255 is missing: 1 pages',
    ],
  );
}

/** 128 compressed pages read in no order at all, through two caches of one file. */
function multiread(): void {
  const kinds = Object.fromEntries(Array.from({ length: 128 }, (_, pfn) => [pfn, 'zlib']));
  const file = fileOf(kinds as PageKinds, { maxPfn: 128 });
  const memories = [new KdumpMemory([file]), new KdumpMemory([file])];
  const prng = new Prng(7);
  for (let n = 0; n < 1000; n++) {
    const pfn = prng.below(128);
    const inPage = prng.below(4096 - 16);
    const bytes = read(prng.pick(memories), pfn * 4096 + inPage, 16);
    assert.deepEqual(bytes, pageContent(pfn).slice(inPage, inPage + 16));
  }
}

function ilp32(abi: 'ilp32-pack4' | 'ilp32-pad8', machine: string): void {
  const file = basic('raw', {
    maxPfn: 1,
    target: { abi, littleEndian: true },
    utsname: { ...UTS, machine },
    vmcoreinfo: Buffer.from(VMCOREINFO),
    notes: Buffer.from('two PRSTATUS notes'),
    cpuCount: 2,
  });
  assert.equal(file.target.abi, abi);
  assert.equal(file.maxPfn, 1);
  assert.equal(file.header.cpuCount, 2);
  assert.equal(latin1(file.readVmcoreinfo()!), VMCOREINFO);
  assert.equal(latin1(file.readNotes()!), 'two PRSTATUS notes');
}

/** A flattened file that is no kdump: the layer does not care what is inside. */
function flattenedElf(): void {
  const sink = new BytesSink();
  const writer = new FlattenedSink(sink);
  writer.write(Buffer.from('page'), 0x1000);
  writer.write(Buffer.from('\x7fELF'), 0);
  writer.finish();
  const source = readFlattened(new BytesSource(sink.bytes()));
  const bytes = new Uint8Array(0x1004);
  assert.equal(source.readInto(bytes, 0), 0x1004);
  assert.equal(latin1(bytes.subarray(0, 4)), '\x7fELF');
  assert.equal(latin1(bytes.subarray(0x1000)), 'page');
}

const codec = (kind: PageCodec) => () => void basic(kind);

const CASES: Readonly<Record<string, () => void>> = {
  'diskdump-basic-raw': () => void basic('raw'),
  'diskdump-basic-zlib': codec('zlib'),
  'diskdump-basic-lzo': codec('lzo'),
  'diskdump-basic-snappy': codec('snappy'),
  'diskdump-basic-zstd': codec('zstd'),
  'diskdump-basic-vmcoreinfo': () => withVmcoreinfo(false),
  'diskdump-flat-raw': () => void basic('raw', { flat: true }),
  'diskdump-flat-vmcoreinfo': () => withVmcoreinfo(true),
  'diskdump-empty-i386': () =>
    empty({ machine: 'i686', order: 'little', longBits: 32, blockSize: 4096 }),
  'diskdump-empty-ppc64': () =>
    empty({ machine: 'ppc64', order: 'big', longBits: 64, blockSize: 65536 }),
  'diskdump-empty-s390x': () =>
    empty({ machine: 's390x', order: 'big', longBits: 64, blockSize: 65536 }),
  'diskdump-empty-x86_64': () =>
    empty({ machine: 'x86_64', order: 'little', longBits: 64, blockSize: 4096 }),
  'diskdump-excluded': excluded,
  'diskdump-multiread': multiread,
  'diskdump-split': () => split([false, false, false]),
  'diskdump-split-flat': () => split([true, true, true]),
  'diskdump-split-mixed': () => split([false, true, false]),
  'diskdump-v6-arm': () => ilp32('ilp32-pad8', 'armv7l'),
  'diskdump-v6-ia32': () => ilp32('ilp32-pack4', 'i686'),
  'elf-basic-flat': flattenedElf,
};

describe('the diskdump cases of libkdumpfile', () => {
  before(ready);

  for (const [name, check] of Object.entries(CASES)) it(name, check);
});
