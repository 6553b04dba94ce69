import assert from 'node:assert/strict';
import { PHDR_COUNT_MAX } from '../../../src/format/elf/program-headers.ts';
import { describeMachine, isElf, readElf } from '../../../src/format/elf/read.ts';
import { FormatError, UnsupportedError } from '../../../src/util/errors.ts';
import { BytesSource, type ByteSource } from '../../../src/util/io.ts';
import { buildElf, filled, patchEhdr, patchPhdr } from '../../support/elf-builder.ts';

const PAGE = { value: 0x55, length: 0x1000 };

function open(bytes: Uint8Array): ReturnType<typeof readElf> {
  return readElf(new BytesSource(bytes, 'test.elf'));
}

// A whole ELF64 core with one PT_LOAD, every field with its own value.
const HAND_MADE = Buffer.from(
  [
    '7f454c46 02 01 01 00 0000000000000000', // e_ident: 64 bits, little-endian
    '0400 3e00 01000000', // e_type ET_CORE, e_machine EM_X86_64, e_version
    '0000000000000000', // e_entry
    '4800000000000000', // e_phoff 0x48: not right behind the header
    '0000000000000000', // e_shoff
    '01000000', // e_flags DUMP_ELF_INCOMPLETE
    '0800 3800 0100', // e_ehsize 8 as QEMU 7.2 writes, e_phentsize 56, e_phnum 1
    '0000 0000 0000', // e_shentsize, e_shnum, e_shstrndx
    'ffffffffffffffff', // not used
    '01000000 05000000', // p_type PT_LOAD, p_flags R X
    '8000000000000000', // p_offset 0x80
    '000000008088ffff', // p_vaddr 0xffff888000000000
    '0020000000000000', // p_paddr 0x2000
    '0400000000000000', // p_filesz 4
    '0010000000000000', // p_memsz 0x1000
    '0010000000000000', // p_align
    '61626364', // "abcd"
  ]
    .join('')
    .replaceAll(' ', ''),
  'hex',
);

