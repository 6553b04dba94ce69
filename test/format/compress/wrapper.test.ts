// Files that are packed as a whole: every kind of frame, in place and in order, sound and damaged.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { lz4Native } from '../../../src/format/compress/lz4-block.ts';
import {
  openInPlace,
  sniffWrapper,
  statedSize,
  unpackAll,
} from '../../../src/format/compress/wrapper.ts';
import { compressZstd } from '../../../src/format/compress/zstd-encode.ts';
import { xxh32 } from '../../../src/format/compress/xxh32.ts';
import { ByteWriter } from '../../../src/util/byte-writer.ts';
import { VmcoreError } from '../../../src/util/errors.ts';
import { BytesSource, readExactly } from '../../../src/util/io.ts';
import { Prng } from '../../../src/util/prng.ts';
import { lz4Frame, skippableFrame } from '../../support/lz4-files.ts';
import { makePage, mutate, PAGE_KINDS } from '../../support/pages.ts';

/** 300 KB: five lz4 blocks, the last one short. */
const CONTENT = ((): Uint8Array => {
  const prng = new Prng(11);
  const pages = Array.from({ length: 75 }, (_, i) =>
    makePage(PAGE_KINDS[i % PAGE_KINDS.length]!, 4000, prng),
  );
  return new Uint8Array(Buffer.concat(pages));
})();

const join = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const FIRST = CONTENT.subarray(0, 100_000);
const REST = CONTENT.subarray(100_000);

/** A zstd file with the seek table of zstd's contrib/seekable_format behind it. */
function withSeekTable(frames: [Uint8Array, Uint8Array], checksums: boolean): Uint8Array {
  const table = new ByteWriter();
  for (const [index, frame] of frames.entries()) {
    table.u32(frame.length).u32([FIRST, REST][index]!.length);
    if (checksums) table.u32(0);
  }
  table
    .u32(frames.length)
    .u8(checksums ? 0x80 : 0)
    .u32(0x8f92eab1);
  const head = new ByteWriter().u32(0x184d2a5e).u32(table.length);
  return join(...frames, head.finish(), table.finish());
}

/** The same frame without its content size: a window descriptor of 2 MiB stands there. */
function withoutSize(frame: Uint8Array): Uint8Array {
  return join(frame.subarray(0, 4), Uint8Array.of(0x00, 0x58), frame.subarray(9));
}

const zFirst = compressZstd(FIRST);
const zRest = compressZstd(REST);

const FILES: readonly [title: string, file: Uint8Array, how: 'in place' | 'in order'][] = [
  ['lz4, independent blocks', lz4Frame(CONTENT), 'in place'],
  ['lz4 with its content size', lz4Frame(CONTENT, { contentSize: true }), 'in place'],
  [
    'lz4 with checksums',
    lz4Frame(CONTENT, { blockChecksums: true, contentChecksum: true }),
    'in place',
  ],
  ['lz4, legacy', lz4Frame(CONTENT, { legacy: true }), 'in place'],
  ['lz4, linked blocks', lz4Frame(CONTENT, { linked: true }), 'in order'],
  [
    'lz4, linked, with checksums',
    lz4Frame(CONTENT, {
      linked: true,
      blockChecksums: true,
      contentChecksum: true,
      contentSize: true,
    }),
    'in order',
  ],
  ['lz4, short blocks', lz4Frame(CONTENT, { blockSize: 30_000 }), 'in order'],
  [
    'lz4, short blocks and content size',
    lz4Frame(CONTENT, { blockSize: 9_000, contentSize: true }),
    'in order',
  ],
  ['lz4, two frames', join(lz4Frame(FIRST), lz4Frame(REST)), 'in place'],
  [
    'lz4, two legacy frames',
    join(lz4Frame(FIRST, { legacy: true }), lz4Frame(REST, { legacy: true })),
    'in place',
  ],
  [
    'lz4 with skippable frames',
    join(skippableFrame(5), lz4Frame(FIRST), skippableFrame(0), lz4Frame(REST), skippableFrame(9)),
    'in place',
  ],
  ['zstd, one small frame', compressZstd(CONTENT), 'in place'],
  ['zstd, two frames', join(zFirst, zRest), 'in place'],
  [
    'zstd with skippable frames',
    join(skippableFrame(5), zFirst, skippableFrame(1), zRest, skippableFrame(0)),
    'in place',
  ],
  ['zstd without sizes', join(withoutSize(zFirst), withoutSize(zRest)), 'in order'],
  [
    'zstd with a seek table',
    withSeekTable([withoutSize(zFirst), withoutSize(zRest)], false),
    'in place',
  ],
  [
    'zstd with a seek table and checksums',
    withSeekTable([withoutSize(zFirst), withoutSize(zRest)], true),
    'in place',
  ],
  ['gzip', new Uint8Array(gzipSync(CONTENT)), 'in order'],
  ['gzip, two members', join(gzipSync(FIRST), gzipSync(REST)), 'in order'],
];

