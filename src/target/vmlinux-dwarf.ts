// The debug sections of a vmlinux, put together for the DWARF reader.

import { Dwarf } from '../format/dwarf/dwarf.ts';
import type { DwarfSources } from '../format/dwarf/section.ts';
import { SHT_NOBITS } from '../format/elf/constants.ts';
import type { ElfFile } from '../format/elf/read.ts';
import type { ElfSection } from '../format/elf/sections.ts';
import { DwarfTypes } from '../types/dwarf-types.ts';
import { FormatError, UnsupportedError } from '../util/errors.ts';
import { SubSource, type ByteSource } from '../util/io.ts';

/**
 * The types of the DWARF in a file; none of it is read before it is asked for.
 *
 * @returns undefined if the file has no DWARF
 * @throws UnsupportedError if it is of a big-endian machine
 */
export function dwarfTypesOf(
  file: ElfFile,
  sections: readonly ElfSection[],
): DwarfTypes | undefined {
  const section = (name: string): ByteSource | undefined => sourceOf(file, sections, name);
  const info = section('.debug_info');
  if (info === undefined) return undefined;
  if (!file.littleEndian) throw new UnsupportedError(`${file.source.name}: big-endian DWARF`);
  const abbrev = section('.debug_abbrev');
  if (abbrev === undefined) {
    throw new FormatError({ section: file.source.name }, '.debug_info without .debug_abbrev');
  }
  const sources: DwarfSources = {
    info,
    abbrev,
    str: section('.debug_str'),
    lineStr: section('.debug_line_str'),
    strOffsets: section('.debug_str_offsets'),
    types: section('.debug_types'),
  };
  return new DwarfTypes(new Dwarf(sources), `DWARF of ${file.source.name}`);
}

function sourceOf(
  file: ElfFile,
  sections: readonly ElfSection[],
  name: string,
): ByteSource | undefined {
  const section = sections.find((each) => each.name === name);
  if (section === undefined || section.type === SHT_NOBITS) return undefined;
  const { offset, size } = section;
  if (offset + size > file.source.size) {
    const have = Math.max(0, file.source.size - offset);
    throw new FormatError({ section: name }, `expected ${size} bytes in the file, have ${have}`);
  }
  return new SubSource(file.source, offset, size);
}
