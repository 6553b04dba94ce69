import assert from 'node:assert/strict';
import { decodeNotes, findBuildId } from '../../../src/format/elf/dump-notes.ts';
import { readElfNotes, readNotes, type ElfNote } from '../../../src/format/elf/notes.ts';
import { readElf } from '../../../src/format/elf/read.ts';
import { writeNotes } from '../../../src/format/elf/write.ts';
import { BytesSource } from '../../../src/util/io.ts';
import { Problems } from '../../../src/util/problems.ts';
import { buildElf, patchPhdr, patched, textNote } from '../../support/elf-builder.ts';

function read(bytes: Uint8Array, littleEndian = true): { notes: ElfNote[]; problems: Problems } {
  const problems = new Problems();
  return { notes: readNotes(bytes, { littleEndian, section: 'notes', problems }), problems };
}

function names(notes: readonly ElfNote[]): string[] {
  return notes.map((note) => note.name);
}

// Two notes, every byte by hand.
const HAND_MADE = Buffer.from(
  [
    '05000000 03000000 01000000', // n_namesz 5, n_descsz 3, n_type 1
    '434f5245 00 000000', // "CORE", NUL, padding to 4
    'aabbcc 00', // desc, padding to 4
    '00000000 04000000 07000000', // n_namesz 0, n_descsz 4, n_type 7
    '01020304', // desc
  ]
    .join('')
    .replaceAll(' ', ''),
  'hex',
);

describe('readNotes', () => {
  it('decodes hand-made notes, one without a name', () => {
    const { notes, problems } = read(HAND_MADE);
    assert.deepEqual(
      notes.map(({ name, type, desc, offset }) => [name, type, [...desc], offset]),
      [
        ['CORE', 1, [0xaa, 0xbb, 0xcc], 0],
        ['', 7, [1, 2, 3, 4], 24],
      ],
    );
    assert.ok(problems.isEmpty);
  });

  for (const littleEndian of [true, false]) {
    it(`reads what the writer wrote, ${littleEndian ? 'LE' : 'BE'}`, () => {
      const specs = ['', 'A', 'ABC', 'ABCD', 'VMCOREINFO_XEN'].flatMap((name, index) => [
        textNote(name, 'x'.repeat(index * 3), index + 1),
        textNote(name, '', 9),
      ]);
      const { notes, problems } = read(writeNotes(specs, littleEndian), littleEndian);
      assert.deepEqual(
        notes.map(({ name, type, desc }) => ({ name, type, desc: Buffer.from(desc) })),
        specs,
      );
      assert.ok(problems.isEmpty);
    });
  }

  it('leaves out the empty notes that end the notes of a CPU and goes on behind them', () => {
    const one = writeNotes([textNote('CORE', 'abcd')]);
    const { notes, problems } = read(Buffer.concat([one, new Uint8Array(24), one]));
    assert.deepEqual(names(notes), ['CORE', 'CORE']);
    assert.ok(problems.isEmpty);
  });

  it('passes over less than a header at the end', () => {
    const { notes, problems } = read(Buffer.concat([HAND_MADE, new Uint8Array(11)]));
    assert.equal(notes.length, 2);
    assert.ok(problems.isEmpty);
  });

  const good = writeNotes([textNote('CORE', 'abcd'), textNote('VMCOREINFO', 'OSRELEASE=6.1\n')]);
  const damaged: [string, Uint8Array, { last: string; text: string; message: RegExp }][] = [
    [
      'n_namesz past the end',
      patched(good, { at: 24, width: 4, value: 100 }),
      { last: 'CORE', text: 'abcd', message: /n_namesz is 100, have 28 bytes/ },
    ],
    [
      'n_namesz 2^32-1',
      patched(good, { at: 24, width: 4, value: 0xffff_ffff }),
      { last: 'CORE', text: 'abcd', message: /n_namesz is 4294967295/ },
    ],
    [
      'n_descsz past the end, whose beginning is there',
      patched(good, { at: 28, width: 4, value: 400 }),
      { last: 'VMCOREINFO', text: 'OSRELEASE=6.1\n', message: /n_descsz is 400, have 16 bytes/ },
    ],
    [
      'n_descsz 2^32-1',
      patched(good, { at: 28, width: 4, value: 0xffff_ffff }),
      { last: 'VMCOREINFO', text: 'OSRELEASE=6.1\n', message: /n_descsz is 4294967295/ },
    ],
    [
      'a desc that is cut',
      good.subarray(0, 24 + 12 + 12 + 5),
      { last: 'VMCOREINFO', text: 'OSREL', message: /n_descsz is 14, have 5 bytes/ },
    ],
    [
      'a name that is cut',
      good.subarray(0, 24 + 12 + 5),
      { last: 'CORE', text: 'abcd', message: /n_namesz is 11, have 5 bytes/ },
    ],
  ];
  for (const [what, bytes, expected] of damaged) {
    it(`keeps what is readable before ${what}`, () => {
      const { notes, problems } = read(bytes);
      const last = notes.at(-1);
      assert.equal(last?.name, expected.last);
      const text = Buffer.from(last?.desc ?? []).toString('latin1');
      assert.equal(text.replace(/\0+$/, ''), expected.text);
      assert.match(problems.list[0]?.message ?? '', expected.message);
    });
  }

  it('ends in a buffer of zeros without making a note of each', () => {
    const { notes, problems } = read(new Uint8Array(12 * 200_000));
    assert.equal(notes.length, 0);
    assert.match(problems.list[0]?.message ?? '', /more than 131072 notes/);
  });

  it('keeps the first part of a very large note', () => {
    const big = { name: 'LINUX', type: 0x700, desc: new Uint8Array(5 << 20).fill(1) };
    const { notes, problems } = read(writeNotes([big, textNote('CORE', 'abcd')]));
    assert.deepEqual(
      notes.map((note) => [note.name, note.desc.length, note.descSize]),
      [
        ['LINUX', 4 << 20, 5 << 20],
        ['CORE', 4, 4],
      ],
    );
    assert.equal(problems.list.length, 1);
  });
});

