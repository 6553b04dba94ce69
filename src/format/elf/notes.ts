// Notes: what a dump says besides memory. They lie in PT_NOTE segments of an ELF file, in sections
// of a vmlinux, and as one buffer behind the sub-header of a kdump-compressed file.
//
//   0   n_namesz u32   with the NUL
//   4   n_descsz u32
//   8   n_type   u32
//   12  name, padded to a multiple of 4
//       desc, padded to a multiple of 4
//
// The gABI asks for 8-byte alignment in ELF64; the kernel, QEMU and makedumpfile all use 4, and so
// does everybody who reads them. The one exception is a segment of a linked file with p_align 8.

import { ByteReader, latin1 } from '../../util/byte-reader.ts';
import { BytesSource, SubSource, type ByteSource } from '../../util/io.ts';
import type { Problems } from '../../util/problems.ts';
import { ET_CORE, NHDR_SIZE, PT_NOTE } from './constants.ts';
import type { ElfFile } from './read.ts';

/** One note. */
export interface ElfNote {
  /** Without its NUL; empty where n_namesz is 0. */
  readonly name: string;
  /** n_type; what it means depends on the name. */
  readonly type: number;
  /** The contents; shorter than `descSize` if the section ends before, or it is very large. */
  readonly desc: Uint8Array;
  /** n_descsz in bytes. */
  readonly descSize: number;
  /** Offset of the note in its section, in bytes. */
  readonly offset: number;
}

/** How to read a buffer of notes. */
export interface ReadNotesOptions {
  readonly littleEndian: boolean;
  /** Name of the section, for problems. */
  readonly section: string;
  readonly problems: Problems;
  /** 4 if not given. */
  readonly alignment?: 4 | 8;
}

/**
 * Bytes of one note that are taken into memory. Device dumps (VMCOREDD) have hundreds of
 * megabytes; of those the first part is kept, which has their name.
 */
const DESC_SIZE_MAX = 4 << 20;

/** Bytes of all notes of a file that are taken into memory. */
const NOTES_KEPT_MAX = 32 << 20;

/** Names are a word; a longer one is damage. */
const NAME_SIZE_MAX = 4096;

/** 8192 CPUs have 16,384 notes; a section of zeros would have one each 12 bytes. */
const NOTE_COUNT_MAX = 1 << 17;

/** Blocks that notes are read in; most sections are one block. */
const WINDOW_SIZE = 64 << 10;

/**
 * All notes of a buffer, in order. Damage ends the list with a problem; what was readable before
 * it is there, the beginning of a note that is cut short included. Empty notes, with which the
 * kernel ends the notes of a CPU, are left out.
 */
export function readNotes(bytes: Uint8Array, options: ReadNotesOptions): ElfNote[] {
  return readNoteSection(new BytesSource(bytes), options);
}

/**
 * The notes of all PT_NOTE segments, in the order of the file; problems go to those of `file`. The
 * limits on what is kept hold for all segments together: a million headers can name one segment.
 */
export function readElfNotes(file: ElfFile): ElfNote[] {
  const notes: ElfNote[] = [];
  const budget = newBudget();
  for (const segment of file.programHeaders) {
    if (segment.type !== PT_NOTE || segment.filesz === 0) continue;
    const section = `PT_NOTE ${segment.index}`;
    const source = new SubSource(file.source, segment.offset, segment.filesz);
    if (source.size < segment.filesz) {
      const wanted = `${segment.filesz} bytes at byte ${segment.offset}`;
      const what = `expected ${wanted}, have ${source.size}`;
      file.problems.addMessage(section, what, 'format');
    }
    const alignment = file.type !== ET_CORE && segment.align === 8 ? 8 : 4;
    const { littleEndian, problems } = file;
    const options = { littleEndian, section, problems, alignment } as const;
    for (const note of readNoteSection(source, options, budget)) notes.push(note);
    if (budget.notesLeft <= 0) break;
  }
  return notes;
}

/** What may still be read of the notes of one file. */
interface NoteBudget {
  notesLeft: number;
  bytesLeft: number;
}

