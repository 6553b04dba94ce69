import assert from 'node:assert/strict';
import { ready } from '../../src/format/compress/pages.ts';
import type { KdumpFile } from '../../src/format/kdump/read.ts';
import { readKdump } from '../../src/format/kdump/read.ts';
import { FlattenedSink } from '../../src/format/flattened/write.ts';
import { readFlattened } from '../../src/format/flattened/read.ts';
import { KdumpMemory } from '../../src/memory/kdump-memory.ts';
import type { PhysicalRange } from '../../src/memory/physical.ts';
import { FaultError } from '../../src/util/errors.ts';
import type { ByteSource } from '../../src/util/io.ts';
import { BytesSink, BytesSource } from '../../src/util/io.ts';
import { Problems } from '../../src/util/problems.ts';
import type { PageKinds } from '../support/kdump-builder.ts';
import { buildKdump, openBuilt, pageContent } from '../support/kdump-builder.ts';

/** Every codec, both ways to be absent, and a page that the writer lost. */
const MIXED: PageKinds = {
  0: 'raw',
  1: 'zlib',
  2: 'lzo',
  3: 'snappy',
  4: 'zstd',
  5: 'zero',
  6: 'exclude',
  8: 'zero',
  9: 'lost',
  10: 'zlib',
};

function read(memory: KdumpMemory, paddr: number, length: number): Uint8Array {
  const into = new Uint8Array(length);
  memory.readInto(into, paddr);
  return into;
}

function expected(kinds: PageKinds, pfn: number): Uint8Array {
  return kinds[pfn] === 'zero' ? new Uint8Array(4096) : pageContent(pfn);
}

function fault(memory: KdumpMemory, paddr: number, length = 8): FaultError {
  try {
    read(memory, paddr, length);
  } catch (error) {
    assert.ok(error instanceof FaultError, String(error));
    return error;
  }
  return assert.fail('expected a FaultError');
}

/** Counts what is read from a source. */
class CountingSource implements ByteSource {
  readonly name: string;
  readonly size: number;
  bytesRead = 0;
  readonly #inner: ByteSource;

  constructor(inner: ByteSource) {
    this.#inner = inner;
    this.name = inner.name;
    this.size = inner.size;
  }

  readInto(into: Uint8Array, offset: number): number {
    const got = this.#inner.readInto(into, offset);
    this.bytesRead += got;
    return got;
  }
}

