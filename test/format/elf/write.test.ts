import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readElfNotes } from '../../../src/format/elf/notes.ts';
import { readElf } from '../../../src/format/elf/read.ts';
import { writeElfVmcore, type ElfVmcoreSpec } from '../../../src/format/elf/write.ts';
import { BytesSource, type ByteSink, type ByteSource } from '../../../src/util/io.ts';
import { Prng } from '../../../src/util/prng.ts';
import { buildElf, filled, textNote } from '../../support/elf-builder.ts';

describe('writeElfVmcore', () => {
  it('closes the circle for random layouts of each class and byte order', () => {
    for (let seed = 1; seed <= 100; seed++) checkRoundTrip(seed);
  });

  it('copies a segment in blocks, so that it need not fit in memory', () => {
    let largest = 0;
    let end = 0;
    const sink: ByteSink = {
      write(bytes, offset) {
        largest = Math.max(largest, bytes.length);
        end = offset + bytes.length;
      },
    };
    let reads = 0;
    const data: ByteSource = {
      name: 'large',
      size: 64 << 20,
      readInto: (into) => (reads++, into.length),
    };
    const written = writeElfVmcore(sink, { segments: [{ paddr: 5 * 2 ** 40, data }] });
    assert.equal(written, end);
    assert.ok(largest <= 1 << 20, `${largest}`);
    assert.equal(reads, 64);
  });

  it('refuses what ELF32 cannot hold', () => {
    assert.throws(
      () => buildElf({ elfClass: 32, segments: [{ paddr: 2 ** 32 }] }),
      /0x100000000 does not fit ELF32/,
    );
  });

  describe('read by readelf', () => {
    const specs: [string, ElfVmcoreSpec][] = [
      ['ELF64 LE', spec({})],
      ['ELF64 BE', spec({ littleEndian: false, machine: 22 })],
      ['ELF32 LE', spec({ elfClass: 32, machine: 3 })],
      ['ELF32 BE', spec({ elfClass: 32, littleEndian: false, machine: 20 })],
      ['program headers elsewhere', spec({ phoff: 0x1230 })],
      [
        'more than 65535 program headers',
        { segments: Array.from({ length: 70_000 }, (_, i) => ({ paddr: i * 4096, memsz: 4096 })) },
      ],
    ];
    for (const [what, elf] of specs) {
      it(`is understood as we do: ${what}`, function () {
        const bytes = buildElf(elf);
        const text = readelf(bytes);
        if (text === undefined) {
          if (this.test !== undefined) this.test.title += ' (skipped: no readelf here)';
          this.skip();
        }
        const file = readElf(new BytesSource(bytes));
        assert.deepEqual(
          segmentsOfReadelf(text),
          file.programHeaders.map(({ type, offset, vaddr, paddr, filesz, memsz }) => [
            type,
            ...[offset, vaddr, paddr ?? -1, filesz, memsz].map((value) =>
              BigInt.asUintN(file.elfClass, BigInt(value)),
            ),
          ]),
        );
        const notes = [...text.matchAll(/^ {2}(\S+) +0x([0-9a-f]+)\t/gm)];
        assert.deepEqual(
          notes.map(([, name, size]) => [name, Number.parseInt(size ?? '', 16)]),
          readElfNotes(file).map((note) => [note.name, note.descSize]),
        );
        assert.doesNotMatch(text, /Warning|Error/);
      });
    }
  });
});

/** Notes, memory that is in the file, excluded and without a physical address. */
function spec(options: Omit<ElfVmcoreSpec, 'segments'>): ElfVmcoreSpec {
  return {
    ...options,
    notes: [textNote('VMCOREINFO', 'OSRELEASE=x\n'), textNote('ABCD', 'x', 7)],
    segments: [
      filled(0x1000, { value: 1, length: 0x1234 }, { vaddr: 0xc000_1000n, memsz: 0x5000 }),
      filled(0x10_0000, { value: 2, length: 0x10 }),
      filled(0, { value: 3, length: 0x10 }, { paddr: undefined, vaddr: 0xd000_0000n }),
    ],
  };
}

function checkRoundTrip(seed: number): void {
  const prng = new Prng(seed);
  const notes = Array.from({ length: prng.below(5) }, () => ({
    name: 'N'.repeat(prng.below(9)),
    type: 1 + prng.below(1000),
    desc: prng.bytes(prng.below(50)),
  }));
  const segments = Array.from({ length: prng.below(9) }, () => {
    const data = new BytesSource(prng.bytes(prng.below(3000)));
    return {
      paddr: prng.chance(0.1) ? undefined : prng.below(2 ** 31),
      vaddr: BigInt(prng.u32()),
      data,
      memsz: data.size + prng.below(5000),
      flags: prng.below(8),
    };
  });
  const bytes = buildElf({
    elfClass: prng.pick([32, 64]),
    littleEndian: prng.chance(0.5),
    phoff: 64 + prng.below(300),
    alignment: prng.pick([1, 8, 4096]),
    notes,
    segments,
  });
  const file = readElf(new BytesSource(bytes));
  const loads = file.programHeaders.filter((header) => header.type === 1);
  assert.deepEqual(
    loads.map(({ paddr, vaddr, memsz, flags }) => ({ paddr, vaddr, memsz, flags })),
    segments.map(({ paddr, vaddr, memsz, flags }) => ({ paddr, vaddr, memsz, flags })),
    `seed ${seed}`,
  );
  loads.forEach(({ offset, filesz }, index) => {
    const expected = new Uint8Array(filesz);
    assert.equal(segments[index]?.data.readInto(expected, 0), filesz);
    assert.deepEqual(bytes.slice(offset, offset + filesz), expected, `seed ${seed}`);
  });
  assert.deepEqual(
    readElfNotes(file).map(({ name, type, desc }) => ({ name, type, desc })),
    notes,
    `seed ${seed}`,
  );
  assert.ok(file.problems.isEmpty, `seed ${seed}`);
}

/** What readelf says of headers and notes; undefined where it is not installed. */
function readelf(bytes: Uint8Array): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-elf-'));
  try {
    const path = join(folder, 'vmcore');
    writeFileSync(path, bytes);
    const args = ['--wide', '--program-headers', '--notes', path];
    const options = { encoding: 'latin1', maxBuffer: 1 << 28, env: { LC_ALL: 'C' } } as const;
    const run = spawnSync('readelf', args, options);
    return run.error === undefined ? run.stdout + run.stderr : undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Type, offset, vaddr, paddr, filesz and memsz of each program header in readelf's output. */
function segmentsOfReadelf(text: string): (number | bigint)[][] {
  const lines = text.matchAll(/^ {2}(LOAD|NOTE) +((?:0x[0-9a-f]+ ?){5})/gm);
  return [...lines].map(([, type, numbers]) => [
    type === 'LOAD' ? 1 : 4,
    ...(numbers ?? '').trim().split(' ').map(BigInt),
  ]);
}
