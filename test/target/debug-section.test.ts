import assert from 'node:assert/strict';
import { deflateSync } from 'node:zlib';
import { compressZstd } from '../../src/format/compress/zstd-encode.ts';
import { SHF_COMPRESSED } from '../../src/format/elf/constants.ts';
import { readElf } from '../../src/format/elf/read.ts';
import { readSections } from '../../src/format/elf/sections.ts';
import { openDebugSection } from '../../src/target/debug-section.ts';
import { ByteWriter } from '../../src/util/byte-writer.ts';
import { BytesSource, readExactly } from '../../src/util/io.ts';
import { buildVmlinux, type SectionSpec } from '../support/elf-builder.ts';

const SHT_PROGBITS = 1;
const ZLIB = 1;
const ZSTD = 2;

const TEXT = Buffer.from('struct task_struct\0'.repeat(2000), 'latin1');

interface Chdr {
  readonly type: number;
  readonly size?: number;
  readonly wide?: boolean;
}

/** A compression header and the stream. */
function compressed(
  { type, size = TEXT.length, wide = true }: Chdr,
  stream: Uint8Array,
): Uint8Array {
  const writer = new ByteWriter().u32(type);
  if (wide) writer.u32(0).u64(size).u64(1);
  else writer.u32(size).u32(1);
  return writer.bytes(stream).finish();
}

function section(data: Uint8Array, more: Partial<SectionSpec> = {}): SectionSpec {
  return { name: '.debug_str', type: SHT_PROGBITS, flags: SHF_COMPRESSED, data, ...more };
}

async function open(
  spec: SectionSpec,
  options: { elfClass?: 32 | 64; cut?: number } = {},
): Promise<Buffer | undefined> {
  const bytes = buildVmlinux([spec], options);
  const file = readElf(new BytesSource(bytes, 'vmlinux'));
  const opened = await openDebugSection({ file, sections: readSections(file) }, '.debug_str');
  if (opened === undefined) return undefined;
  const { source } = opened;
  try {
    const place = { section: 'test', offset: 0, length: source.size };
    return Buffer.from(readExactly(source, place));
  } finally {
    opened.close();
  }
}

const zlib = deflateSync(TEXT);
const zstd = compressZstd(TEXT);

describe('openDebugSection', () => {
  it('reads a section as it is', async () => {
    assert.deepEqual(await open(section(TEXT, { flags: 0 })), TEXT);
  });

  it('unpacks zlib and zstd', async () => {
    assert.deepEqual(await open(section(compressed({ type: ZLIB }, zlib))), TEXT);
    assert.deepEqual(await open(section(compressed({ type: ZSTD }, zstd))), TEXT);
  });

  it('unpacks zlib of a 32-bit file', async () => {
    const data = compressed({ type: ZLIB, wide: false }, zlib);
    assert.deepEqual(await open(section(data), { elfClass: 32 }), TEXT);
  });

  it('unpacks .zdebug_str', async () => {
    const header = new ByteWriter({ littleEndian: false }).fixedString('ZLIB', 4).u64(TEXT.length);
    const data = header.bytes(zlib).finish();
    assert.deepEqual(await open(section(data, { name: '.zdebug_str', flags: 0 })), TEXT);
  });

  it('unpacks a large one into a file', async () => {
    const large = new Uint8Array(17 << 20).fill(7);
    const data = compressed({ type: ZLIB, size: large.length }, deflateSync(large));
    assert.equal((await open(section(data)))?.equals(large), true);
  });

  it('has none where there is none, or none with bytes', async () => {
    assert.equal(await open(section(TEXT, { name: '.debug_line' })), undefined);
    assert.equal(await open(section(TEXT, { type: 8, flags: 0 })), undefined);
  });

  it('refuses parts that are not linked', async () => {
    const file = readElf(
      new BytesSource(
        buildVmlinux([section(TEXT, { flags: 0 }), section(TEXT, { flags: 0 })], { type: 1 }),
        't.o',
      ),
    );
    const opened = openDebugSection({ file, sections: readSections(file) }, '.debug_str');
    await assert.rejects(opened, {
      message: 't.o: .debug_str is in 2 parts (type units), which are not linked',
    });
  });

  const DAMAGED: [what: string, spec: SectionSpec, message: RegExp][] = [
    [
      'a stream that is cut',
      section(compressed({ type: ZLIB }, zlib.subarray(0, 40))),
      /^\.debug_str\+0x18: zlib stream: the file is truncated near byte \d+$/,
    ],
    [
      'a zstd stream that is cut',
      section(compressed({ type: ZSTD }, zstd.subarray(0, 20))),
      /^\.debug_str\+0x18: zstd file: /,
    ],
    [
      'a stream of other bytes',
      section(compressed({ type: ZLIB }, TEXT.subarray(0, 64))),
      /^\.debug_str\+0x18: zlib stream: damaged \(incorrect header check\)/,
    ],
    [
      'a stream of more bytes than its header says',
      section(compressed({ type: ZLIB, size: 100 }, zlib)),
      /^\.debug_str: expected 100 bytes unpacked, have more than 100$/,
    ],
    [
      'a zstd stream of more bytes than its header says',
      section(compressed({ type: ZSTD, size: 100 }, zstd)),
      /^\.debug_str: expected 100 bytes unpacked, have more than 100$/,
    ],
    [
      'a stream of fewer bytes than its header says',
      section(compressed({ type: ZLIB, size: TEXT.length + 1 }, zlib)),
      /^\.debug_str: expected 38001 bytes unpacked, have 38000$/,
    ],
    [
      'a size that no zlib stream of this length has',
      section(compressed({ type: ZLIB, size: 2 ** 40 }, zlib)),
      /^\.debug_str: expected at most \d+ bytes unpacked of \d+ of zlib, have 1099511627776$/,
    ],
    [
      'a size that no zstd stream of this length has',
      section(compressed({ type: ZSTD, size: 2 ** 40 }, zstd)),
      /^\.debug_str: expected at most \d+ bytes unpacked of \d+ of zstd, have 1099511627776$/,
    ],
    [
      'another compression',
      section(compressed({ type: 3 }, zlib)),
      /^\.debug_str: compressed in way 3, neither zlib nor zstd$/,
    ],
    [
      'a header that is cut',
      section(Uint8Array.of(1, 0, 0, 0, 0, 0)),
      /^\.debug_str\+0x4: offset 8 is outside the section of 6 bytes$/,
    ],
    [
      '.zdebug_str without its mark',
      section(TEXT, { name: '.zdebug_str', flags: 0 }),
      /^\.zdebug_str\+0x0: expected ZLIB, have "stru"$/,
    ],
  ];
  for (const [what, spec, message] of DAMAGED) {
    it(`refuses ${what}`, async () => {
      await assert.rejects(open(spec), { message });
    });
  }
});