describe('readElf', () => {
  it('decodes every field of a hand-made file', () => {
    const file = open(HAND_MADE);
    assert.equal(file.elfClass, 64);
    assert.equal(file.littleEndian, true);
    assert.equal(file.type, 4);
    assert.equal(file.machine, 62);
    assert.equal(file.incomplete, true);
    assert.equal(file.phoff, 0x48);
    assert.deepEqual(file.programHeaders, [
      {
        index: 0,
        type: 1,
        flags: 5,
        offset: 0x80,
        vaddr: 0xffff_8880_0000_0000n,
        paddr: 0x2000,
        filesz: 4,
        memsz: 0x1000,
        align: 0x1000,
      },
    ]);
    assert.equal(file.missingHeaderCount, 0);
    assert.ok(file.problems.isEmpty);
  });

  for (const elfClass of [64, 32] as const) {
    for (const littleEndian of [true, false]) {
      it(`reads what the writer wrote: ELF${elfClass} ${littleEndian ? 'LE' : 'BE'}`, () => {
        const bytes = buildElf({
          elfClass,
          littleEndian,
          machine: 21,
          phoff: 0x123,
          segments: [
            filled(0x1000, PAGE, { vaddr: 0xc000_1000n, flags: 6 }),
            { paddr: 0x9000, memsz: 0x3000 },
            filled(0, PAGE, { paddr: undefined, vaddr: 0xd000_0000n }),
          ],
        });
        const file = open(bytes);
        assert.deepEqual([file.elfClass, file.littleEndian], [elfClass, littleEndian]);
        assert.equal(file.machine, 21);
        assert.equal(file.phoff, 0x123);
        const [first, second, third] = file.programHeaders;
        assert.deepEqual(
          [first?.paddr, first?.vaddr, first?.filesz, first?.memsz, first?.flags],
          [0x1000, 0xc000_1000n, 0x1000, 0x1000, 6],
        );
        assert.deepEqual([second?.offset, second?.filesz, second?.memsz], [0, 0, 0x3000]);
        assert.equal(third?.paddr, undefined);
      });
    }
  }

  for (const count of [7579, 65534, 65535, 65536, 100_000]) {
    it(`reads ${count} program headers`, () => {
      const segments = Array.from({ length: count }, (_, i) => ({ paddr: i * 4096, memsz: 4096 }));
      const file = open(buildElf({ segments }));
      assert.equal(file.programHeaders.length, count);
      assert.equal(file.phnum, Math.min(count, 0xffff));
      assert.equal(file.programHeaders.at(-1)?.paddr, (count - 1) * 4096);
      assert.ok(file.problems.isEmpty);
    });
  }

  it('takes 65535 program headers without an extended count for what they are', () => {
    const segments = Array.from({ length: 65535 }, (_, i) => ({ paddr: i * 4096, memsz: 4096 }));
    const bytes = patchEhdr(buildElf({ segments }), 'e_shoff', 0);
    const file = open(bytes);
    assert.equal(file.programHeaders.length, 65535);
    assert.match(file.problems.list[0]?.message ?? '', /section 0/);
  });

  it('tells the incomplete flag of a dump from e_flags of a vmlinux', () => {
    const bytes = buildElf({ flags: 1, segments: [filled(0, PAGE)] });
    assert.equal(open(bytes).incomplete, true);
    assert.equal(open(patchEhdr(bytes, 'e_type', 2)).incomplete, false);
  });

  it('counts headers that an incomplete dump reserved and never filled', () => {
    const bytes = buildElf({ flags: 1, segments: [filled(0, PAGE), filled(0x5000, PAGE)] });
    const cut = patchPhdr(bytes, { index: 1, name: 'p_type' }, 0);
    assert.equal(open(cut).missingHeaderCount, 1);
    assert.equal(open(patchEhdr(cut, 'e_flags', 0)).missingHeaderCount, 0);
  });

  it('keeps the headers that a cut table still has', () => {
    const bytes = buildElf({ segments: [filled(0, PAGE), filled(0x1000, PAGE)] });
    const file = open(bytes.subarray(0, 64 + 56 + 20));
    assert.equal(file.programHeaders.length, 1);
    assert.equal(file.missingHeaderCount, 1);
    assert.equal(
      file.problems.list[0]?.message,
      'expected 2 at byte 64 of test.elf, have room for 1',
    );
  });

  it('reads no more than its limit of a huge sparse table', () => {
    const segments = Array.from({ length: 65535 }, () => ({ paddr: 0 }));
    const bytes = buildElf({ segments });
    // sh_info of section 0, behind the table: 44 bytes into its header.
    new DataView(bytes.buffer).setUint32(64 + 65535 * 56 + 44, 0xffff_ffff, true);
    const file = readElf(sparse(bytes, 2 ** 40));
    assert.equal(file.programHeaders.length, PHDR_COUNT_MAX);
    assert.equal(file.missingHeaderCount, 0xffff_ffff - PHDR_COUNT_MAX);
  });

  const base = buildElf({ segments: [filled(0, PAGE), filled(0x1000, PAGE)] });
  const fatal: [string, Uint8Array, RegExp, typeof FormatError | typeof UnsupportedError][] = [
    ['an empty file', new Uint8Array(0), /ELF header: expected 16 bytes/, FormatError],
    ['a wrong magic', Uint8Array.from(base).fill(0, 0, 4), /expected magic 7f454c46/, FormatError],
    ['a cut header', base.subarray(0, 40), /expected 64 bytes at byte 0/, FormatError],
    ['EI_CLASS 3', withByte(base, 4, 3), /EI_CLASS is 3/, UnsupportedError],
    ['EI_DATA 0', withByte(base, 5, 0), /EI_DATA is 0/, UnsupportedError],
    ['EI_VERSION 9', withByte(base, 6, 9), /EI_VERSION is 9/, UnsupportedError],
    ['e_phoff 2^63', patchEhdr(base, 'e_phoff', 2n ** 63n), /e_phoff is 0x8/, FormatError],
    ['e_shoff 2^64-1', patchEhdr(base, 'e_shoff', -1n), /e_shoff is 0xffff/, FormatError],
  ];
  for (const [what, bytes, message, kind] of fatal) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => open(bytes),
        (error) => error instanceof kind && message.test(error.message),
      );
    });
  }

  const partial: [string, Uint8Array, { headers: number; missing: number; message: RegExp }][] = [
    [
      'e_phoff past the end',
      patchEhdr(base, 'e_phoff', 2 ** 40),
      { headers: 0, missing: 2, message: /have room for 0/ },
    ],
    [
      'e_phoff 0',
      patchEhdr(base, 'e_phoff', 0),
      { headers: 0, missing: 2, message: /e_phoff is 0/ },
    ],
    [
      'e_phentsize 0',
      patchEhdr(base, 'e_phentsize', 0),
      { headers: 0, missing: 2, message: /e_phentsize: expected 56, have 0/ },
    ],
    [
      'e_phentsize of the other class',
      patchEhdr(base, 'e_phentsize', 32),
      { headers: 0, missing: 2, message: /e_phentsize: expected 56, have 32/ },
    ],
    [
      'an absurd e_phnum',
      patchEhdr(base, 'e_phnum', 0xfffe),
      // Room for 218 records in the file; those that are no program header have absurd sizes.
      { headers: -1, missing: -1, message: /expected 65534 at byte 64/ },
    ],
    [
      'e_phnum PN_XNUM without section 0',
      patchEhdr(base, 'e_phnum', 0xffff),
      { headers: -1, missing: -1, message: /section 0: expected a header/ },
    ],
    [
      'p_offset 2^60',
      patchPhdr(base, { index: 1, name: 'p_offset' }, 2n ** 60n),
      { headers: 1, missing: 1, message: /p_offset is 0x1000000000000000/ },
    ],
    [
      'p_filesz 2^64-1',
      patchPhdr(base, { index: 0, name: 'p_filesz' }, -1n),
      { headers: 1, missing: 1, message: /p_filesz is/ },
    ],
    [
      'p_memsz 2^63',
      patchPhdr(base, { index: 0, name: 'p_memsz' }, 2n ** 63n),
      { headers: 1, missing: 1, message: /p_memsz is/ },
    ],
  ];
  for (const [what, bytes, expected] of partial) {
    it(`reads past ${what} and says so`, () => {
      const file = open(bytes);
      assert.ok(
        file.problems.list.some(({ message }) => expected.message.test(message)),
        JSON.stringify(file.problems.list),
      );
      if (expected.headers < 0) return;
      assert.equal(file.programHeaders.length, expected.headers);
      assert.equal(file.missingHeaderCount, expected.missing);
    });
  }
});

describe('isElf', () => {
  it('goes by the magic alone', () => {
    assert.equal(isElf(HAND_MADE), true);
    assert.equal(isElf(HAND_MADE.subarray(0, 3)), false);
    assert.equal(isElf(Buffer.from('KDUMP   ')), false);
  });
});

describe('describeMachine', () => {
  it('names what it knows and numbers the rest', () => {
    assert.equal(describeMachine(62), 'x86_64');
    assert.equal(describeMachine(183), 'aarch64');
    assert.equal(describeMachine(999), 'e_machine 999');
  });
});

function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = value;
  return copy;
}

/** `bytes` at the start of a source of `size` bytes that is zero behind them. */
function sparse(bytes: Uint8Array, size: number): ByteSource {
  return {
    name: 'sparse.elf',
    size,
    readInto(into, offset) {
      into.fill(0);
      if (offset < bytes.length) into.set(bytes.subarray(offset, offset + into.length));
      return into.length;
    },
  };
}
