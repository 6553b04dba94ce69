// The note of a packed dump, made from the account of an answer.

import { deflateZlib } from '../format/compress/zlib.ts';
import { SECTION_SIZE_MAX, type SectionName } from '../format/pack/constants.ts';
import { encodeRanges } from '../format/pack/ranges.ts';
import { writePackNotes, type PackedSection, type WrittenNote } from '../format/pack/write.ts';
import type { PackFacts } from '../target/pack-manifest.ts';
import type { NotedSymbols } from '../target/packed.ts';
import type { Ranges } from '../util/ranges.ts';

/** What goes into the note. */
export interface NoteContents {
  readonly facts: PackFacts;
  readonly symbols: NotedSymbols;
  /** The text of a layout file. */
  readonly layout: string;
  readonly kept: Ranges;
}

/** The notes of a packed dump. */
export function packNotes({ facts, symbols, layout, kept }: NoteContents): WrittenNote[] {
  return writePackNotes([
    ...textSections('manifest', JSON.stringify(facts)),
    ...textSections('symbols', JSON.stringify(symbols)),
    ...textSections('types', layout),
    ...sections('kept', encodeRanges(kept, SECTION_SIZE_MAX)),
  ]);
}

function textSections(name: SectionName, text: string): PackedSection[] {
  const bytes = Buffer.from(text, 'utf8');
  const count = Math.ceil(bytes.length / SECTION_SIZE_MAX);
  const pieces = Array.from({ length: count }, (_, i) =>
    bytes.subarray(i * SECTION_SIZE_MAX, (i + 1) * SECTION_SIZE_MAX),
  );
  return sections(name, pieces);
}

function sections(name: SectionName, pieces: Iterable<Uint8Array>): PackedSection[] {
  return Array.from(pieces, (bytes) => ({
    name,
    packed: deflateZlib(bytes),
    plainSize: bytes.length,
  }));
}
