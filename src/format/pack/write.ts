// Writes the note of a packed dump; constants.ts draws it.

import { ByteWriter } from '../../util/byte-writer.ts';
import {
  PACK_NOTE_NAME,
  PACK_NOTE_TYPE,
  PACK_NOTE_VERSION,
  PART_SIZE_MAX,
  SECTION_TAGS,
  type SectionName,
} from './constants.ts';

/** A section with its bytes packed. */
export interface PackedSection {
  readonly name: SectionName;
  readonly packed: Uint8Array;
  /** Bytes before they were packed. */
  readonly plainSize: number;
}

/** A note as the writers of ELF and kdump files take it. */
export interface WrittenNote {
  readonly name: string;
  readonly type: number;
  readonly desc: Uint8Array;
}

/** The notes that hold the sections. */
export function writePackNotes(sections: Iterable<PackedSection>): WrittenNote[] {
  const all = new ByteWriter();
  for (const { name, packed, plainSize } of sections) {
    all.u32(SECTION_TAGS[name]).u32(packed.length).u32(plainSize).bytes(packed);
  }
  const bytes = all.finish();
  const parts = Math.max(1, Math.ceil(bytes.length / PART_SIZE_MAX));
  return Array.from({ length: parts }, (_, part) => {
    const desc = new ByteWriter();
    desc.u32(PACK_NOTE_VERSION).u32(part).u32(parts);
    desc.bytes(bytes.subarray(part * PART_SIZE_MAX, (part + 1) * PART_SIZE_MAX));
    return { name: PACK_NOTE_NAME, type: PACK_NOTE_TYPE, desc: desc.finish() };
  });
}
