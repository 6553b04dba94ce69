// Reads the note of a packed dump; constants.ts draws it. A note that is damaged is never passed
// over: what pack took out of the dump is zero there, and only the note says so.

import { ByteReader } from '../../util/byte-reader.ts';
import { FormatError, UnsupportedError } from '../../util/errors.ts';
import {
  PACK_NOTE_NAME,
  PACK_NOTE_VERSION,
  PART_HEADER_SIZE,
  SECTION_COUNT_MAX,
  SECTION_SIZE_MAX,
  SECTION_TAGS,
  type SectionName,
} from './constants.ts';
import type { PackedSection } from './write.ts';

/** A note as a reader of ELF or kdump files has it. */
export interface ReadNote {
  readonly name: string;
  readonly desc: Uint8Array;
  /** What the note says of its size. */
  readonly descSize: number;
}

const SECTION = 'note of stallcore pack';

/** Most zlib can make of one byte. */
const EXPANSION_MAX = 1032;

/** Whether these notes are of a dump that `stallcore pack` made. */
export function isPackNote({ name }: ReadNote): boolean {
  return name === PACK_NOTE_NAME;
}

/**
 * The sections of a packed dump; undefined where none of the notes is pack's.
 *
 * @throws FormatError if the notes are damaged or one of them is missing
 * @throws UnsupportedError for those of a version to come
 */
export function readPackNotes(notes: readonly ReadNote[]): PackedSection[] | undefined {
  const own = notes.filter(isPackNote);
  if (own.length === 0) return undefined;
  const parts = own.map((note, part) => partOf(note, part, own.length));
  return sectionsOf(Buffer.concat(parts));
}

/** The bytes of a part, which must be the next in order. */
function partOf({ desc, descSize }: ReadNote, expected: number, count: number): Uint8Array {
  if (desc.length < descSize || desc.length < PART_HEADER_SIZE) {
    const want = Math.max(descSize, PART_HEADER_SIZE);
    throw failure(`expected ${want} bytes, have ${desc.length}`);
  }
  const reader = new ByteReader(desc, { section: SECTION });
  const version = reader.u32();
  if (version !== PACK_NOTE_VERSION) {
    const what = `version ${version}, this stallcore reads version ${PACK_NOTE_VERSION}`;
    throw new UnsupportedError(`${SECTION}: ${what}`);
  }
  const [part, parts] = [reader.u32(), reader.u32()];
  if (part !== expected || parts !== count) {
    throw failure(`expected part ${expected} of ${count}, have part ${part} of ${parts}`);
  }
  return desc.subarray(PART_HEADER_SIZE);
}

function sectionsOf(bytes: Uint8Array): PackedSection[] {
  const reader = new ByteReader(bytes, { section: SECTION });
  const sections: PackedSection[] = [];
  while (reader.remaining > 0) {
    if (sections.length >= SECTION_COUNT_MAX) throw failure(`more than ${SECTION_COUNT_MAX} parts`);
    const name = nameOf(reader.u32());
    const packedSize = reader.u32();
    const plainSize = reader.u32();
    if (plainSize > SECTION_SIZE_MAX || plainSize > packedSize * EXPANSION_MAX) {
      throw failure(`a section of ${plainSize} bytes, packed to ${packedSize}`);
    }
    sections.push({ name, packed: reader.bytes(packedSize), plainSize });
  }
  return sections;
}

function nameOf(tag: number): SectionName {
  for (const [name, known] of Object.entries(SECTION_TAGS)) {
    if (known === tag) return name as SectionName;
  }
  throw failure(`a section with tag ${tag}`);
}

function failure(what: string): FormatError {
  return new FormatError({ section: SECTION }, what);
}
