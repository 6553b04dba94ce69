import assert from 'node:assert/strict';
import type { FlattenedSource } from '../../../src/format/flattened/read.ts';
import { isFlattened, readFlattened } from '../../../src/format/flattened/read.ts';
import { FlattenedSink } from '../../../src/format/flattened/write.ts';
import { FormatError } from '../../../src/util/errors.ts';
import type { ByteSource } from '../../../src/util/io.ts';
import { BytesSink, BytesSource, readExactly } from '../../../src/util/io.ts';
import { Prng } from '../../../src/util/prng.ts';
import { Problems } from '../../../src/util/problems.ts';
import { binary } from '../../support/kdump-binary.ts';

const HEADER = `
  "makedumpfile" 00*4    # signature
  u64 1                  # type
  u64 1                  # version
`;

const RECORDS = `
  @0x1000
  u64 4                  # record 0: offset
  u64 6                  #   size
  "first!"
  u64 20                 # record 1, behind a gap
  u64 4
  "last"
  u64 6                  # record 2 overwrites a part of record 0
  u64 2
  "RS"
`;

const END = `
  u64 0xffffffffffffffff # end mark
  u64 0xffffffffffffffff
`;

function flattened(text: string, problems?: Problems): FlattenedSource {
  return readFlattened(new BytesSource(binary(text, 'big'), 'by-hand.flat'), problems);
}

function all(source: ByteSource): Uint8Array {
  return readExactly(source, { section: 'test', offset: 0, length: source.size });
}

function text(source: ByteSource): string {
  return Buffer.from(all(source)).toString('latin1').replaceAll('\0', '.');
}

describe('isFlattened', () => {
  it('wants the whole signature with its NULs', () => {
    const is = (bytes: string): boolean =>
      isFlattened(new BytesSource(Buffer.from(bytes, 'latin1')));
    assert.equal(is('makedumpfile\0\0\0\0'), true);
    assert.equal(is('makedumpfile\0\0\0'), false);
    assert.equal(is('makedumpfile.conf'), false);
    assert.equal(is('KDUMP   '), false);
  });
});

