// The ELF cases of libkdumpfile's test suite (its folder tests/, files elf-*), each by a test of
// our own making. What a case is about is taken from there, bytes and code are ours. Where we
// answer differently on purpose, the test says why.
//
//   libkdumpfile case         here
//   elf-basic                 reads a page
//   elf-basic-flat            reads a page of a flattened file
//   elf-be, elf-le            reads bytes as they are, whatever the byte order of the headers
//   elf-empty, elf-empty-*    opens an empty dump of …
//   elf-fractional            joins a page of two segments, the first of which is short
//   elf-multiread             threads do not apply; many reads in random order
//   elf-nonexistent           fails behind the last segment
//   elf-overlap               merges overlapping segments
//   elf-partial               reads parts of pages and makes up none
//   elf-virt-phys-clash       does not confuse a virtual and a physical address
//   elf-eraseinfo, elf-vmcoreinfo, elf-task_struct      reads the notes of …
//   elf-prstatus-*            test/format/elf/cpu-notes: pid for each machine, registers of x86-64
//   elf-dom0-no-phys_base     reads the notes of a Xen dom0
//   elf-xen_prstatus          recognises a core of a Xen domain
//   multixlat-elf             finds a page of each of four segments with p_vaddr

import assert from 'node:assert/strict';
import { decodeNotes, type DumpNotes } from '../../src/format/elf/dump-notes.ts';
import { readElfNotes } from '../../src/format/elf/notes.ts';
import { readElf, type ElfFile } from '../../src/format/elf/read.ts';
import { isXenCore } from '../../src/format/elf/sections.ts';
import {
  writeElfVmcore,
  type ElfSegmentSpec,
  type ElfVmcoreSpec,
} from '../../src/format/elf/write.ts';
import { readFlattened } from '../../src/format/flattened/read.ts';
import { FlattenedSink } from '../../src/format/flattened/write.ts';
import { ElfMemory } from '../../src/memory/elf-memory.ts';
import { FaultError } from '../../src/util/errors.ts';
import { BytesSink, BytesSource } from '../../src/util/io.ts';
import { Prng } from '../../src/util/prng.ts';
import { buildElf, buildVmlinux, filled, textNote } from '../support/elf-builder.ts';

function fileOf(spec: ElfVmcoreSpec): ElfFile {
  return readElf(new BytesSource(buildElf(spec), 'test.elf'));
}

function memoryOf(segments: readonly ElfSegmentSpec[]): ElfMemory {
  return new ElfMemory(fileOf({ segments }));
}

function notesOf(spec: Omit<ElfVmcoreSpec, 'segments'>): DumpNotes {
  const file = fileOf({ ...spec, segments: [{ paddr: 0 }] });
  const notes = decodeNotes(readElfNotes(file), file);
  assert.ok(file.problems.isEmpty);
  return notes;
}

function read(memory: ElfMemory, paddr: number, length: number): Uint8Array {
  const into = new Uint8Array(length);
  memory.readInto(into, paddr);
  return into;
}

function faultsAt(memory: ElfMemory, paddr: number, length: number): void {
  assert.throws(() => read(memory, paddr, length), FaultError);
}

