import assert from 'node:assert/strict';
import { PACK_NOTE_VERSION } from '../../../src/format/pack/constants.ts';
import { readPackNotes, type ReadNote } from '../../../src/format/pack/read.ts';
import {
  writePackNotes,
  type PackedSection,
  type WrittenNote,
} from '../../../src/format/pack/write.ts';
import { FormatError, UnsupportedError } from '../../../src/util/errors.ts';

function asRead({ name, desc }: WrittenNote): ReadNote {
  return { name, desc, descSize: desc.length };
}

const SECTION_SIZE = 256 << 10;

/** Sections that are not packed any smaller. */
function sections(count: number): PackedSection[] {
  return Array.from({ length: count }, (_, i) => ({
    name: 'kept',
    packed: new Uint8Array(SECTION_SIZE).fill(i),
    plainSize: SECTION_SIZE,
  }));
}

describe('writePackNotes', () => {
  it('cuts what is long into several notes, which readPackNotes puts together', () => {
    const written = sections(12);
    const notes = writePackNotes(written);
    assert.equal(notes.length, 4);
    const read = readPackNotes(notes.map(asRead)) ?? [];
    assert.deepEqual(
      read.map(({ packed }) => packed[0]),
      written.map((_, i) => i),
    );
  });
});

describe('readPackNotes', () => {
  const notes = writePackNotes(sections(8)).map(asRead);

  it('finds nothing among the notes of others', () => {
    const name = 'CORE';
    assert.equal(readPackNotes([{ name, desc: new Uint8Array(8), descSize: 8 }]), undefined);
  });

  it('refuses notes of which one is missing, is there twice or is out of order', () => {
    const [a, b, c] = notes as [ReadNote, ReadNote, ReadNote];
    for (const wrong of [
      [a, b],
      [a, c],
      [a, b, b],
      [b, a, c],
    ]) {
      assert.throws(() => readPackNotes(wrong), FormatError);
    }
  });

  it('refuses a note of which the file has only the start', () => {
    const [first, ...others] = notes as [ReadNote, ...ReadNote[]];
    const cut = { ...first, desc: first.desc.subarray(0, 100) };
    assert.throws(() => readPackNotes([cut, ...others]), /expected 1048588 bytes, have 100/);
  });

  it('says which version it can read', () => {
    const [note] = writePackNotes(sections(1)).map(asRead) as [ReadNote];
    const desc = note.desc.slice();
    desc[0] = PACK_NOTE_VERSION + 1;
    const run = (): unknown => readPackNotes([{ ...note, desc }]);
    assert.throws(
      run,
      (error) => error instanceof UnsupportedError && error.message.includes('version 2'),
    );
  });

  it('refuses a section that claims to unpack to more than any does', () => {
    const packed = new Uint8Array(10);
    for (const plainSize of [10 * 1033, 0xffff_ffff]) {
      const wrong = writePackNotes([{ name: 'kept', packed, plainSize }]).map(asRead);
      assert.throws(() => readPackNotes(wrong), /a section of \d+ bytes, packed to 10/);
    }
  });
});