/** All that unpacking in order gives. */
async function inOrder(file: Uint8Array): Promise<{ bytes: Uint8Array; problem?: string }> {
  const source = new BytesSource(file, 'vmcore');
  const parts: Uint8Array[] = [];
  let last = 0;
  const problem = await unpackAll(source, sniffWrapper(source)!, {
    write: (bytes) => void parts.push(bytes.slice()),
    consumed: (offset) => {
      assert.ok(offset >= last && offset <= file.length);
      last = offset;
    },
  });
  return { bytes: join(...parts), ...(problem !== undefined && { problem }) };
}

describe('sniffWrapper', () => {
  it('tells the wrappers by their first bytes, behind skippable frames too', () => {
    for (const [title, file] of FILES) {
      assert.equal(sniffWrapper(new BytesSource(file)), title.split(/[ ,]/)[0], title);
    }
  });

  it('takes everything else as not packed', () => {
    const plain = ['', '\x1f', '\x7fELF', 'KDUMP   ', 'makedumpfile\0\0\0\0', '\x1f\x8b\x07\0'];
    for (const text of plain) {
      assert.equal(sniffWrapper(new BytesSource(Buffer.from(text, 'latin1'))), undefined);
    }
    const endless = new ByteWriter().u32(0x184d2a50).u32(0xffffffff).finish();
    assert.equal(sniffWrapper(new BytesSource(endless)), undefined);
    assert.equal(sniffWrapper(new BytesSource(skippableFrame(3))), undefined);
  });
});

describe('openInPlace', () => {
  for (const [title, file, how] of FILES) {
    const what = how === 'in place' ? 'reads at any offset' : 'leaves to unpackAll';
    it(`${what}: ${title}`, async () => {
      const source = new BytesSource(file, 'vmcore');
      const opened = await openInPlace(source, sniffWrapper(source)!);
      if (how === 'in order') return assert.equal(opened, undefined);
      assert.ok(opened !== undefined);
      assert.equal(opened.problem, undefined);
      assert.equal(opened.source.size, CONTENT.length);
      const prng = new Prng(12);
      for (let round = 0; round < 200; round++) {
        const offset = prng.below(CONTENT.length + 10);
        const into = new Uint8Array(prng.below(prng.chance(0.1) ? 200_000 : 5000));
        const expected = CONTENT.subarray(offset, offset + into.length);
        assert.equal(opened.source.readInto(into, offset), expected.length);
        assert.equal(Buffer.compare(into.subarray(0, expected.length), expected), 0);
      }
    });
  }

  it('reads lz4 the same without the compiled package', async () => {
    lz4Native.use(false);
    try {
      const opened = await openInPlace(new BytesSource(lz4Frame(CONTENT)), 'lz4');
      const whole = { section: 'all', offset: 0, length: CONTENT.length };
      assert.deepEqual(readExactly(opened!.source, whole), CONTENT);
    } finally {
      lz4Native.use(true);
    }
  });

  it('keeps what is there of a truncated lz4 file, and says where it ends', async () => {
    const file = lz4Frame(CONTENT).subarray(0, 90_000);
    const opened = await openInPlace(new BytesSource(file, 'vmcore'), 'lz4');
    assert.match(
      opened!.problem!,
      /lz4 block: the file is truncated, expected \d+ bytes, have 90000/,
    );
    const { size } = opened!.source;
    assert.ok(size > 65536 && size < CONTENT.length);
    const bytes = readExactly(opened!.source, { section: 'all', offset: 0, length: size });
    assert.equal(Buffer.compare(bytes, CONTENT.subarray(0, size)), 0);
  });

  it('names the block whose checksum does not match, and reads the others', async () => {
    const file = lz4Frame(CONTENT, { blockChecksums: true, contentSize: true });
    file[20] = file[20]! ^ 1;
    const { source } = (await openInPlace(new BytesSource(file), 'lz4'))!;
    assert.throws(() => source.readInto(new Uint8Array(8), 0), /block checksum does not match/);
    assert.equal(source.readInto(new Uint8Array(8), 200_000), 8);
  });
});