describe('readFlattened', () => {
  it('rearranges records, the later over the earlier, with zeros in the gaps', () => {
    const problems = new Problems();
    const source = flattened(HEADER + RECORDS + END, problems);
    assert.equal(source.size, 24);
    assert.equal(text(source), '....fiRSt!..........last');
    assert.equal(source.recordCount, 3);
    assert.equal(source.isTruncated, false);
    assert.deepEqual(problems.list, []);
  });

  it('reads at every offset and length as the rearranged file does', () => {
    const source = flattened(HEADER + RECORDS + END);
    const whole = all(source);
    for (let offset = 0; offset <= 26; offset++) {
      for (let length = 0; length <= 26; length++) {
        const into = new Uint8Array(length).fill(0xee);
        const got = source.readInto(into, offset);
        assert.equal(got, Math.max(0, Math.min(length, 24 - offset)));
        assert.deepEqual(into.subarray(0, got), whole.subarray(offset, offset + got));
        assert.ok(into.subarray(got).every((byte) => byte === 0xee));
      }
    }
  });

  it('does not look behind the end mark', () => {
    assert.equal(
      text(flattened(`${HEADER}${RECORDS}${END} u64 0 u64 3 "not"`)),
      '....fiRSt!..........last',
    );
  });

  it('reads a file without a record as empty', () => {
    const source = flattened(`${HEADER} @0x1000 ${END}`);
    assert.equal(source.size, 0);
    assert.equal(source.readInto(new Uint8Array(4), 0), 0);
  });

  const CUT: readonly [what: string, body: string, text: string, problem: RegExp][] = [
    [
      'without an end mark',
      RECORDS,
      '....fiRSt!..........last',
      /no end mark.* record 3 at byte 4156/,
    ],
    [
      'inside the end mark',
      `${RECORDS} u64 0xffffffffffffffff`,
      '....fiRSt!..........last',
      /record 3/,
    ],
    [
      'inside the data of a record',
      RECORDS.replace('"RS"', '"R"'),
      '....fiRst!..........last',
      /ends in record 2 at byte 4138/,
    ],
    [
      'before the data of a record',
      RECORDS.replace('"RS"', ''),
      '....first!..........last',
      /record 2 at byte 4138/,
    ],
    ['in the header of a record', '@0x1000 u64 5', '', /record 0 at byte 4096/],
    ['before the first record', '', '', /record 0 at byte 4096/],
  ];
  for (const [what, body, readable, problem] of CUT) {
    it(`cut ${what}, reads what is there and says so`, () => {
      const problems = new Problems();
      const source = flattened(HEADER + body, problems);
      assert.equal(source.isTruncated, true);
      assert.equal(text(source), readable);
      assert.match(problems.list[0]!.message, problem);
    });
  }

  const REFUSED: readonly [what: string, text: string, message: RegExp][] = [
    ['another signature', HEADER.replace('file"', 'fill"'), /makedumpfile_header\+0x0: expected/],
    [
      'another type',
      HEADER.replace('u64 1 ', 'u64 2 '),
      /makedumpfile_header\+0x10: type is 2, expected 1/,
    ],
    [
      'another version',
      HEADER.replace(/u64 1 +# version/, 'u64 2'),
      /\+0x18: version is 2, expected 1/,
    ],
    ['a header cut short', '"makedumpfile" 00*4 u64 1', /expected 16 bytes/],
    [
      'a negative offset',
      `${HEADER} @0x1000 u64 -5 u64 4 "data"`,
      /flattened record 0\+0x1000: offset is -5/,
    ],
    [
      'an end mark of which one half is a size',
      `${HEADER} @0x1000 u64 -1 u64 4 "data"`,
      /record 0.*offset is -1/,
    ],
    [
      'a size of 0',
      HEADER + RECORDS.replace('u64 4\n', 'u64 0\n'),
      /flattened record 1\+0x1016: size is 0/,
    ],
    [
      'a negative size',
      HEADER + RECORDS.replace('u64 4\n', 'u64 -4\n'),
      /flattened record 1\+0x1016: size is -4/,
    ],
    [
      'a size of 2^62',
      `${HEADER} @0x1000 u64 0 u64 0x4000000000000000`,
      /record 0.* end beyond 2\^53/,
    ],
    [
      'an offset of 2^60',
      `${HEADER} @0x1000 u64 0x1000000000000000 u64 4 "data"`,
      /end beyond 2\^53/,
    ],
  ];
  for (const [what, body, message] of REFUSED) {
    it(`names the place of ${what}`, () => {
      assert.throws(
        () => flattened(body),
        (error) => {
          assert.ok(error instanceof FormatError, String(error));
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }

  it('takes a size beyond the end as a file that is cut: the rest is gone either way', () => {
    const problems = new Problems();
    const source = flattened(`${HEADER} @0x1000 u64 0 u64 0x100000000 "all"`, problems);
    assert.equal(text(source), 'all');
    assert.match(problems.list[0]!.message, /no end mark/);
  });

  for (let seed = 1; seed <= 40; seed++) {
    it(`agrees with writing the records one after the other (seed ${seed})`, () => {
      const prng = new Prng(seed);
      const plain = new BytesSink();
      const packed = new BytesSink();
      const sink = new FlattenedSink(packed);
      const room = prng.pick([50, 1000, 100_000]);
      const longest = prng.pick([4, 300, 9000]);
      let next = 0;
      for (let n = prng.below(200); n > 0; n--) {
        const bytes = prng.bytes(prng.below(longest) + 1);
        // Mostly one behind the other, as writers do, else anywhere.
        const offset = prng.chance(0.7) ? next : prng.below(room);
        plain.write(bytes, offset);
        sink.write(bytes, offset);
        next = offset + bytes.length;
      }
      sink.finish();
      const source = readFlattened(new BytesSource(packed.bytes()));
      const whole = plain.bytes();
      assert.deepEqual(all(source), whole);
      for (let probe = 0; probe < 50 && whole.length > 0; probe++) {
        const into = new Uint8Array(prng.below(longest * 2));
        const offset = prng.below(whole.length);
        const got = source.readInto(into, offset);
        assert.deepEqual(into.subarray(0, got), whole.subarray(offset, offset + into.length));
      }
    });
  }

  it('walks the headers of large records without reading their data', () => {
    let bytesRead = 0;
    const packed = new BytesSink();
    const sink = new FlattenedSink(packed);
    for (let n = 0; n < 100; n++) sink.write(new Uint8Array(50_000), n * 50_000);
    sink.finish();
    const inner = new BytesSource(packed.bytes());
    const source: ByteSource = {
      name: inner.name,
      size: inner.size,
      readInto: (into, offset) => {
        const got = inner.readInto(into, offset);
        bytesRead += got;
        return got;
      },
    };
    assert.equal(readFlattened(source).size, 5_000_000);
    assert.ok(bytesRead < 2000, `${bytesRead} bytes`);
  });

  it('fetches the headers of small records many at a time', () => {
    let reads = 0;
    const packed = new BytesSink();
    const sink = new FlattenedSink(packed);
    for (let n = 0; n < 10_000; n++) sink.write(new Uint8Array(24).fill(n), n * 24);
    sink.finish();
    const inner = new BytesSource(packed.bytes());
    const source: ByteSource = {
      name: inner.name,
      size: inner.size,
      readInto: (into, offset) => {
        reads++;
        return inner.readInto(into, offset);
      },
    };
    assert.equal(readFlattened(source).recordCount, 10_000);
    assert.ok(reads < 15, `${reads} reads`);
  });

  it('indexes 200,000 records that overlap in less than quadratic time', function () {
    // Comparing each with each would take minutes; a loaded machine may take its time.
    this.timeout(60_000);
    const prng = new Prng(1);
    const packed = new BytesSink();
    const sink = new FlattenedSink(packed);
    for (let n = 0; n < 200_000; n++) sink.write(new Uint8Array(9).fill(n), prng.below(1_000_000));
    sink.finish();
    const bytes = packed.bytes();
    const source = readFlattened(new BytesSource(bytes));
    assert.equal(source.recordCount, 200_000);
  });
});

describe('FlattenedSink', () => {
  it('writes the bytes that makedumpfile.h describes', () => {
    const sink = new BytesSink();
    const writer = new FlattenedSink(sink);
    writer.write(Buffer.from('first!'), 4);
    writer.write(new Uint8Array(0), 10);
    writer.write(Buffer.from('last'), 20);
    writer.write(Buffer.from('RS'), 6);
    writer.finish();
    assert.deepEqual(sink.bytes(), binary(HEADER + RECORDS + END, 'big'));
  });
});
