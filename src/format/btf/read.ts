// BTF, the type information that a kernel carries in its own memory (CONFIG_DEBUG_INFO_BTF).
//
//   0   u16 magic 0xeb9f   u8 version   u8 flags   u32 hdr_len
//   8   u32 type_off  type_len  str_off  str_len        relative to the end of the header
//   24  u32 layout_off  layout_len                      only if hdr_len >= 32 (Linux 7.1)
//
//   types    struct btf_type {u32 name_off, info, size_or_type} and what its kind adds, one after
//            the other; ids count from 1 (0 is void), so that a type is found only by a pass
//   strings  NUL-terminated names; offset 0 is the empty one
//   layout   {u8 info_sz, u8 elem_sz, u16 flags} a kind, with which unknown kinds can be skipped
//
// A split BTF (a module's) continues the ids and the string offsets of its base. A module's
// distilled `.BTF.base` is an ordinary BTF of few types and serves as the base in the same way.
// Everything in the type section is made of u32, so one word array serves both byte orders.

import { FormatError } from '../../util/errors.ts';
import { ByteReader } from '../../util/byte-reader.ts';
import {
  BTF_HEADER_SIZE,
  BTF_HEADER_SIZE_LAYOUT,
  BTF_KIND_SIZES,
  BTF_LAYOUT_ENTRY_SIZE,
  BTF_MAGIC,
  BTF_TYPE_SIZE,
  BTF_VERSION,
  btfKind,
  btfVlen,
  type BtfKindSize,
} from './constants.ts';
import { BtfTable, type BtfHeader, type BtfPart } from './table.ts';

/** How {@link readBtf} reads. */
export interface BtfReadOptions {
  /** What the bytes are, for messages: `BTF`, `BTF of module xfs`. */
  readonly section?: string;
  /** The BTF that a split one continues. */
  readonly base?: BtfTable;
}

/**
 * Reads the header and finds where each type starts; names and members are decoded when asked for.
 *
 * @param bytes the whole of it, `__start_BTF` to `__stop_BTF`; kept, not copied
 * @throws FormatError if the header, the type or the string section cannot be what they claim
 */
export function readBtf(bytes: Uint8Array, options: BtfReadOptions = {}): BtfTable {
  const section = options.section ?? 'BTF';
  const header = readHeader(bytes, section);
  const types = slice(bytes, header, 'types');
  const strings = slice(bytes, header, 'strings');
  checkStrings(strings, { section, offset: header.strings.offset }, options.base);
  const kindSizes = readKindSizes(bytes, header, section);
  const words = toWords(types, header.littleEndian);
  const place = { section, offset: header.types.offset };
  const firstId = options.base?.endId ?? 1;
  const starts = indexTypes(words, kindSizes, { ...place, firstId });
  return new BtfTable({ place, words, starts, firstId, strings, header, base: options.base });
}

function readHeader(bytes: Uint8Array, section: string): BtfHeader {
  const littleEndian = bytes[0] === (BTF_MAGIC & 0xff);
  const reader = new ByteReader(bytes, { section, littleEndian });
  const magic = reader.u16();
  if (magic !== BTF_MAGIC) {
    throw reader.error(`magic, expected 0x${BTF_MAGIC.toString(16)}, have ${word(magic)}`, 0);
  }
  const version = reader.u8();
  if (version !== BTF_VERSION) {
    throw reader.error(`version, expected ${BTF_VERSION}, have ${version}`, 2);
  }
  reader.skip(1); // flags: none is defined
  const headerLength = reader.u32();
  if (bytes.length < BTF_HEADER_SIZE) {
    throw reader.error(`header, expected ${BTF_HEADER_SIZE} bytes, have ${bytes.length}`, 0);
  }
  if (headerLength < BTF_HEADER_SIZE || headerLength > bytes.length) {
    const range = `${BTF_HEADER_SIZE} to ${bytes.length}`;
    throw reader.error(`hdr_len, expected ${range}, have ${headerLength}`, 4);
  }
  const part = (name: string): BtfPart => {
    const at = reader.offset;
    const offset = headerLength + reader.u32();
    const length = reader.u32();
    if (offset + length > bytes.length) {
      const have = `${word(offset)} to ${word(offset + length)}`;
      throw reader.error(
        `${name} section, expected inside ${bytes.length} bytes, have ${have}`,
        at,
      );
    }
    return { offset, length };
  };
  const types = part('type');
  const strings = part('string');
  if (types.offset % 4 !== 0) {
    throw reader.error(
      `type_off, expected a multiple of 4, have ${types.offset - headerLength}`,
      8,
    );
  }
  const layout = headerLength >= BTF_HEADER_SIZE_LAYOUT ? part('layout') : undefined;
  return { littleEndian, headerLength, types, strings, layout };
}