describe('unpackAll', () => {
  for (const [title, file] of FILES) {
    it(`unpacks ${title}`, async () => {
      const { bytes, problem } = await inOrder(file);
      assert.equal(problem, undefined);
      assert.equal(Buffer.compare(bytes, CONTENT), 0);
    });
  }

  for (const [title, file] of FILES.filter(([name]) => !/skippable|seek/.test(name))) {
    it(`keeps what is there of a truncated file: ${title}`, async () => {
      const { bytes, problem } = await inOrder(file.subarray(0, file.length - 1000));
      assert.match(problem!, /truncated|expected \d+ bytes.*have/);
      assert.ok(bytes.length < CONTENT.length);
      assert.equal(Buffer.compare(bytes, CONTENT.subarray(0, bytes.length)), 0);
    });
  }

  const damaged: [string, Uint8Array, RegExp][] = [
    [
      'a content checksum',
      flip(lz4Frame(CONTENT, { contentChecksum: true }), -2),
      /content checksum/,
    ],
    ['a block checksum', flip(lz4Frame(CONTENT, { blockChecksums: true }), 30), /block checksum/],
    ['a header checksum', flip(lz4Frame(CONTENT), 6), /frame header\+0x6: checksum/],
    [
      'a content size',
      resize(lz4Frame(CONTENT, { contentSize: true })),
      /unpacked 300000 bytes, expected/,
    ],
    [
      'bytes behind the last frame',
      join(lz4Frame(CONTENT), Buffer.from('hello')),
      /no frame, magic/,
    ],
    ['an lz4 dictionary', dictionaryFrame(), /dictionary/],
    [
      'a zstd block type',
      join(zFirst.subarray(0, 9), Uint8Array.of(7, 0, 0)),
      /damaged between bytes/,
    ],
    ['a zstd dictionary', Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x21, 9, 9, 1, 0, 0), /dictionary/],
    [
      'a zstd window of 2 TiB',
      Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0xf8, 1, 0, 0),
      /needs a window/,
    ],
    ['a gzip checksum', flip(gzipSync(CONTENT), -6), /gzip file: damaged \(incorrect data check\)/],
  ];
  for (const [title, file, message] of damaged) {
    it(`says what is wrong: ${title}`, async () => {
      assert.match((await inOrder(file)).problem ?? '', message);
    });
  }

  it('ends, with bytes or a problem, for 1000 damaged files', async () => {
    const prng = new Prng(13);
    const small = CONTENT.subarray(0, 9000);
    const seeds = [
      lz4Frame(small, { contentChecksum: true }),
      lz4Frame(small, { linked: true, blockSize: 2000 }),
      lz4Frame(small, { legacy: true }),
      join(compressZstd(small), withoutSize(compressZstd(small))),
      new Uint8Array(gzipSync(small)),
    ];
    for (let round = 0; round < 1000; round++) {
      const file = mutate(seeds[round % seeds.length]!, prng);
      const source = new BytesSource(file);
      const wrapper = sniffWrapper(source);
      if (wrapper === undefined) continue;
      const { bytes } = await inOrder(file);
      assert.ok(bytes.length <= 64 * 1024 * 1024);
      try {
        const opened = await openInPlace(source, wrapper);
        const { size } = opened?.source ?? { size: 0 };
        opened?.source.readInto(new Uint8Array(Math.min(size, 1 << 20)), 0);
      } catch (error) {
        if (!(error instanceof VmcoreError)) throw error;
      }
    }
  });

  for (const [tool, args] of [
    ['lz4', ['-zcq']],
    ['lz4', ['-zcq', '-B4', '-BD', '-BX']],
    ['lz4', ['-zcql']],
    ['zstd', ['-cq', '-3']],
    ['zstd', ['-cq', '-3', '--long=27']],
    ['gzip', ['-c9']],
  ] as const) {
    it(`unpacks what ${tool} ${args.join(' ')} makes`, async function () {
      if (spawnSync(tool, ['--version']).error !== undefined) {
        this.test!.title += ` (skipped: no ${tool} tool here)`;
        this.skip();
      }
      const file = execFileSync(tool, args, { input: CONTENT, maxBuffer: 1 << 22 });
      const { bytes, problem } = await inOrder(new Uint8Array(file));
      assert.equal(problem, undefined);
      assert.equal(Buffer.compare(bytes, CONTENT), 0);
    });
  }
});

describe('statedSize', () => {
  const sizes: [string, Uint8Array, number | undefined][] = [
    ['lz4 with a content size', lz4Frame(CONTENT, { contentSize: true }), CONTENT.length],
    ['lz4 without', lz4Frame(CONTENT), undefined],
    ['zstd with a content size', compressZstd(CONTENT), CONTENT.length],
    ['zstd without', withoutSize(compressZstd(CONTENT)), undefined],
    ['gzip, which has it modulo 4 GiB only', new Uint8Array(gzipSync(CONTENT)), undefined],
    ['a damaged lz4 header', flip(lz4Frame(CONTENT, { contentSize: true }), 8), undefined],
  ];
  for (const [title, file, expected] of sizes) {
    it(`gives ${expected ?? 'undefined'} for ${title}`, () => {
      const source = new BytesSource(file);
      assert.equal(statedSize(source, sniffWrapper(source)!), expected);
    });
  }
});

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const flipped = new Uint8Array(bytes);
  const index = at < 0 ? flipped.length + at : at;
  flipped[index] = flipped[index]! ^ 0x10;
  return flipped;
}

/** Another content size, with a header checksum that matches it. */
function resize(file: Uint8Array): Uint8Array {
  const content = CONTENT.length + 1;
  const other = lz4Frame(new Uint8Array(content), { contentSize: true });
  return join(other.subarray(0, 15), file.subarray(15));
}

function dictionaryFrame(): Uint8Array {
  // FLG 61: version 1, independent, dictionary; BD 40; dictionary id 1; the checksum of all that.
  const header = Uint8Array.of(0x61, 0x40, 1, 0, 0, 0);
  const checksum = (xxh32(header) >>> 8) & 0xff;
  return join(Uint8Array.of(4, 0x22, 0x4d, 0x18), header, Uint8Array.of(checksum, 0, 0, 0, 0));
}
