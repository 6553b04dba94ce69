import assert from 'node:assert/strict';
import { readElf } from '../../../src/format/elf/read.ts';
import {
  readSectionByName,
  readSections,
  readSectionZero,
} from '../../../src/format/elf/sections.ts';
import { readSymbols } from '../../../src/format/elf/symbols.ts';
import { ByteWriter } from '../../../src/util/byte-writer.ts';
import { FormatError, UnsupportedError } from '../../../src/util/errors.ts';
import { BytesSource } from '../../../src/util/io.ts';
import { buildElf, buildVmlinux, patchEhdr } from '../../support/elf-builder.ts';

const BTF = { name: '.BTF', type: 1, data: Uint8Array.of(0x9f, 0xeb, 1, 0) };

function open(bytes: Uint8Array): ReturnType<typeof readElf> {
  return readElf(new BytesSource(bytes, 'vmlinux'));
}

describe('readSections', () => {
  for (const elfClass of [64, 32] as const) {
    for (const littleEndian of [true, false]) {
      it(`names the sections of an ELF${elfClass} ${littleEndian ? 'LE' : 'BE'} file`, () => {
        const file = open(buildVmlinux([BTF], { elfClass, littleEndian }));
        const sections = readSections(file);
        assert.deepEqual(
          sections.map((section) => section.name),
          ['', '.BTF', '.shstrtab'],
        );
        assert.deepEqual(readSectionByName(file, sections, '.BTF'), BTF.data);
        assert.equal(readSectionByName(file, sections, '.symtab'), undefined);
      });
    }
  }

  it('is empty for a dump without section headers', () => {
    assert.deepEqual(readSections(open(buildElf({ segments: [] }))), []);
  });

  it('takes the counts from section 0 where they do not fit the header', () => {
    let bytes = patchEhdr(buildVmlinux([BTF]), 'e_shnum', 0);
    bytes = patchEhdr(bytes, 'e_shstrndx', 0xffff);
    const zero = open(bytes).shoff;
    const view = new DataView(bytes.buffer);
    view.setBigUint64(zero + 32, 3n, true); // sh_size: the true e_shnum
    view.setUint32(zero + 40, 2, true); // sh_link: the true e_shstrndx
    assert.equal(readSections(open(bytes))[1]?.name, '.BTF');
  });

  const damaged: [string, Uint8Array, RegExp][] = [
    ['e_shoff past the end', patchEhdr(buildVmlinux([BTF]), 'e_shoff', 2 ** 40), /section 0/],
    ['e_shnum past the end', patchEhdr(buildVmlinux([BTF]), 'e_shnum', 9), /section headers/],
    ['e_shentsize 0', patchEhdr(buildVmlinux([BTF]), 'e_shentsize', 0), /e_shentsize 0/],
    [
      'e_shnum times e_shentsize of gigabytes',
      patchEhdr(patchEhdr(buildVmlinux([BTF]), 'e_shnum', 0xff00), 'e_shentsize', 0xff00),
      /expected at most/,
    ],
  ];
  for (const [what, bytes, message] of damaged) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => readSections(open(bytes)),
        (error) => error instanceof FormatError && message.test(error.message),
      );
    });
  }

  it('leaves sections without names if their string table cannot be', () => {
    const file = open(patchEhdr(buildVmlinux([BTF]), 'e_shstrndx', 77));
    assert.deepEqual(
      readSections(file).map((section) => section.name),
      ['', '', ''],
    );
  });
});

describe('readSectionByName', () => {
  it('has no bytes of a section that has none in the file', () => {
    const file = open(buildVmlinux([{ ...BTF, type: 8 }])); // SHT_NOBITS
    assert.equal(readSectionByName(file, readSections(file), '.BTF'), undefined);
  });

  it('refuses a compressed section', () => {
    const file = open(buildVmlinux([{ ...BTF, flags: 0x800 }]));
    assert.throws(() => readSectionByName(file, readSections(file), '.BTF'), UnsupportedError);
  });

  it('refuses a section past the end of the file', () => {
    const bytes = buildVmlinux([BTF]);
    const { shoff } = open(bytes);
    new DataView(bytes.buffer).setBigUint64(shoff + 64 + 24, 1n << 40n, true); // sh_offset of .BTF
    const file = open(bytes);
    assert.throws(
      () => readSectionByName(file, readSections(file), '.BTF'),
      /\.BTF: expected 4 bytes at byte 1099511627776 of vmlinux, have 0/,
    );
  });
});

describe('readSectionZero', () => {
  it('holds the true number of program headers of a large dump', () => {
    const segments = Array.from({ length: 65536 }, () => ({ paddr: 0 }));
    const file = open(buildElf({ segments }));
    assert.equal(readSectionZero(file.source, file).info, 65536);
  });
});

describe('readSymbols', () => {
  const names = Buffer.from('\0_stext\0init_task\0', 'latin1');

  function symbolTable(options: { wide: boolean; littleEndian: boolean }): Uint8Array {
    const writer = new ByteWriter(options);
    const symbol = (name: number, value: bigint, info: number, size: number): void => {
      writer.u32(name);
      if (options.wide) writer.u8(info).u8(0).u16(5).u64(value).u64(size);
      else writer.u32(Number(value)).u32(size).u8(info).u8(0).u16(5);
    };
    symbol(0, 0n, 0, 0); // entry 0 is empty
    symbol(1, options.wide ? 0xffff_ffff_8100_0000n : 0xc100_0000n, 0x10, 0); // NOTYPE, global
    symbol(8, options.wide ? 0xffff_ffff_8260_0000n : 0xc260_0000n, 0x11, 9792); // OBJECT
    return writer.finish();
  }

  for (const elfClass of [64, 32] as const) {
    for (const littleEndian of [true, false]) {
      it(`reads the symbols of an ELF${elfClass} ${littleEndian ? 'LE' : 'BE'} file`, () => {
        const wide = elfClass === 64;
        const data = symbolTable({ wide, littleEndian });
        const file = open(
          buildVmlinux(
            [
              { name: '.symtab', type: 2, data, link: 2 },
              { name: '.strtab', type: 3, data: names },
            ],
            { elfClass, littleEndian },
          ),
        );
        const symbols = readSymbols(file, readSections(file));
        assert.equal(symbols?.length, 3);
        assert.deepEqual(
          [...symbols],
          [
            { name: '', value: 0n, size: 0, type: 0, binding: 0, sectionIndex: 5 },
            {
              name: '_stext',
              value: wide ? 0xffff_ffff_8100_0000n : 0xc100_0000n,
              size: 0,
              type: 0,
              binding: 1,
              sectionIndex: 5,
            },
            {
              name: 'init_task',
              value: wide ? 0xffff_ffff_8260_0000n : 0xc260_0000n,
              size: 9792,
              type: 1,
              binding: 1,
              sectionIndex: 5,
            },
          ],
        );
      });
    }
  }

  it('is undefined for a stripped file', () => {
    const file = open(buildVmlinux([BTF]));
    assert.equal(readSymbols(file, readSections(file)), undefined);
  });

  it('does not count a cut last symbol, and has no name for one outside its strings', () => {
    const table = symbolTable({ wide: true, littleEndian: true });
    new DataView(table.buffer).setUint32(24, 0xffff_ffff, true); // st_name of symbol 1
    const file = open(
      buildVmlinux([
        { name: '.symtab', type: 2, data: table.subarray(0, 60), link: 2 },
        { name: '.strtab', type: 3, data: names },
      ]),
    );
    const symbols = readSymbols(file, readSections(file));
    assert.equal(symbols?.length, 2);
    assert.equal(symbols.at(1).name, '');
  });
});
