// A vmlinux that the user names: its symbols as linked, its BTF or DWARF, and which kernel it is.

import { EM_X86_64, ET_CORE, ET_REL } from '../format/elf/constants.ts';
import { describeMachine, readElf, type ElfFile } from '../format/elf/read.ts';
import { readSectionByName, readSections } from '../format/elf/sections.ts';
import { readSymbols, type ElfSymbol } from '../format/elf/symbols.ts';
import { readBtf } from '../format/btf/read.ts';
import { BtfTypes } from '../types/btf-types.ts';
import type { TypeSource } from '../types/ctype.ts';
import { latin1 } from '../util/byte-reader.ts';
import { FormatError, UnsupportedError, VmcoreError } from '../util/errors.ts';
import type { ByteSource } from '../util/io.ts';
import type { Problems } from '../util/problems.ts';
import type { ListedSymbol } from './symbol-list.ts';
import { buildIdOf, openDwarf, type DwarfOptions, type SectionedElf } from './vmlinux-dwarf.ts';

/** An opened vmlinux. Parts that a stripped one lacks are undefined. */
export interface Vmlinux {
  readonly name: string;
  readonly buildId: string | undefined;
  readonly banner: string | undefined;
  readonly types: TypeSource | undefined;
  /** @throws FormatError if the tables do not lie inside the file */
  symbols(): Iterable<ListedSymbol> | undefined;
  /** Closes what was opened besides the source. */
  close(): void;
}

/** How a vmlinux is read. */
export interface VmlinuxOptions extends DwarfOptions {
  /** Take the types from DWARF even where there is BTF. */
  readonly preferDwarf?: boolean;
  /** No types are wanted: DWARF is not unpacked. */
  readonly withoutTypes?: boolean;
  /** Told of BTF that is damaged where there is DWARF to take instead. */
  readonly problems?: Problems | undefined;
}

/**
 * Reads a vmlinux, or the debug half of one; its symbols and DWARF only when they are asked for.
 *
 * @throws FormatError if it is no ELF file, or its sections are damaged
 * @throws UnsupportedError if it is of another architecture, or a dump, or if its sections are
 * compressed in a way that is not known
 * @throws InvalidError if a part of its DWARF is in a file that is not there
 */
export async function readVmlinux(
  source: ByteSource,
  options: VmlinuxOptions = {},
): Promise<Vmlinux> {
  const elf = readElf(source);
  requireKernel(elf);
  const sections = readSections(elf);
  const rodata = readSectionByName(elf, sections, '.rodata');
  const opened = await openTypes({ file: elf, sections }, options);
  return {
    name: source.name,
    buildId: buildIdOf({ file: elf, sections }),
    banner: rodata === undefined ? undefined : bannerIn(rodata),
    types: opened?.types,
    close: () => opened?.close(),
    symbols: () => {
      // What is not linked has no addresses: a value is the place in its section.
      const table = elf.type === ET_REL ? undefined : readSymbols(elf, sections);
      return table === undefined ? undefined : listed(table);
    },
  };
}

/** Types of another architecture would be read as if they were of this one. */
function requireKernel({ source, elfClass, littleEndian, machine, type }: ElfFile): void {
  if (type === ET_CORE) throw new UnsupportedError(`${source.name}: a dump, expected a vmlinux`);
  if (elfClass === 64 && littleEndian && machine === EM_X86_64) return;
  const order = littleEndian ? '' : ', big-endian';
  const what = `a file of ${describeMachine(machine)} (ELF${elfClass}${order})`;
  throw new UnsupportedError(`${source.name}: ${what}, expected a vmlinux of x86_64 (ELF64)`);
}

/**
 * BTF, which takes a hundredth of the time, unless DWARF is preferred or BTF is damaged; the one
 * that is there. The BTF of a module begins where that of its kernel ends, and says nothing alone.
 */
async function openTypes(
  elf: SectionedElf,
  options: VmlinuxOptions,
): Promise<OpenedTypes | undefined> {
  if (options.withoutTypes === true) return undefined;
  const isUnlinked = elf.file.type === ET_REL;
  const isDwarfFirst = options.preferDwarf === true || isUnlinked;
  const preferred = isDwarfFirst ? await openDwarf(elf, options) : undefined;
  if (preferred !== undefined) return preferred;
  let damage: VmcoreError | undefined;
  let btf: OpenedTypes | undefined;
  try {
    btf = openBtf(elf);
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    damage = error;
  }
  const types = btf ?? (isDwarfFirst ? undefined : await openDwarf(elf, options));
  if (damage === undefined) return types;
  if (types === undefined) throw isUnlinked ? withoutDwarf(elf, damage) : damage;
  options.problems?.add(`BTF of ${elf.file.source.name}, its DWARF is taken instead`, damage);
  return types;
}

interface OpenedTypes {
  readonly types: TypeSource;
  close(): void;
}

function openBtf({ file, sections }: SectionedElf): OpenedTypes | undefined {
  const btf = readSectionByName(file, sections, '.BTF');
  if (btf === undefined) return undefined;
  const types = new BtfTypes(readBtf(btf), { origin: `BTF of ${file.source.name}` });
  return { types, close: () => undefined };
}

function withoutDwarf({ file }: SectionedElf, cause: VmcoreError): VmcoreError {
  const what = 'not linked (a module?) and without DWARF';
  return new UnsupportedError(`${file.source.name}: ${what}: its BTF alone cannot be read`, {
    cause,
  });
}

/** Section numbers with a meaning of their own (elf(5)). */
const SHN_UNDEF = 0;
const SHN_ABS = 0xfff1;
const STT_FUNC = 2;

/** The symbols of the image, with nm(1)'s letter as far as it matters: code, data, absolute. */
function* listed(table: Iterable<ElfSymbol>): Generator<ListedSymbol> {
  for (const { name, value, size, type, binding, sectionIndex } of table) {
    if (name === '' || sectionIndex === SHN_UNDEF) continue;
    const letter = sectionIndex === SHN_ABS ? 'a' : type === STT_FUNC ? 't' : 'd';
    yield { name, value, size, type: binding === 0 ? letter : letter.toUpperCase() };
  }
}

/**
 * `linux_banner` is the text in read-only data that begins so; format strings go on with `%s`.
 * Beside the one that counts, Debian's 6.1.192 has one without the number of the build.
 */
function bannerIn(rodata: Uint8Array): string | undefined {
  const bytes = Buffer.from(rodata.buffer, rodata.byteOffset, rodata.byteLength);
  const mark = 'Linux version ';
  let first: string | undefined;
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + 1)) {
    const text = /^[^\0\n]*/.exec(latin1(bytes.subarray(at, at + 1024)))?.[0] ?? '';
    if (/^Linux version \d.* #\d/.test(text)) return text;
    if (/^Linux version \d/.test(text)) first ??= text;
  }
  return first;
}

/** @throws FormatError if the vmlinux has no types */
export function typesOfVmlinux(vmlinux: Vmlinux): TypeSource {
  if (vmlinux.types === undefined) {
    throw new FormatError(
      { section: vmlinux.name },
      'neither .BTF nor .debug_info: a stripped vmlinux has no types',
    );
  }
  return vmlinux.types;
}