describe("ElfMemory, the ELF cases of libkdumpfile's tests", () => {
  it('reads a page', () => {
    const page = Uint8Array.from({ length: 4096 }, (_, i) => i & 0xff);
    const memory = memoryOf([{ paddr: 0, data: new BytesSource(page) }]);
    assert.deepEqual(read(memory, 0, 4096), page);
  });

  it('reads a page of a flattened file', () => {
    const page = new Prng(2).bytes(4096);
    const inner = new BytesSink();
    const sink = new FlattenedSink(inner);
    writeElfVmcore(sink, { segments: [{ paddr: 0, data: new BytesSource(page) }] });
    sink.finish();
    const source = readFlattened(new BytesSource(inner.bytes()));
    assert.deepEqual(read(new ElfMemory(readElf(source)), 0, 4096), page);
  });

  for (const littleEndian of [true, false]) {
    it(`reads bytes as they are, headers ${littleEndian ? 'LE' : 'BE'}`, () => {
      const data = new Prng(1).bytes(16);
      const segments = [{ paddr: 0, data: new BytesSource(data), memsz: 4096 }];
      const memory = new ElfMemory(fileOf({ littleEndian, segments }));
      assert.deepEqual(read(memory, 0, 16), data);
      assert.equal(memory.stateOf(16), 'excluded');
    });
  }

  const machines = [
    { what: 'aarch64', elfClass: 64, littleEndian: true, machine: 183 },
    { what: 'i386', elfClass: 32, littleEndian: true, machine: 3 },
    { what: 'i386 in ELF64', elfClass: 64, littleEndian: true, machine: 3 },
    { what: 'ppc64', elfClass: 64, littleEndian: false, machine: 21 },
    { what: 'ppc64le', elfClass: 64, littleEndian: true, machine: 21 },
    { what: 's390', elfClass: 32, littleEndian: false, machine: 22 },
    { what: 's390x', elfClass: 64, littleEndian: false, machine: 22 },
    { what: 'x86_64', elfClass: 64, littleEndian: true, machine: 62 },
  ] as const;
  for (const { what, ...machine } of machines) {
    it(`opens an empty dump of ${what}`, () => {
      const file = fileOf({ ...machine, phoff: 0x1000, segments: [{ paddr: 0 }] });
      assert.deepEqual(
        [file.machine, file.elfClass, file.littleEndian],
        [machine.machine, machine.elfClass, machine.littleEndian],
      );
      const memory = new ElfMemory(file);
      assert.equal(memory.end, 0);
      assert.equal(memory.stateOf(0), 'not-in-dump');
      assert.ok(file.problems.isEmpty);
    });
  }

  it('joins a page of two segments, the first of which is short', () => {
    const memory = memoryOf([
      filled(0x1000, { value: 1, length: 0x600 }, { vaddr: 0x10_1000n }),
      filled(0x1000, { value: 2, length: 0x1000 }, { vaddr: 0x20_1000n }),
      filled(0x9000, { value: 3, length: 0x10 }),
    ]);
    const page = read(memory, 0x1000, 0x1000);
    assert.deepEqual([page[0x5ff], page[0x600], page[0xfff]], [1, 2, 2]);
  });

  it('reads the same whatever the order of many reads', () => {
    const data = new Prng(3).bytes(0x80000);
    const memory = memoryOf([{ paddr: 0, data: new BytesSource(data) }]);
    const prng = new Prng(4);
    for (let i = 0; i < 2000; i++) {
      const at = prng.below(0x7f000);
      const length = prng.below(0x1000);
      assert.deepEqual(read(memory, at, length), data.subarray(at, at + length));
    }
  });

  it('fails behind the last segment', () => {
    const memory = memoryOf([filled(0, { value: 0, length: 0x1000 })]);
    faultsAt(memory, 0x1000, 1);
  });

  it('merges overlapping segments', () => {
    const at = (paddr: number): Partial<ElfSegmentSpec> => ({ vaddr: BigInt(paddr) });
    const some = (paddr: number, pages: number, memsz: number): ElfSegmentSpec =>
      filled(paddr, { value: 0x55, length: pages * 0x1000 }, { ...at(paddr), memsz });
    const memory = memoryOf([
      some(0x1000, 1, 0x4000), // |####|
      some(0x3000, 0, 0x4000), //   |####|
      some(0xa000, 2, 0x8000), // |########|
      some(0xc000, 2, 0x4000), //   |####|
      some(0x18000, 0, 0x4000), // |####|
      some(0x1c000, 1, 0x2000), //      |##|
    ]);
    const inFile = [1, 10, 11, 12, 13, 28];
    const excluded = [2, 3, 4, 5, 6, 14, 15, 16, 17, 24, 25, 26, 27, 29];
    for (let page = 0; page < 32; page++) {
      const expected = inFile.includes(page)
        ? 'present'
        : excluded.includes(page)
          ? 'excluded'
          : 'not-in-dump';
      assert.equal(memory.stateOf(page * 0x1000), expected, `page ${page}`);
    }
  });

  // libkdumpfile fills what is missing of a page with zeros; our second invariant is that nothing
  // reads as zero that was not zero.
  it('reads parts of pages and makes up none', () => {
    const memory = memoryOf([
      filled(0x200, { value: 0x55, length: 0x200 }, { memsz: 0x400 }),
      { paddr: 0x800, memsz: 0x400 },
      filled(0xc00, { value: 0xaa, length: 0x200 }),
    ]);
    assert.deepEqual(read(memory, 0x200, 0x200), new Uint8Array(0x200).fill(0x55));
    assert.deepEqual(read(memory, 0xc00, 0x200), new Uint8Array(0x200).fill(0xaa));
    for (const [paddr, state] of [
      [0x1ff, 'not-in-dump'],
      [0x400, 'excluded'],
      [0x5ff, 'excluded'],
      [0x600, 'not-in-dump'],
      [0x800, 'excluded'],
      [0xe00, 'not-in-dump'],
    ] as const) {
      assert.equal(memory.stateOf(paddr), state, paddr.toString(16));
      faultsAt(memory, paddr, 1);
    }
    faultsAt(memory, 0, 0x1000);
  });

  it('does not confuse a virtual and a physical address', () => {
    const data = new Uint8Array(0x200).fill(0x55).fill(0xaa, 0x100);
    const memory = memoryOf([{ paddr: 0x200, vaddr: 0x100n, data: new BytesSource(data) }]);
    assert.deepEqual([...read(memory, 0x200, 2)], [0x55, 0x55]);
    const into = new Uint8Array(2);
    assert.equal(memory.virtualRanges.readInto(into, 0x200n), 2);
    assert.deepEqual([...into], [0xaa, 0xaa]);
    assert.equal(memory.virtualRanges.find(0x200n)?.paddr, 0x300);
  });

  it('finds a page of each of four segments with p_vaddr', () => {
    const direct = 0xffff_8880_0000_0000n;
    const paddrs = [0x2e1_0000, 0x200_0000, 0x191_8000, 0x300_0000];
    const memory = memoryOf(
      paddrs.map((paddr, i) =>
        filled(paddr, { value: i, length: 0x1000 }, { vaddr: direct + BigInt(paddr) }),
      ),
    );
    paddrs.forEach((paddr, i) => {
      assert.deepEqual([...read(memory, paddr + 0xfff, 1)], [i]);
      assert.equal(memory.virtualRanges.find(direct + BigInt(paddr))?.paddr, paddr);
    });
    assert.deepEqual(
      [...memory.presentRanges()].map(({ start }) => start),
      [...paddrs].sort((a, b) => a - b),
    );
  });

  it('reads the notes of makedumpfile --config (ERASEINFO)', () => {
    const text = 'erase modules size 16\n';
    assert.equal(notesOf({ phoff: 0x1000, notes: [textNote('ERASEINFO', text)] }).eraseinfo, text);
  });

  it('reads the notes of a kernel (VMCOREINFO)', () => {
    const text = 'OSRELEASE=3.12.28\nPAGESIZE=4096\n';
    assert.equal(notesOf({ notes: [textNote('VMCOREINFO', text)] }).vmcoreinfo, text);
  });

  it('reads the notes of an ELF32 dump with a task_struct in it (CORE, type 4)', () => {
    const notes = notesOf({ elfClass: 32, machine: 3, notes: [textNote('CORE', 'task', 4)] });
    assert.deepEqual(
      notes.others.map(({ name, type }) => [name, type]),
      [['CORE', 4]],
    );
    assert.equal(notes.prStatus.length, 0);
  });

  it('reads the notes of a Xen dom0', () => {
    const notes = notesOf({
      notes: [
        { name: 'CORE', type: 1, desc: new Uint8Array(336) },
        { name: 'Xen', type: 0x0100_0002, desc: new Uint8Array(32) }, // XEN_ELFNOTE_CRASH_REGS
        textNote('VMCOREINFO_XEN', 'xen\n'),
        textNote('VMCOREINFO', 'OSRELEASE=4.4\n'),
      ],
    });
    assert.equal(notes.prStatus.length, 1);
    assert.equal(notes.vmcoreinfo, 'OSRELEASE=4.4\n');
    assert.equal(notes.vmcoreinfoXen, 'xen\n');
    assert.deepEqual(
      notes.others.map(({ name }) => name),
      ['Xen'],
    );
  });

  it('recognises a core of a Xen domain, which has sections and no segments', () => {
    const data = new Uint8Array(16);
    const names = ['.note.Xen', '.xen_prstatus', '.xen_shared_info', '.xen_pages', '.xen_pfn'];
    const bytes = buildVmlinux(
      names.map((name) => ({ name, type: 1, data })),
      { type: 4 },
    );
    const file = readElf(new BytesSource(bytes));
    assert.equal(isXenCore(file), true);
    assert.equal(new ElfMemory(file).end, 0);
    assert.equal(isXenCore(fileOf({ segments: [{ paddr: 0 }] })), false);
  });
});