function slice(bytes: Uint8Array, header: BtfHeader, name: 'types' | 'strings'): Uint8Array {
  const { offset, length } = header[name];
  return bytes.subarray(offset, offset + length);
}

/** Later code relies on both: that offset 0 is no name, and that every name ends. */
function checkStrings(
  strings: Uint8Array,
  place: { section: string; offset: number },
  base: BtfTable | undefined,
): void {
  if (strings.length === 0) {
    if (base !== undefined) return;
    throw new FormatError(place, 'string section, expected at least 1 byte, have 0');
  }
  if (base === undefined && strings[0] !== 0) {
    throw new FormatError(
      place,
      `first string, expected empty, have byte ${word(strings[0] ?? 0)}`,
    );
  }
  const last = strings[strings.length - 1] ?? 0;
  if (last !== 0) {
    const offset = place.offset + strings.length - 1;
    throw new FormatError({ ...place, offset }, `last string, expected NUL, have ${word(last)}`);
  }
}

/** The sizes of the kinds we know, and those of others from the layout section. */
function readKindSizes(
  bytes: Uint8Array,
  header: BtfHeader,
  section: string,
): readonly (BtfKindSize | undefined)[] {
  const { layout } = header;
  if (layout === undefined || layout.length === 0) return BTF_KIND_SIZES;
  if (layout.length % BTF_LAYOUT_ENTRY_SIZE !== 0) {
    const place = { section, offset: layout.offset };
    throw new FormatError(place, `layout_len, expected a multiple of 4, have ${layout.length}`);
  }
  const sizes = [...BTF_KIND_SIZES];
  const count = Math.min(layout.length / BTF_LAYOUT_ENTRY_SIZE, 128);
  for (let kind = sizes.length; kind < count; kind++) {
    const at = layout.offset + kind * BTF_LAYOUT_ENTRY_SIZE;
    sizes[kind] = { infoSize: bytes[at] ?? 0, elementSize: bytes[at + 1] ?? 0 };
  }
  return sizes;
}

const HOST_LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** The type section as u32 in host order; a view if the bytes allow it. */
function toWords(types: Uint8Array, littleEndian: boolean): Uint32Array {
  const count = types.length >>> 2;
  if (littleEndian === HOST_LITTLE_ENDIAN && types.byteOffset % 4 === 0) {
    return new Uint32Array(types.buffer, types.byteOffset, count);
  }
  const copy = types.slice(0, count * 4);
  if (littleEndian !== HOST_LITTLE_ENDIAN) Buffer.from(copy.buffer).swap32();
  return new Uint32Array(copy.buffer);
}

/** Word index of each type, in the order of ids from `firstId` on: one pass over all words. */
function indexTypes(
  words: Uint32Array,
  kindSizes: readonly (BtfKindSize | undefined)[],
  place: { section: string; offset: number; firstId: number },
): Uint32Array {
  const infoWords = Uint32Array.from(kindSizes, (size) => bytesToWords(size?.infoSize ?? 0));
  const elementBytes = Uint32Array.from(kindSizes, (size) => size?.elementSize ?? 0);
  // The smallest type has three words, so this is the most there can be.
  const starts = new Uint32Array(Math.floor(words.length / 3));
  let count = 0;
  let at = 0;
  while (at < words.length) {
    const info = words[at + 1];
    const kind = btfKind(info ?? 0);
    if (info === undefined || kindSizes[kind] === undefined) {
      throw badStart({ ...place, id: place.firstId + count, at, info });
    }
    starts[count++] = at;
    at += 3 + (infoWords[kind] as number);
    if (elementBytes[kind] !== 0)
      at += bytesToWords((elementBytes[kind] as number) * btfVlen(info));
  }
  if (at !== words.length) {
    const start = starts[count - 1] ?? 0;
    const name = `type ${place.firstId + count - 1}`;
    throw new FormatError(
      { section: place.section, offset: place.offset + start * 4 },
      `${name}, expected at most ${(words.length - start) * 4} bytes, have ${(at - start) * 4}`,
    );
  }
  return starts.subarray(0, count);
}

function badStart(type: {
  section: string;
  offset: number;
  id: number;
  at: number;
  info: number | undefined;
}): FormatError {
  const place = { section: type.section, offset: type.offset + type.at * 4 };
  if (type.info === undefined) {
    return new FormatError(place, `type ${type.id}, expected ${BTF_TYPE_SIZE} bytes, have 4`);
  }
  const kind = btfKind(type.info);
  return new FormatError(place, `type ${type.id}, kind ${kind} is unknown and not in the layout`);
}

function bytesToWords(bytes: number): number {
  return (bytes + 3) >>> 2;
}

function word(value: number): string {
  return `0x${value.toString(16)}`;
}