describe('readElfNotes', () => {
  it('reads several PT_NOTE segments in the order of the file', () => {
    const notes = [textNote('CORE', 'aaaa'), textNote('VMCOREINFO', 'OSRELEASE=x\n')];
    const bytes = buildElf({ notes, segments: [{ paddr: 0 }] });
    // The PT_LOAD becomes a second PT_NOTE over the second note, the first ends before it.
    const noteAt = 64 + 2 * 56;
    let split = patchPhdr(bytes, { index: 1, name: 'p_type' }, 4);
    split = patchPhdr(split, { index: 0, name: 'p_filesz' }, 24);
    split = patchPhdr(split, { index: 1, name: 'p_offset' }, noteAt + 24);
    split = patchPhdr(split, { index: 1, name: 'p_filesz' }, bytes.length - noteAt - 24);
    const file = readElf(new BytesSource(split));
    assert.deepEqual(names(readElfNotes(file)), ['CORE', 'VMCOREINFO']);
    assert.ok(file.problems.isEmpty);
  });

  it('reads what a cut file still has of its notes', () => {
    const notes = [textNote('CORE', 'aaaa'), textNote('VMCOREINFO', 'OSRELEASE=x\n')];
    const bytes = buildElf({ notes, segments: [] });
    const file = readElf(new BytesSource(bytes.subarray(0, bytes.length - 4)));
    const found = readElfNotes(file);
    assert.equal(Buffer.from(found[1]?.desc ?? []).toString(), 'OSRELEAS');
    assert.match(file.problems.list[0]?.message ?? '', /expected 60 bytes at byte 120, have 56/);
  });

  it('follows 8-byte alignment in a linked file and not in a dump', () => {
    const note = Buffer.concat([
      Buffer.from('04000000 04000000 03000000 474e5500'.replaceAll(' ', ''), 'hex'), // GNU
      Buffer.from('01020304 00000000'.replaceAll(' ', ''), 'hex'), // desc, padding to 8
    ]);
    const data = new BytesSource(Buffer.concat([note, note]));
    let bytes = buildElf({ segments: [{ paddr: 0, data }] });
    bytes = patchPhdr(bytes, { index: 0, name: 'p_type' }, 4);
    bytes = patchPhdr(bytes, { index: 0, name: 'p_align' }, 8);
    const linked = patched(bytes, { at: 16, width: 2, value: 2 }); // ET_EXEC
    const notes = readElfNotes(readElf(new BytesSource(linked)));
    assert.deepEqual(names(notes), ['GNU', 'GNU']);
    assert.equal(findBuildId(notes), '01020304');
    assert.notDeepEqual(names(readElfNotes(readElf(new BytesSource(bytes)))), ['GNU', 'GNU']);
  });
});

