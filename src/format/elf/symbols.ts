// The symbol table of a vmlinux: .symtab and the string table that its sh_link names.
//
//   Elf64_Sym                Elf32_Sym
//   0  st_name  u32          0  st_name  u32
//   4  st_info  u8           4  st_value u32
//   5  st_other u8           8  st_size  u32
//   6  st_shndx u16          12 st_info  u8
//   8  st_value u64          13 st_other u8
//   16 st_size  u64          14 st_shndx u16
//
// A distribution kernel has 150,000 symbols, of which one run looks up some hundred, so nothing is
// decoded before it is asked for.

import { assert } from '../../util/assert.ts';
import { FormatError } from '../../util/errors.ts';
import { ELF32_SIZES, ELF64_SIZES, SHT_SYMTAB } from './constants.ts';
import type { ElfFile } from './read.ts';
import { readSectionData, stringAt, type ElfSection } from './sections.ts';

/** One symbol, decoded. */
export interface ElfSymbol {
  readonly name: string;
  /** st_value: the address as linked; KASLR is not in it. */
  readonly value: bigint;
  /** st_size in bytes; 0 where the assembler was told none. */
  readonly size: number;
  /** STT_OBJECT, STT_FUNC, … */
  readonly type: number;
  /** STB_LOCAL 0, STB_GLOBAL 1, STB_WEAK 2. */
  readonly binding: number;
  /** st_shndx: SHN_UNDEF for a symbol that is defined elsewhere. */
  readonly sectionIndex: number;
}

/** The symbols of one file, decoded one by one as they are asked for. */
export class ElfSymbolTable implements Iterable<ElfSymbol> {
  /** How many entries the table has, the empty entry 0 included. */
  readonly length: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #strings: Uint8Array;
  readonly #wide: boolean;
  readonly #littleEndian: boolean;
  readonly #entrySize: number;

  /** @param tables the bytes of .symtab and .strtab; a cut last entry is not counted */
  constructor(file: ElfFile, tables: { symbols: Uint8Array; strings: Uint8Array }) {
    const { symbols } = tables;
    this.#wide = file.elfClass === 64;
    this.#littleEndian = file.littleEndian;
    this.#entrySize = (this.#wide ? ELF64_SIZES : ELF32_SIZES).sym;
    this.#bytes = symbols;
    this.#view = new DataView(symbols.buffer, symbols.byteOffset, symbols.byteLength);
    this.#strings = tables.strings;
    this.length = Math.floor(symbols.length / this.#entrySize);
  }

  at(index: number): ElfSymbol {
    assert(index >= 0 && index < this.length, `symbol ${index} of ${this.length}`);
    const at = index * this.#entrySize;
    const [info, section] = this.#wide ? [at + 4, at + 6] : [at + 12, at + 14];
    return {
      name: stringAt(this.#strings, this.#view.getUint32(at, this.#littleEndian)),
      value: this.#word(this.#wide ? at + 8 : at + 4),
      size: Number(this.#word(this.#wide ? at + 16 : at + 8)),
      type: (this.#bytes[info] ?? 0) & 0xf,
      binding: (this.#bytes[info] ?? 0) >> 4,
      sectionIndex: this.#view.getUint16(section, this.#littleEndian),
    };
  }

  *[Symbol.iterator](): Generator<ElfSymbol> {
    for (let index = 0; index < this.length; index++) yield this.at(index);
  }

  #word(at: number): bigint {
    if (this.#wide) return this.#view.getBigUint64(at, this.#littleEndian);
    return BigInt(this.#view.getUint32(at, this.#littleEndian));
  }
}

/**
 * The first SHT_SYMTAB of the file.
 *
 * @returns undefined if it has none (a stripped vmlinux)
 * @throws FormatError if the tables do not lie inside the file
 */
export function readSymbols(
  file: ElfFile,
  sections: readonly ElfSection[],
): ElfSymbolTable | undefined {
  const section = sections.find((candidate) => candidate.type === SHT_SYMTAB);
  const names = section === undefined ? undefined : sections[section.link];
  if (section === undefined || names === undefined) return undefined;
  const symbols = readSectionData(file, section);
  return new ElfSymbolTable(file, { symbols, strings: readSectionData(file, names) });
}

/**
 * The values alone of a 64-bit file's table, by number: for relocations, of which there are more
 * than symbols. In a file that is not linked they count from the start of their section.
 *
 * @param index the section of the table
 * @throws FormatError if it is no symbol table, or does not lie inside the file
 */
export function readSymbolValues(
  file: ElfFile,
  sections: readonly ElfSection[],
  index: number,
): Float64Array {
  const section = sections[index];
  if (section?.type !== SHT_SYMTAB) {
    throw new FormatError({ section: `section ${index}` }, 'expected a symbol table');
  }
  const bytes = readSectionData(file, section);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float64Array(Math.floor(bytes.length / ELF64_SIZES.sym));
  for (let i = 0; i < values.length; i++) {
    const at = i * ELF64_SIZES.sym + 8;
    values[i] = view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
  }
  return values;
}