describe('KdumpMemory', () => {
  before(ready);

  it('reads pages of every codec mixed in one file', () => {
    const memory = new KdumpMemory([openBuilt(MIXED)]);
    for (const pfn of [0, 1, 2, 3, 4, 5, 8, 10]) {
      assert.deepEqual(read(memory, pfn * 4096, 4096), expected(MIXED, pfn), `pfn ${pfn}`);
      // A short read goes through the page cache, a long one past it.
      assert.deepEqual(read(memory, pfn * 4096 + 100, 50), expected(MIXED, pfn).slice(100, 150));
    }
  });

  it('starts the decompressors by itself when opened with open()', async () => {
    const memory = await KdumpMemory.open([openBuilt({ 0: 'zstd' })]);
    assert.deepEqual(read(memory, 0, 4096), pageContent(0));
  });

  const STATES: readonly [pfn: number, state: string][] = [
    [0, 'present'],
    [5, 'present'],
    [6, 'excluded'],
    [7, 'not-in-dump'],
    [9, 'truncated'],
    [11, 'not-in-dump'],
    [2 ** 40, 'not-in-dump'],
  ];
  for (const [pfn, state] of STATES) {
    it(`says of pfn ${pfn}: ${state}`, () => {
      const memory = new KdumpMemory([openBuilt(MIXED)]);
      assert.equal(memory.stateOf(pfn * 4096 + 4095), state);
      if (state === 'present') return;
      const error = fault(memory, pfn * 4096 + 16);
      assert.equal(error.reason, state);
      assert.equal(error.address, BigInt(pfn * 4096 + 16));
      assert.equal(error.space, 'physical');
    });
  }

  it('reads across pages up to the first byte that is not there, and names that', () => {
    const memory = new KdumpMemory([openBuilt(MIXED)]);
    const whole = read(memory, 100, 6 * 4096 - 200);
    const pages = Buffer.concat([0, 1, 2, 3, 4, 5].map((pfn) => expected(MIXED, pfn)));
    assert.deepEqual(whole, new Uint8Array(pages.subarray(100, 6 * 4096 - 100)));
    assert.equal(fault(memory, 4 * 4096 + 1, 3 * 4096).address, BigInt(6 * 4096));
    assert.equal(fault(memory, 8 * 4096 - 8, 16).address, BigInt(8 * 4096 - 8));
  });

  it('lists the present ranges, merged, without lost pages', () => {
    const memory = new KdumpMemory([openBuilt(MIXED)]);
    assert.deepEqual(
      [...memory.presentRanges()],
      [
        { start: 0, end: 6 * 4096 },
        { start: 8 * 4096, end: 9 * 4096 },
        { start: 10 * 4096, end: 11 * 4096 },
      ],
    );
  });

  it('ends one past the last pfn, in blocks of the file', () => {
    const memory = new KdumpMemory([openBuilt({ 2: 'zlib' }, { blockSize: 16384 })]);
    assert.equal(memory.pageSize, 16384);
    assert.equal(memory.end, 3 * 16384);
    assert.deepEqual(read(memory, 2 * 16384, 16384), pageContent(2, 16384));
  });

  it('tells the observer of each range before it is read', () => {
    const memory = new KdumpMemory([openBuilt(MIXED)]);
    const ranges: PhysicalRange[] = [];
    memory.onRead = (range) => ranges.push(range);
    read(memory, 16, 8);
    fault(memory, 6 * 4096, 8);
    assert.deepEqual(ranges, [
      { start: 16, end: 24 },
      { start: 6 * 4096, end: 6 * 4096 + 8 },
    ]);
  });

  it('reads the one copy of the page of zeros once for all pages in a row that share it', () => {
    const kinds = Object.fromEntries(Array.from({ length: 100 }, (_, pfn) => [pfn, 'zero']));
    const source = new CountingSource(new BytesSource(buildKdump(kinds as PageKinds)));
    const memory = new KdumpMemory([readKdump(source)]);
    memory.stateOf(0);
    const before = source.bytesRead;
    assert.deepEqual(read(memory, 0, 100 * 4096), new Uint8Array(100 * 4096));
    assert.equal(source.bytesRead - before, 4096);
  });

  it('reads headers only to open, and of a page only what it needs', () => {
    const source = new CountingSource(new BytesSource(buildKdump(MIXED, { maxPfn: 1 << 21 })));
    const memory = new KdumpMemory([readKdump(source)]);
    assert.ok(source.bytesRead < 2000, `${source.bytesRead} bytes to open`);
    read(memory, 4096, 8);
    // One chunk of the bitmap, one batch of descriptors, the page.
    assert.ok(source.bytesRead < (32 << 10) + (12 << 10) + 4096 + 2000, `${source.bytesRead}`);
  });

  it('keeps pages of a short read in its cache', () => {
    const source = new CountingSource(new BytesSource(buildKdump(MIXED)));
    const memory = new KdumpMemory([readKdump(source)]);
    for (const pfn of [1, 2, 3, 4]) read(memory, pfn * 4096, 8);
    const before = source.bytesRead;
    for (const pfn of [1, 2, 3, 4]) read(memory, pfn * 4096 + 8, 8);
    assert.equal(source.bytesRead, before);
  });
});

