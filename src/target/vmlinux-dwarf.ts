// The debug sections of a vmlinux, put together for the DWARF reader, with those of the file that
// dwz made of what several files share.

import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { readDebugAltLink, readDebugSup, type AlternateLink } from '../format/dwarf/alternate.ts';
import { Dwarf } from '../format/dwarf/dwarf.ts';
import type { DwarfSources } from '../format/dwarf/section.ts';
import { ET_REL } from '../format/elf/constants.ts';
import { readElf, type ElfFile } from '../format/elf/read.ts';
import { readSectionByName, readSections, type ElfSection } from '../format/elf/sections.ts';
import { DwarfTypes } from '../types/dwarf-types.ts';
import { FormatError, InvalidError, UnsupportedError } from '../util/errors.ts';
import { openDebugSection, type DebugSectionOptions } from './debug-section.ts';
import { FileSource } from './file-source.ts';
import { findGnuBuildId } from './notes-section.ts';

/** An ELF file with its section headers. */
export interface SectionedElf {
  readonly file: ElfFile;
  readonly sections: readonly ElfSection[];
}

/** How DWARF is opened. */
export interface DwarfOptions extends DebugSectionOptions {
  /** Where the file is, for one that lies beside it. */
  readonly path?: string | undefined;
}

/** The types of a file, and what it takes to read them. */
export interface OpenedDwarf {
  readonly types: DwarfTypes;
  close(): void;
}

/** Sections that hold a build ID; the kernel's linker script merges notes into `.notes`. */
export const NOTE_SECTIONS = ['.notes', '.note.gnu.build-id'];

/**
 * Opens the DWARF of a file. Types are read when they are asked for.
 *
 * @returns undefined if the file has no DWARF
 * @throws FormatError, UnsupportedError if its sections cannot be read
 * @throws InvalidError if its alternate file is missing or another one
 */
export async function openDwarf(
  elf: SectionedElf,
  options: DwarfOptions = {},
): Promise<OpenedDwarf | undefined> {
  const held = new Held();
  try {
    const main = await openSources(elf, options, held);
    if (main === undefined) return undefined;
    const alt = await openAlternate(elf, options, held);
    const origin = `DWARF of ${elf.file.source.name}`;
    return { types: new DwarfTypes(new Dwarf(main, alt), origin), close: () => held.close() };
  } catch (error) {
    held.close();
    throw error;
  }
}

/** What is open and has to be closed. */
class Held {
  readonly #all: { close(): void }[] = [];

  add<T extends { close(): void }>(one: T): T {
    this.#all.push(one);
    return one;
  }

  close(): void {
    for (const one of this.#all.splice(0).reverse()) one.close();
  }
}

async function openSources(
  elf: SectionedElf,
  options: DwarfOptions,
  held: Held,
): Promise<DwarfSources | undefined> {
  const section = async (name: string): Promise<DwarfSources['str']> => {
    const opened = await openDebugSection(elf, name, options);
    return opened && held.add(opened).source;
  };
  const info = await section('.debug_info');
  if (info === undefined) return undefined;
  const { name } = elf.file.source;
  if (!elf.file.littleEndian) throw new UnsupportedError(`${name}: big-endian DWARF`);
  const abbrev = await section('.debug_abbrev');
  if (abbrev === undefined) {
    throw new FormatError({ section: name }, '.debug_info without .debug_abbrev');
  }
  return {
    info,
    abbrev,
    str: await section('.debug_str'),
    lineStr: await section('.debug_line_str'),
    strOffsets: await section('.debug_str_offsets'),
    types: await section('.debug_types'),
    isLinked: elf.file.type !== ET_REL,
  };
}

async function openAlternate(
  elf: SectionedElf,
  options: DwarfOptions,
  held: Held,
): Promise<DwarfSources | undefined> {
  const link = linkOf(elf);
  if (link === undefined) return undefined;
  const { name } = elf.file.source;
  const candidates = candidatesFor(link, options.path ?? '');
  const path = candidates.find((each) => existsSync(each));
  if (path === undefined) {
    const what = `a part of its DWARF is in ${link.path} (build ID ${link.buildId})`;
    throw new InvalidError(`${name}: ${what}, which is not there`);
  }
  const file = readElf(held.add(FileSource.open(path)));
  const alternate = { file, sections: readSections(file) };
  const buildId = checksumOf(alternate) ?? buildIdOf(alternate);
  if (link.buildId !== '' && buildId !== link.buildId) {
    const what = `expected build ID ${link.buildId}, have ${buildId ?? 'none'}`;
    throw new InvalidError(`${file.source.name}: not the alternate file of ${name}: ${what}`);
  }
  const sources = await openSources(alternate, options, held);
  if (sources !== undefined) return sources;
  throw new FormatError({ section: file.source.name }, 'no .debug_info in the alternate file');
}

function linkOf({ file, sections }: SectionedElf): AlternateLink | undefined {
  const gnu = readSectionByName(file, sections, '.gnu_debugaltlink');
  if (gnu !== undefined) return readDebugAltLink(gnu);
  const sup = readSectionByName(file, sections, '.debug_sup');
  const link = sup && readDebugSup(sup);
  return link?.isAlternate === false ? link : undefined;
}

/** What an alternate file has in the place of a build ID from DWARF 5 on. */
function checksumOf({ file, sections }: SectionedElf): string | undefined {
  const sup = readSectionByName(file, sections, '.debug_sup');
  return sup && readDebugSup(sup).buildId;
}

/** Where the link says, else beside the file, else where distributions put it by its build ID. */
function candidatesFor({ path, buildId }: AlternateLink, from: string): string[] {
  const folder = dirname(resolve(from));
  const byId = join('.build-id', buildId.slice(0, 2), `${buildId.slice(2)}.debug`);
  const above: string[] = [];
  for (let at = folder; at !== dirname(at); at = dirname(at)) above.push(join(at, byId));
  return [resolve(folder, path), join(folder, basename(path)), ...(buildId === '' ? [] : above)];
}

/** Hex digits of the build ID of a file; undefined where it has none. */
export function buildIdOf({ file, sections }: SectionedElf): string | undefined {
  for (const name of NOTE_SECTIONS) {
    const bytes = readSectionByName(file, sections, name);
    const id = bytes && findGnuBuildId(bytes);
    if (id !== undefined) return id;
  }
  return undefined;
}
