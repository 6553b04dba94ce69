// A debug section as a source of its bytes, unpacked where it is compressed: a small one into
// memory, a large one into a temporary file; relocated where the file is not linked.

import { tmpdir } from 'node:os';
import { unpackZlib } from '../format/compress/gzip.ts';
import { unpackZstd } from '../format/compress/zstd-source.ts';
import type { UnpackSink } from '../format/compress/unpack.ts';
import { readCompression, type SectionCompression } from '../format/elf/compressed.ts';
import { ET_REL, SHT_NOBITS } from '../format/elf/constants.ts';
import type { ElfFile } from '../format/elf/read.ts';
import { relocated } from '../format/elf/relocations.ts';
import type { ElfSection } from '../format/elf/sections.ts';
import { FormatError, UnsupportedError } from '../util/errors.ts';
import { BytesSource, SubSource, type ByteSource } from '../util/io.ts';
import { SparseTempFile } from './temp-file.ts';

/** How a section is opened. */
export interface DebugSectionOptions {
  /** Folder for what is unpacked. */
  readonly tmpDir?: string;
}

/** A section that was opened. */
export interface DebugSection {
  readonly source: ByteSource;
  close(): void;
}

/** Up to here a section is unpacked into memory; two of a kernel's are larger. */
const MEMORY_MAX = 16 << 20;

/**
 * Opens a section by its name, which for a compressed one may also be `.zdebug_…`.
 *
 * @returns undefined if the file has no such section, or none with bytes
 * @throws FormatError if it does not lie in the file, or its stream is damaged
 * @throws UnsupportedError if it is compressed in another way, or there is no room to unpack it
 */
export async function openDebugSection(
  elf: { file: ElfFile; sections: readonly ElfSection[] },
  name: string,
  options: DebugSectionOptions = {},
): Promise<DebugSection | undefined> {
  const zname = name.replace('.debug_', '.zdebug_');
  const found = elf.sections.filter((each) => each.name === name || each.name === zname);
  const [section] = found;
  if (section === undefined || section.type === SHT_NOBITS) return undefined;
  if (elf.file.type === ET_REL && found.length > 1) {
    const what = `${name} is in ${found.length} parts (type units), which are not linked`;
    throw new UnsupportedError(`${elf.file.source.name}: ${what}`);
  }
  const opened = await openBytes(elf.file, section, options);
  try {
    return { ...opened, source: relocated(elf, section, opened.source) };
  } catch (error) {
    opened.close();
    throw error;
  }
}

/** The bytes of a section, unpacked. */
async function openBytes(
  file: ElfFile,
  section: ElfSection,
  options: DebugSectionOptions,
): Promise<DebugSection> {
  const { offset, size } = section;
  if (offset + size > file.source.size) {
    const have = Math.max(0, file.source.size - offset);
    const what = `expected ${size} bytes at byte ${offset} of ${file.source.name}, have ${have}`;
    throw new FormatError({ section: section.name }, what);
  }
  const compression = readCompression(file, section);
  if (compression === undefined) {
    return { source: new SubSource(file.source, offset, size), close: () => undefined };
  }
  checkRatio(section.name, compression, size);
  const { headerSize } = compression;
  const packed = new SubSource(file.source, offset + headerSize, size - headerSize);
  const unpack = { section: section.name, packed, compression };
  return compression.size <= MEMORY_MAX ? toMemory(unpack) : toFile(unpack, options);
}

/**
 * How often its packed size a stream may have unpacked: zlib's longest match of 258 bytes takes two
 * bits (zlib's technical note), a block of zstd of 128 KiB four bytes (RFC 8878, 3.1.1.2).
 */
const RATIO_MAX = { zlib: 1032, zstd: 32768 } as const;

/** A size that no stream of this length has is damage, and no lack of room for it. */
function checkRatio(name: string, compression: SectionCompression, packed: number): void {
  const { algorithm, size } = compression;
  const most = packed * RATIO_MAX[algorithm];
  if (size <= most) return;
  const what = `expected at most ${most} bytes unpacked of ${packed} of ${algorithm}, have ${size}`;
  throw new FormatError({ section: name }, what);
}

interface Unpack {
  readonly section: string;
  readonly packed: ByteSource;
  readonly compression: SectionCompression;
}

async function toMemory(unpack: Unpack): Promise<DebugSection> {
  const bytes = new Uint8Array(unpack.compression.size);
  await run(unpack, (part, at) => bytes.set(part, at));
  return { source: new BytesSource(bytes, unpack.packed.name), close: () => undefined };
}

async function toFile(unpack: Unpack, { tmpDir }: DebugSectionOptions): Promise<DebugSection> {
  const file = new SparseTempFile({ folder: tmpDir ?? tmpdir() });
  try {
    file.requireRoom(unpack.compression.size);
    await run(unpack, (part) => file.append(part));
    const source = file.finish(unpack.packed.name);
    return { source, close: () => source.close() };
  } catch (error) {
    file.discard();
    throw error;
  }
}

/** Unpacks a stream, which must give exactly as many bytes as its header says. */
async function run(
  { section, packed, compression }: Unpack,
  write: (part: Uint8Array, at: number) => void,
): Promise<void> {
  const { algorithm, size } = compression;
  const wrongSize = (have: string): FormatError =>
    new FormatError({ section }, `expected ${size} bytes unpacked, have ${have}`);
  let done = 0;
  let thrown: { readonly error: unknown } | undefined;
  const sink: UnpackSink = {
    write: (part) => {
      try {
        if (done + part.length > size) throw wrongSize(`more than ${size}`);
        write(part, done);
      } catch (error) {
        // What ends the stream from this side is no fault of it: a full disk.
        thrown ??= { error };
        throw error;
      }
      done += part.length;
    },
    consumed: () => undefined,
  };
  const unpacked = algorithm === 'zlib' ? unpackZlib(packed, sink) : unpackZstd(packed, sink);
  const problem = await unpacked;
  if (thrown !== undefined) throw thrown.error;
  if (problem !== undefined) {
    throw new FormatError({ section, offset: compression.headerSize }, problem);
  }
  if (done !== size) throw wrongSize(String(done));
}