describe('KdumpMemory of a split set', () => {
  before(ready);

  const RANGES = [
    { start: 0, end: 3 },
    { start: 3, end: 7 },
    { start: 7, end: 11 },
  ] as const;

  const parts = (): KdumpFile[] =>
    RANGES.map((split, index) => openBuilt(MIXED, { split, name: `part${index + 1}` }));

  for (const order of [
    [0, 1, 2],
    [2, 0, 1],
    [1, 2, 0],
  ] as const) {
    it(`is the whole dump, the parts named in order ${order.join(' ')}`, () => {
      const problems = new Problems();
      const files = parts();
      const memory = new KdumpMemory(
        order.map((index) => files[index]!),
        problems,
      );
      const whole = new KdumpMemory([openBuilt(MIXED)]);
      assert.deepEqual([...memory.presentRanges()], [...whole.presentRanges()]);
      for (let pfn = 0; pfn < 11; pfn++) {
        assert.equal(memory.stateOf(pfn * 4096), whole.stateOf(pfn * 4096));
        if (whole.stateOf(pfn * 4096) !== 'present') continue;
        assert.deepEqual(read(memory, pfn * 4096, 4096), expected(MIXED, pfn));
      }
      assert.deepEqual(problems.list, []);
    });
  }

  const MISSING: readonly [given: readonly number[], messages: readonly RegExp[]][] = [
    [[0, 1], [/the part with pfns 7 to 10 is missing: 3 pages/]],
    [[1, 2], [/the part with pfns 0 to 2 is missing: 3 pages/]],
    [[0, 2], [/the part with pfns 3 to 6 is missing: 3 pages/]],
    [[1], [/pfns 0 to 2/, /pfns 7 to 10/]],
  ];
  for (const [given, messages] of MISSING) {
    it(`reads parts ${given.map((index) => index + 1).join(' ')} and reports the rest`, () => {
      const problems = new Problems();
      const files = parts();
      const memory = new KdumpMemory(
        given.map((index) => files[index]!),
        problems,
      );
      assert.equal(problems.list.length, messages.length);
      for (const [index, message] of messages.entries()) {
        assert.match(problems.list[index]!.message, message);
      }
      for (const [index, { start, end }] of RANGES.entries()) {
        for (let pfn = start; pfn < end; pfn++) {
          const state = memory.stateOf(pfn * 4096);
          if (!given.includes(index)) assert.equal(state, 'not-in-dump', `pfn ${pfn}`);
          if (state !== 'present') continue;
          assert.deepEqual(read(memory, pfn * 4096, 4096), expected(MIXED, pfn));
        }
      }
    });
  }

  it('takes flattened and plain parts together', () => {
    const sink = new BytesSink();
    const flattened = new FlattenedSink(sink);
    flattened.write(buildKdump(MIXED, { split: RANGES[1] }), 0);
    flattened.finish();
    const files = parts();
    files[1] = readKdump(readFlattened(new BytesSource(sink.bytes(), 'part2')));
    const memory = new KdumpMemory(files);
    assert.deepEqual(read(memory, 4 * 4096, 4096), expected(MIXED, 4));
    assert.deepEqual(read(memory, 2 * 4096, 3 * 4096).subarray(0, 4096), expected(MIXED, 2));
  });

  const REFUSED: readonly [what: string, files: () => KdumpFile[], message: RegExp][] = [
    [
      'the same part twice',
      () => [...parts(), parts()[1]!],
      /part2 and part2 are the same part: pfns 3 to 6/,
    ],
    [
      'parts that overlap',
      () => [parts()[0]!, openBuilt(MIXED, { split: { start: 2, end: 7 }, name: 'other' })],
      /part1 and other overlap: pfns 2 to 2/,
    ],
    [
      'a part of another machine',
      () => [
        parts()[0]!,
        openBuilt(MIXED, {
          split: RANGES[1],
          name: 'b',
          utsname: { sysname: 'Linux', nodename: 'x' },
        }),
      ],
      /b and part1 are not parts of one dump: nodename is x/,
    ],
    [
      'a part of another time',
      () => [
        parts()[0]!,
        openBuilt(MIXED, { split: RANGES[1], name: 'b', timestamp: { sec: 5, usec: 6 } }),
      ],
      /b and part1 are not parts of one dump: timestamp is 5.6, expected 0.0/,
    ],
    [
      'a part with other pages',
      () => [parts()[0]!, openBuilt({ ...MIXED, 12: 'raw' }, { split: RANGES[1], name: 'b' })],
      /b and part1 are not parts of one dump: max_mapnr is 13, expected 11/,
    ],
    [
      'a part of another kernel load',
      () => [parts()[0]!, openBuilt(MIXED, { split: RANGES[1], name: 'b', physBase: 4096n })],
      /phys_base is 0x1000, expected 0x0/,
    ],
    [
      'a whole dump among parts',
      () => [parts()[0]!, openBuilt(MIXED, { name: 'whole' })],
      /whole is a whole dump, not a part/,
    ],
    [
      'two whole dumps',
      () => [openBuilt(MIXED, { name: 'a' }), openBuilt(MIXED, { name: 'b' })],
      /a is a whole dump, not a part of one: compare A B takes two dumps/,
    ],
    [
      'two whole dumps of different times',
      () => [
        openBuilt(MIXED, { name: 'a' }),
        openBuilt(MIXED, { name: 'b', timestamp: { sec: 5, usec: 6 } }),
      ],
      /a is a whole dump, not a part of one: compare A B takes two dumps/,
    ],
    ['nothing', () => [], /no kdump file was given/],
  ];
  for (const [what, files, message] of REFUSED) {
    it(`refuses by name: ${what}`, () => {
      assert.throws(() => new KdumpMemory(files()), message);
    });
  }
});
