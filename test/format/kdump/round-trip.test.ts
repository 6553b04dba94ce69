import assert from 'node:assert/strict';
import { ready } from '../../../src/format/compress/pages.ts';
import type { KdumpAbi } from '../../../src/format/kdump/layout.ts';
import { readKdump } from '../../../src/format/kdump/read.ts';
import type { KdumpWriterOptions } from '../../../src/format/kdump/write.ts';
import { KdumpWriter } from '../../../src/format/kdump/write.ts';
import { KdumpMemory } from '../../../src/memory/kdump-memory.ts';
import { AssertionError } from '../../../src/util/assert.ts';
import { latin1 } from '../../../src/util/byte-reader.ts';
import { BytesSink, BytesSource } from '../../../src/util/io.ts';
import type { PageKind, PageKinds } from '../../support/kdump-builder.ts';
import { buildKdump, openBuilt, pageContent } from '../../support/kdump-builder.ts';
import { SparseFile } from '../../support/kdump-sparse.ts';

const ABIS: readonly KdumpAbi[] = ['lp64', 'ilp32-pack4', 'ilp32-pad8'];
const MACHINES: Record<KdumpAbi, string> = {
  lp64: 'x86_64',
  'ilp32-pack4': 'i686',
  'ilp32-pad8': 'armv7l',
};
const KINDS: readonly PageKind[] = ['raw', 'zlib', 'lzo', 'snappy', 'zstd'];

/** Two pages before and after a hole, a page of zeros twice, an excluded one. */
function pagesStored(kind: PageKind): PageKinds {
  return { 0: kind, 1: kind, 2: 'zero', 3: 'exclude', 10: 'zero', 11: kind };
}

function checkPages(bytes: Uint8Array, kinds: PageKinds): void {
  const memory = new KdumpMemory([readKdump(new BytesSource(bytes))]);
  const size = memory.pageSize;
  const page = new Uint8Array(size);
  for (let pfn = 0; pfn < memory.end / size; pfn++) {
    const kind = kinds[pfn];
    const state = kind === undefined ? 'not-in-dump' : kind === 'exclude' ? 'excluded' : 'present';
    assert.equal(memory.stateOf(pfn * size), state, `pfn ${pfn}`);
    if (state !== 'present') continue;
    memory.readInto(page, pfn * size);
    assert.deepEqual(page, kind === 'zero' ? new Uint8Array(size) : pageContent(pfn, size));
  }
}

