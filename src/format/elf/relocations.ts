// Relocations of a file that is not linked (ET_REL: an .o, a .ko, vmlinux.o). On x86-64 the linker
// adds them to nothing: what its debug sections say of other sections, as the place of a name in
// .debug_str, stands in a section .rela.debug_* alone, and where it belongs are zeros.
//
//   Elf64_Rela
//   0   r_offset  u64   in the section that sh_info numbers
//   8   r_info    u64   symbol << 32 | type; sh_link numbers the symbol table
//   16  r_addend  s64   what is added to the symbol's value
//
// vmlinux.o has ten million of them, which are read when the bytes that they change are.

import { hex } from '../../util/address.ts';
import { FormatError, UnsupportedError } from '../../util/errors.ts';
import { readExactly, SubSource, type ByteSource } from '../../util/io.ts';
import * as elf from './constants.ts';
import type { ElfFile } from './read.ts';
import type { ElfSection } from './sections.ts';
import { readSymbolValues } from './symbols.ts';

const RELA_SIZE = 24;

/** How many are read at a time. */
const BLOCK_COUNT = 1024;

/** Bytes that a relocation changes, by type (psABI of x86-64, table 4.10); 0 for none. */
const WIDTHS: ReadonlyMap<number, 0 | 4 | 8> = new Map([
  [0, 0], // R_X86_64_NONE
  [1, 8], // R_X86_64_64
  [10, 4], // R_X86_64_32
  // Places in thread-local storage, which only locations have: R_X86_64_DTPOFF64 and 32.
  [17, 0],
  [21, 0],
]);

/**
 * The bytes of a section of an ET_REL, relocated; `source` itself where nothing is to be done.
 *
 * @param source the bytes of the section as they are, unpacked where it is compressed
 * @throws FormatError where relocations lie outside of the section, or are not in order
 * @throws UnsupportedError for a type of relocation that no compiler writes there
 */
export function relocated(
  { file, sections }: { file: ElfFile; sections: readonly ElfSection[] },
  section: ElfSection,
  source: ByteSource,
): ByteSource {
  const isOfIt = ({ type, info }: ElfSection): boolean =>
    type === elf.SHT_RELA && info === section.index;
  const tables = sections.filter(isOfIt);
  if (tables.length === 0 || file.type !== elf.ET_REL) return source;
  const symbols = readSymbolValues(file, sections, tables[0]!.link);
  return tables.reduce<ByteSource>((bytes, table) => {
    return new RelocatedSource(bytes, new RelaTable(file, table, symbols));
  }, source);
}

/** A relocation, decoded. */
interface Relocation {
  /** Where it belongs, in the relocated section. */
  readonly at: number;
  readonly width: 0 | 4 | 8;
  readonly value: number;
}

/** A section of Elf64_Rela in ascending order of r_offset, read in blocks. */
class RelaTable {
  readonly name: string;
  readonly count: number;
  readonly #source: ByteSource;
  readonly #symbols: Float64Array;
  /** The last block that was read. */
  #block: DataView = new DataView(new ArrayBuffer(0));
  #blockAt = -1;

  /** @throws FormatError if it does not lie in the file */
  constructor(file: ElfFile, { name, offset, size }: ElfSection, symbols: Float64Array) {
    this.name = name;
    this.count = Math.floor(size / RELA_SIZE);
    this.#source = new SubSource(file.source, offset, size);
    this.#symbols = symbols;
    if (this.#source.size === size) return;
    const what = `expected ${size} bytes at byte ${offset} of ${file.source.name}`;
    throw new FormatError({ section: name }, `${what}, have ${this.#source.size}`);
  }

  /** @throws FormatError, UnsupportedError if it is damaged */
  at(index: number): Relocation {
    const view = this.#blockOf(index);
    const place = (index % BLOCK_COUNT) * RELA_SIZE;
    const word = (offset: number): number => view.getUint32(place + offset, true);
    const at = word(0) + word(4) * 2 ** 32;
    const type = word(8);
    const width = WIDTHS.get(type);
    if (width === undefined) {
      const where = `${this.name}+${hex(index * RELA_SIZE)}`;
      throw new UnsupportedError(`${where}: relocations of type ${type} are not read`);
    }
    const symbol = word(12);
    const base = this.#symbols[symbol];
    if (base === undefined) {
      const have = `${symbol} of ${this.#symbols.length}`;
      throw this.error(index, `expected a symbol of the table, have ${have}`);
    }
    const value = base + word(16) + view.getInt32(place + 20, true) * 2 ** 32;
    if (width === 4 && (value < 0 || value >= 2 ** 32)) {
      throw this.error(index, `expected a value of 32 bits, have ${value}`);
    }
    return { at, width, value };
  }

  error(index: number, what: string): FormatError {
    return new FormatError({ section: this.name, offset: index * RELA_SIZE }, what);
  }

  #blockOf(index: number): DataView {
    const start = index - (index % BLOCK_COUNT);
    if (start !== this.#blockAt) {
      const length = Math.min(BLOCK_COUNT, this.count - start) * RELA_SIZE;
      const place = { section: this.name, offset: start * RELA_SIZE, length };
      this.#block = new DataView(readExactly(this.#source, place).buffer);
      this.#blockAt = start;
    }
    return this.#block;
  }
}

/** Bytes with the relocations of one table in them. */
class RelocatedSource implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly #bytes: ByteSource;
  readonly #table: RelaTable;
  /** By block: where its first relocation belongs. */
  readonly #starts: Float64Array;

  constructor(bytes: ByteSource, table: RelaTable) {
    this.name = bytes.name;
    this.size = bytes.size;
    this.#bytes = bytes;
    this.#table = table;
    this.#starts = checkedStarts(table, bytes.size);
  }

  readInto(into: Uint8Array, offset: number): number {
    const got = this.#bytes.readInto(into, offset);
    const end = offset + got;
    for (let index = this.#firstFrom(offset - 7); index < this.#table.count; index++) {
      const relocation = this.#table.at(index);
      if (relocation.at >= end) break;
      put(relocation, into, offset, end);
    }
    return got;
  }

  /** The first relocation of the last block that starts before `at`. */
  #firstFrom(at: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! >= at) high = middle;
      else low = middle + 1;
    }
    return Math.max(0, low - 1) * BLOCK_COUNT;
  }
}

/** Looks at each relocation once, so that reading a section fails at once or not at all. */
function checkedStarts(table: RelaTable, size: number): Float64Array {
  const starts = new Float64Array(Math.ceil(table.count / BLOCK_COUNT));
  let last = 0;
  for (let index = 0; index < table.count; index++) {
    const { at, width } = table.at(index);
    if (at + width > size) {
      throw table.error(index, `expected a place in ${size} bytes, have ${hex(at)}`);
    }
    if (at < last && width > 0) {
      throw table.error(index, `expected a place from ${hex(last)} on, have ${hex(at)}`);
    }
    last = Math.max(last, at);
    if (index % BLOCK_COUNT === 0) starts[index / BLOCK_COUNT] = last;
  }
  return starts;
}

/** Overwrites as much of a place as lies in `offset` to `end`, of which `into` are the bytes. */
function put(
  { at, width, value }: Relocation,
  into: Uint8Array,
  offset: number,
  end: number,
): void {
  let rest = value;
  for (let i = 0; i < width; i++) {
    const byte = ((rest % 256) + 256) % 256;
    if (at + i >= offset && at + i < end) into[at + i - offset] = byte;
    rest = (rest - byte) / 256;
  }
}