describe('decodeNotes', () => {
  const machine = { machine: 62, elfClass: 64, littleEndian: true } as const;

  it('sorts notes by what they mean', () => {
    const deviceDump = Buffer.concat([Buffer.from('cxgb4_0000:02'), new Uint8Array(60)]);
    const { notes } = read(
      writeNotes([
        textNote('VMCOREINFO', 'OSRELEASE=6.1\n\0\0\0'),
        textNote('VMCOREINFO_XEN', 'xen_version=4\n'),
        textNote('ERASEINFO', 'erase modules size 16\n'),
        { name: 'LINUX', type: 0x700, desc: deviceDump },
        textNote('LINUX', '12345678', 0x406),
        textNote('VMCOREINFO', 'OSRELEASE=second\n'),
      ]),
    );
    const problems = new Problems();
    const decoded = decodeNotes(notes, { ...machine, problems });
    assert.equal(decoded.vmcoreinfo, 'OSRELEASE=6.1\n');
    assert.equal(decoded.vmcoreinfoXen, 'xen_version=4\n');
    assert.equal(decoded.eraseinfo, 'erase modules size 16\n');
    assert.deepEqual(decoded.deviceDumps, ['cxgb4_0000:02']);
    assert.deepEqual(
      decoded.others.map(({ name, type }) => [name, type]),
      [['LINUX', 0x406]],
    );
    assert.ok(problems.isEmpty);
  });

  it('says undefined and empty where a dump says nothing', () => {
    const decoded = decodeNotes([], { ...machine, problems: new Problems() });
    assert.equal(decoded.vmcoreinfo, undefined);
    assert.equal(decoded.eraseinfo, undefined);
    assert.deepEqual([decoded.prStatus, decoded.qemuCpus, decoded.others], [[], [], []]);
  });

  it('keeps the CPUs that decode when one does not', () => {
    const status = new Uint8Array(336);
    new DataView(status.buffer).setInt32(32, 42, true);
    const { notes } = read(
      writeNotes([
        { name: 'CORE', type: 1, desc: status },
        { name: 'CORE', type: 1, desc: status.subarray(0, 100) },
        { name: 'CORE', type: 1, desc: status },
      ]),
    );
    const problems = new Problems();
    const decoded = decodeNotes(notes, { ...machine, problems });
    assert.deepEqual(
      decoded.prStatus.map(({ pid }) => pid),
      [42, 42],
    );
    assert.match(problems.list[0]?.message ?? '', /NT_PRSTATUS.*expected 328 bytes, have 100/);
  });

  it('leaves the CPU states of another machine alone', () => {
    const { notes } = read(writeNotes([textNote('QEMU', 'x'.repeat(440))]));
    const problems = new Problems();
    const decoded = decodeNotes(notes, { ...machine, machine: 183, problems });
    assert.equal(decoded.qemuCpus.length, 0);
    assert.equal(decoded.others.length, 1);
    assert.ok(problems.isEmpty);
  });
});