function newBudget(): NoteBudget {
  return { notesLeft: NOTE_COUNT_MAX, bytesLeft: NOTES_KEPT_MAX };
}

function readNoteSection(
  source: ByteSource,
  options: ReadNotesOptions,
  budget = newBudget(),
): ElfNote[] {
  const walk = new NoteWalk(source, options, budget);
  const notes: ElfNote[] = [];
  let offset = 0;
  for (; offset + NHDR_SIZE <= source.size; budget.notesLeft--) {
    if (budget.notesLeft <= 0) {
      const what = `more than ${NOTE_COUNT_MAX} notes, the rest is not read`;
      options.problems.addMessage(options.section, what, 'format');
      break;
    }
    const found = walk.noteAt(offset);
    if (found === undefined) break;
    if (found.note.name !== '' || found.note.type !== 0 || found.note.descSize > 0) {
      notes.push(found.note);
    }
    offset = found.end;
  }
  return notes;
}

/** Reads single notes through a window, and keeps account of what they take. */
class NoteWalk {
  readonly #source: ByteSource;
  readonly #options: ReadNotesOptions;
  #window: Uint8Array = new Uint8Array(0);
  #windowStart = 0;
  readonly #budget: NoteBudget;

  constructor(source: ByteSource, options: ReadNotesOptions, budget: NoteBudget) {
    this.#source = source;
    this.#options = options;
    this.#budget = budget;
  }

  /** The note at `offset` and where it ends; undefined if it is damaged past use. */
  noteAt(offset: number): { note: ElfNote; end: number } | undefined {
    const { littleEndian, section } = this.#options;
    const bytes = this.#bytesAt(offset, NHDR_SIZE);
    const reader = new ByteReader(bytes, { littleEndian, section });
    if (bytes.length < NHDR_SIZE) return undefined;
    const nameSize = reader.u32();
    const descSize = reader.u32();
    const type = reader.u32();
    const nameAt = offset + NHDR_SIZE;
    if (nameSize > NAME_SIZE_MAX || nameAt + nameSize > this.#source.size) {
      this.#problem(offset, `n_namesz is ${nameSize}, have ${this.#source.size - nameAt} bytes`);
      return undefined;
    }
    const descAt = this.#align(nameAt + nameSize);
    const note = {
      name: cString(this.#bytesAt(nameAt, nameSize)),
      type,
      desc: this.#desc(offset, descAt, descSize),
      descSize,
      offset,
    };
    return { note, end: this.#align(descAt + descSize) };
  }

  /** As much of the contents as there is and as we keep. */
  #desc(noteOffset: number, at: number, size: number): Uint8Array {
    const available = Math.max(0, Math.min(size, this.#source.size - at));
    if (available < size) this.#problem(noteOffset, `n_descsz is ${size}, have ${available} bytes`);
    const kept = Math.min(available, DESC_SIZE_MAX, this.#budget.bytesLeft);
    if (kept < available) this.#problem(noteOffset, `of ${available} bytes ${kept} were read`);
    this.#budget.bytesLeft -= kept;
    // A copy, so that a small note does not hold its whole window in memory.
    return this.#bytesAt(at, kept).slice();
  }

  /** A view of `length` bytes at `offset`, fewer at the end of the section. */
  #bytesAt(offset: number, length: number): Uint8Array {
    const inWindow = offset - this.#windowStart;
    if (inWindow < 0 || inWindow + length > this.#window.length) {
      const window = new Uint8Array(
        Math.max(0, Math.min(Math.max(length, WINDOW_SIZE), this.#source.size - offset)),
      );
      this.#window = window.subarray(0, this.#source.readInto(window, offset));
      this.#windowStart = offset;
      return this.#window.subarray(0, length);
    }
    return this.#window.subarray(inWindow, inWindow + length);
  }

  #align(offset: number): number {
    const alignment = this.#options.alignment ?? 4;
    return Math.ceil(offset / alignment) * alignment;
  }

  #problem(offset: number, what: string): void {
    const { problems, section } = this.#options;
    problems.addMessage(`${section}+0x${offset.toString(16)}`, what, 'format');
  }
}

function cString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return latin1(end < 0 ? bytes : bytes.subarray(0, end));
}
