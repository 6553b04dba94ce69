import assert from 'node:assert/strict';
import { readElf } from '../../../src/format/elf/read.ts';
import { relocated } from '../../../src/format/elf/relocations.ts';
import { readSections } from '../../../src/format/elf/sections.ts';
import { ByteWriter } from '../../../src/util/byte-writer.ts';
import { BytesSource, readExactly, type ByteSource } from '../../../src/util/io.ts';
import { buildVmlinux } from '../../support/elf-builder.ts';

const SHT_PROGBITS = 1;
const SHT_SYMTAB = 2;
const SHT_RELA = 4;
const ET_EXEC = 2;
const ET_REL = 1;

const NONE = 0;
const ABS64 = 1;
const PC32 = 2;
const ABS32 = 10;
const DTPOFF64 = 17;

/** Where it belongs, its type, the number of its symbol, its addend. */
type Rela = readonly [at: number, type: number, symbol: number, addend: number];

/** Values of the symbols; 0 is that of a section, as nearly all are that debug sections name. */
const SYMBOLS = [0, 0, 0x1000];

function symtab(): Uint8Array {
  const writer = new ByteWriter();
  for (const value of SYMBOLS) writer.u32(0).u32(0).u64(value).u64(0);
  return writer.finish();
}

function rela(entries: readonly Rela[]): Uint8Array {
  const writer = new ByteWriter();
  for (const [at, type, symbol, addend] of entries) {
    writer
      .u64(at)
      .u32(type)
      .u32(symbol)
      .u64(BigInt.asUintN(64, BigInt(addend)));
  }
  return writer.finish();
}

/** Section 1 is the one that is relocated, 2 its relocations, 3 the symbols. */
function open(
  entries: readonly Rela[],
  options: { size?: number; type?: number; link?: number } = {},
): ByteSource {
  const { size = 16, type = ET_REL, link = 3 } = options;
  const data = new Uint8Array(size).fill(0xee);
  const bytes = buildVmlinux(
    [
      { name: '.debug_info', type: SHT_PROGBITS, data },
      { name: '.rela.debug_info', type: SHT_RELA, data: rela(entries), link, info: 1 },
      { name: '.symtab', type: SHT_SYMTAB, data: symtab() },
    ],
    { type },
  );
  const file = readElf(new BytesSource(bytes, 't.o'));
  const sections = readSections(file);
  return relocated({ file, sections }, sections[1]!, new BytesSource(data, 't.o'));
}

function hexOf(source: ByteSource): string {
  const bytes = readExactly(source, { section: 'test', offset: 0, length: source.size });
  return Buffer.from(bytes).toString('hex');
}

describe('relocated', () => {
  it('puts symbol and addend where they belong, in 4 or 8 bytes', () => {
    const source = open([
      [0, ABS32, 1, 0x1234],
      [6, ABS64, 2, -0x10],
    ]);
    assert.equal(hexOf(source), '34120000' + 'eeee' + 'f00f000000000000' + 'eeee');
  });

  it('gives 64 bits of a negative sum', () => {
    assert.equal(hexOf(open([[0, ABS64, 1, -2]], { size: 8 })), 'feffffffffffffff');
  });

  it('leaves places of thread-local storage, and those of no relocation, as they are', () => {
    const source = open([
      [0, NONE, 0, 0],
      [4, DTPOFF64, 1, 8],
    ]);
    assert.equal(hexOf(source), 'ee'.repeat(16));
  });

  it('leaves a file that is linked as it is, though the linker kept its relocations', () => {
    assert.equal(hexOf(open([[0, ABS32, 1, 1]], { type: ET_EXEC })), 'ee'.repeat(16));
  });

  it('gives any part of the section as the whole has it', () => {
    const entries = Array.from({ length: 2500 }, (_, i): Rela => {
      return [i * 10 + 3, i % 3 === 0 ? ABS64 : ABS32, 1, i * 7919];
    });
    const source = open(entries, { size: 25_100 });
    const whole = Buffer.from(hexOf(source), 'hex');
    assert.equal(whole.readUInt32LE(2400 * 10 + 3), 2400 * 7919);
    for (let at = 0; at < source.size; at += 7) {
      const part = new Uint8Array(1 + ((at * 31) % 40));
      const got = source.readInto(part, at);
      assert.deepEqual(part.subarray(0, got), Uint8Array.from(whole.subarray(at, at + got)));
    }
  });

  const DAMAGED: [what: string, make: () => unknown, message: RegExp][] = [
    [
      'a place behind the section',
      () => open([[14, ABS32, 1, 0]]),
      /^\.rela\.debug_info\+0x0: expected a place in 16 bytes, have 0xe$/,
    ],
    [
      'places out of order',
      () =>
        open([
          [8, ABS32, 1, 0],
          [0, ABS32, 1, 0],
        ]),
      /^\.rela\.debug_info\+0x18: expected a place from 0x8 on, have 0x0$/,
    ],
    [
      'a symbol that is not there',
      () => open([[0, ABS32, 3, 0]]),
      /^\.rela\.debug_info\+0x0: expected a symbol of the table, have 3 of 3$/,
    ],
    [
      'a value of more than 32 bits in 4 bytes',
      () => open([[0, ABS32, 1, -1]]),
      /^\.rela\.debug_info\+0x0: expected a value of 32 bits, have -1$/,
    ],
    [
      'a type that debug sections do not have',
      () => open([[0, PC32, 1, 0]]),
      /^\.rela\.debug_info\+0x0: relocations of type 2 are not read$/,
    ],
    [
      'no symbol table',
      () => open([[0, ABS32, 1, 0]], { link: 1 }),
      /^section 1: expected a symbol table$/,
    ],
  ];
  for (const [what, make, message] of DAMAGED) {
    it(`refuses ${what}, naming where it stands`, () => {
      assert.throws(make, { message });
    });
  }
});