describe('KdumpWriter', () => {
  before(ready);

  for (const kind of KINDS) {
    for (let blockSize = 1 << 10; blockSize <= 1 << 16; blockSize *= 2) {
      it(`writes what readKdump reads: ${kind}, blocks of ${blockSize}`, () => {
        const kinds = pagesStored(kind);
        checkPages(buildKdump(kinds, { blockSize }), kinds);
      });
    }
  }

  for (const abi of ABIS) {
    for (const littleEndian of [true, false]) {
      for (let version = 1; version <= 6; version++) {
        const target = { abi, littleEndian };
        it(`writes every version: ${version}, ${abi}, ${littleEndian ? 'little' : 'big'}`, () => {
          checkVersion({ version, target });
        });
      }
    }
  }

  function checkVersion(options: Required<Pick<KdumpWriterOptions, 'version' | 'target'>>): void {
    const { version, target } = options;
    const kinds = pagesStored('zlib');
    const notes = Buffer.from('notes with VMCOREINFO text inside');
    const vmcoreinfo = Buffer.from('VMCOREINFO text');
    const bytes = buildKdump(kinds, {
      ...options,
      utsname: { machine: MACHINES[target.abi] },
      notes,
      vmcoreinfo,
      eraseinfo: Buffer.from('erase jiffies\n'),
      physBase: target.abi === 'lp64' ? -0x1000000n : 0x1000000n,
      dumpLevel: 31,
      timestamp: { sec: 1_700_000_000, usec: 999_999 },
      status: 1,
    });
    const file = readKdump(new BytesSource(bytes));
    assert.equal(file.header.headerVersion, version);
    // Up to version 2 there is no way to tell the two ILP32 layouts apart, and no need to.
    if (version > 2) assert.deepEqual(file.target, target);
    const text = (part: Uint8Array | undefined): string | undefined => part && latin1(part);
    assert.equal(text(file.readVmcoreinfo()), version >= 3 ? 'VMCOREINFO text' : undefined);
    assert.equal(text(file.readNotes()), version >= 4 ? latin1(notes) : undefined);
    assert.equal(text(file.readEraseinfo()), version >= 5 ? 'erase jiffies\n' : undefined);
    assert.deepEqual(file.header.timestamp, { sec: 1_700_000_000, usec: 999_999 });
    assert.equal(file.subHeader.dumpLevel, 31);
    checkPages(bytes, kinds);
  }

  it('stores VMCOREINFO once where the notes hold it, as makedumpfile does', () => {
    const notes = Buffer.from('xxxxVMCOREINFO');
    const file = openBuilt({ 0: 'raw' }, { notes, vmcoreinfo: Buffer.from('VMCOREINFO') });
    assert.equal(file.subHeader.vmcoreinfo!.offset, file.subHeader.notes!.offset + 4);
  });

  it('writes one bitmap if asked, in which a clear bit is no RAM', () => {
    const file = openBuilt({ 0: 'raw', 2: 'zlib' }, { bitmapCount: 1 });
    assert.equal(file.header.bitmapBlocks, 1);
    assert.equal(file.ramBitmap, undefined);
    const memory = new KdumpMemory([file]);
    assert.deepEqual(
      [0, 1, 2].map((pfn) => memory.stateOf(pfn * 4096)),
      ['present', 'not-in-dump', 'present'],
    );
  });

  it('shares one copy of the page of zeros', () => {
    const file = openBuilt({ 0: 'zero', 1: 'raw', 2: 'zero', 9: 'zero' });
    const offsets = [0, 2, 3].map((index) => file.descriptors.read(index)!.offset);
    assert.equal(new Set(offsets).size, 1);
  });

  it('writes a file without a page that reaches the end of its bitmaps', () => {
    const file = openBuilt({}, { maxPfn: 100_000 });
    assert.equal(file.source.size, (2 + 2 * 4) * 4096);
    assert.deepEqual([...new KdumpMemory([file]).presentRanges()], []);
  });

  it('writes the file of a machine of no memory', () => {
    const file = openBuilt({});
    assert.equal(file.maxPfn, 0);
    assert.equal(file.header.bitmapBlocks, 0);
  });

  it('leaves holes where a machine of a terabyte has nothing, and so does the reader', () => {
    const file = new SparseFile();
    const pfnCount = 2 ** 28;
    const writer = new KdumpWriter(file, { maxPfn: pfnCount, storedCountMax: 2 });
    writer.addExcluded({ start: 0, end: 1 << 20 });
    writer.addPage(1 << 27, pageContent(1));
    writer.addPage(pfnCount - 1, pageContent(2));
    writer.finish();
    assert.equal(file.size, 2 * 4096 + 2 * (2 ** 28 / 8) + 2 * 24 + 2 * 4096);
    // 128 KiB of bitmap for the excluded pages, 32 KiB or less for each page, and the rest.
    assert.ok(file.storedBytes < 350_000, `${file.storedBytes} bytes`);

    const memory = new KdumpMemory([readKdump(file)]);
    assert.equal(memory.stateOf(2 ** 40 - 1), 'present');
    assert.equal(memory.stateOf(2 ** 32 - 1), 'excluded');
    assert.equal(memory.stateOf(2 ** 32), 'not-in-dump');
    // One bitmap was counted up to its end, 32 MiB, and none was kept.
    assert.ok(file.bytesRead < 34 << 20, `${file.bytesRead} bytes read`);
    const page = new Uint8Array(4096);
    memory.readInto(page, 2 ** 40 - 4096);
    assert.deepEqual(page, pageContent(2));
    assert.deepEqual(
      [...memory.presentRanges()],
      [
        { start: 2 ** 39, end: 2 ** 39 + 4096 },
        { start: 2 ** 40 - 4096, end: 2 ** 40 },
      ],
    );
  });

  it('refuses pfns out of order, beyond maxPfn, and more pages than it was told', () => {
    const start = (): KdumpWriter => {
      const writer = new KdumpWriter(new BytesSink(), { maxPfn: 8, storedCountMax: 1 });
      writer.addPage(4, pageContent(4));
      return writer;
    };
    assert.throws(() => start().addPage(4, pageContent(4)), AssertionError);
    assert.throws(() => start().addExcluded({ start: 3, end: 4 }), AssertionError);
    assert.throws(() => start().addExcluded({ start: 7, end: 9 }), AssertionError);
    assert.throws(() => start().addPage(5, pageContent(5)), /storedCountMax/);
  });
});
