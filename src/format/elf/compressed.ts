// Compressed sections, as gcc -gz, objcopy --compress-debug-sections and the kernel's
// CONFIG_DEBUG_INFO_COMPRESSED_* make them. In front of the stream stands
//
//   Elf64_Chdr                  Elf32_Chdr               .zdebug_*, what GNU had before
//   0  ch_type      u32         0  ch_type      u32      0  "ZLIB"
//   4  ch_reserved  u32         4  ch_size      u32      4  size   u64, big-endian
//   8  ch_size      u64         8  ch_addralign u32
//   16 ch_addralign u64

import { ByteReader, latin1 } from '../../util/byte-reader.ts';
import { UnsupportedError } from '../../util/errors.ts';
import { readExactly } from '../../util/io.ts';
import * as elf from './constants.ts';
import type { ElfFile } from './read.ts';
import type { ElfSection } from './sections.ts';

/** How a section is compressed. */
export interface SectionCompression {
  readonly algorithm: 'zlib' | 'zstd';
  /** Unpacked size in bytes, as its header says. */
  readonly size: number;
  /** Bytes of the header: the stream starts behind. */
  readonly headerSize: number;
}

/**
 * The compression of a section; undefined if it is not compressed.
 *
 * @throws FormatError if its header does not lie in the file
 * @throws UnsupportedError if it is compressed in another way
 */
export function readCompression(
  file: ElfFile,
  section: ElfSection,
): SectionCompression | undefined {
  if ((section.flags & BigInt(elf.SHF_COMPRESSED)) !== 0n) return readHeader(file, section);
  return section.name.startsWith('.zdebug_') ? readGnuHeader(file, section) : undefined;
}

function readHeader(file: ElfFile, section: ElfSection): SectionCompression {
  const wide = file.elfClass === 64;
  const headerSize = wide ? 24 : 12;
  const reader = readerOf(file, section, headerSize);
  const type = reader.u32();
  if (wide) reader.skip(4);
  const size = wide ? reader.size64('ch_size') : reader.u32();
  if (type === elf.ELFCOMPRESS_ZLIB) return { algorithm: 'zlib', size, headerSize };
  if (type === elf.ELFCOMPRESS_ZSTD) return { algorithm: 'zstd', size, headerSize };
  throw new UnsupportedError(`${section.name}: compressed in way ${type}, neither zlib nor zstd`);
}

function readGnuHeader(file: ElfFile, section: ElfSection): SectionCompression {
  const reader = readerOf({ ...file, littleEndian: false }, section, 12);
  const magic = latin1(reader.bytes(4));
  if (magic !== 'ZLIB') throw reader.error(`expected ZLIB, have ${JSON.stringify(magic)}`, 0);
  return { algorithm: 'zlib', size: reader.size64('the size'), headerSize: 12 };
}

function readerOf(file: ElfFile, section: ElfSection, length: number): ByteReader {
  const { name, offset, size } = section;
  const bytes = readExactly(file.source, { section: name, offset, length: Math.min(length, size) });
  return new ByteReader(bytes, { section: name, littleEndian: file.littleEndian });
}
