// The note that `stallcore pack` leaves in a dump: its name, and what its parts are called.
//
// ELF: a note in PT_NOTE. kdump: in the notes behind the sub-header. crash takes every note of type
// 1 for registers, whatever its name is, so the type is one that nobody has.
//
//   0   u32 version          1
//   4   u32 part, u32 parts  long notes are cut, since readers keep little of one note
//   12  bytes                those of all parts, one after the other, are a row of sections
//
// A section:
//
//   0   u32 tag              what it is about
//   4   u32 packed, u32 plain   sizes in bytes
//   12  packed bytes         a zlib stream; pack/ and target/ pack and unpack it

/** n_name. */
export const PACK_NOTE_NAME = 'STALLCORE';

/** n_type: "SC" and a number. */
export const PACK_NOTE_TYPE = 0x5343_0001;

/** What a reader that knows only this must refuse to read on. */
export const PACK_NOTE_VERSION = 1;

/** Bytes in front of those of a part. */
export const PART_HEADER_SIZE = 12;

/** Bytes of one note; our reader keeps up to 4 MiB of one. */
export const PART_SIZE_MAX = 1 << 20;

/** Bytes of a section before it is packed; a longer one is written as several of one tag. */
export const SECTION_SIZE_MAX = 256 << 10;

/** Sections that are believed: more than 1 GiB of notes. */
export const SECTION_COUNT_MAX = 1 << 13;

/** What a section is about. */
export const SECTION_TAGS = {
  /** JSON: what the dump was, and why what was kept. */
  manifest: 1,
  /** Byte ranges of physical memory that were kept. */
  kept: 2,
  /** JSON: symbols. */
  symbols: 3,
  /** JSON: a layout file, as those in structs/ are. */
  types: 4,
} as const;

/** A name of a section. */
export type SectionName = keyof typeof SECTION_TAGS;
