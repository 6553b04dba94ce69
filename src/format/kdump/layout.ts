// The two C structs of a kdump file and how each ABI lays them out. They are written to the file as
// they lay in the memory of the program that wrote it, so one list of members and three sets of
// alignment rules say all there is to know.
//
//   disk_dump_header      LP64   ILP32      kdump_sub_header   LP64  ia32 (pack4)  arm (pad8)
//   signature                0       0      phys_base             0     0             0
//   header_version           8       8      dump_level            8     4             4
//   utsname (6 x 65)        12      12      split                12     8             8
//   timestamp              408     404      start_pfn            16    12            12
//   status                 424     412      end_pfn              24    16            16
//   block_size             428     416      offset_vmcoreinfo    32    20            24
//   sub_hdr_size           432     420      size_vmcoreinfo      40    28            32
//   bitmap_blocks          436     424      offset_note          48    32            40
//   max_mapnr              440     428      size_note            56    40            48
//   total_ram_blocks       444     432      offset_eraseinfo     64    44            56
//   device_blocks          448     436      size_eraseinfo       72    52            64
//   written_blocks         452     440      start_pfn_64         80    56            72
//   current_cpu            456     444      end_pfn_64           88    64            80
//   nr_cpus                460     448      max_mapnr_64         96    72            88
//   (end)                  464     452      (end)               104    80            96

import { Parser } from 'binary-parser/dist/binary_parser.js';
import { NEW_UTS_LEN } from './constants.ts';

/** What the layout of a kdump file depends on besides its byte order. */
export type KdumpAbi = 'lp64' | 'ilp32-pack4' | 'ilp32-pad8';

interface AbiRules {
  /** `sizeof(long)`, which is also its alignment. */
  readonly longSize: 4 | 8;
  /** How 64-bit integers are aligned: on 4 by the i386 psABI, on 8 by the others. */
  readonly alignment64: 4 | 8;
}

/** The rules of each ABI; `off_t` is 64 bits wide on all of them. */
export const ABI_RULES: Readonly<Record<KdumpAbi, AbiRules>> = {
  lp64: { longSize: 8, alignment64: 8 },
  'ilp32-pack4': { longSize: 4, alignment64: 4 },
  'ilp32-pad8': { longSize: 4, alignment64: 8 },
};

/** A C type: an integer, `long`, a 64-bit integer, or a char array of that many bytes. */
type MemberType = 'int' | 'uint' | 'long' | 'u64' | number;

/** `[member, C type]` in the order of declaration. */
export type StructMembers = readonly (readonly [string, MemberType])[];

/** `struct disk_dump_header` (makedumpfile, diskdump_mod.h), without its `tasks[0]`. */
export const DISK_DUMP_HEADER: StructMembers = [
  ['signature', 8],
  ['header_version', 'int'],
  ['sysname', NEW_UTS_LEN],
  ['nodename', NEW_UTS_LEN],
  ['release', NEW_UTS_LEN],
  ['version', NEW_UTS_LEN],
  ['machine', NEW_UTS_LEN],
  ['domainname', NEW_UTS_LEN],
  ['tv_sec', 'long'],
  ['tv_usec', 'long'],
  ['status', 'uint'],
  ['block_size', 'int'],
  ['sub_hdr_size', 'int'],
  ['bitmap_blocks', 'uint'],
  ['max_mapnr', 'uint'],
  ['total_ram_blocks', 'uint'],
  ['device_blocks', 'uint'],
  ['written_blocks', 'uint'],
  ['current_cpu', 'uint'],
  ['nr_cpus', 'int'],
];

/** `struct kdump_sub_header` of version 6; older versions end earlier. */
export const KDUMP_SUB_HEADER: StructMembers = [
  ['phys_base', 'long'],
  ['dump_level', 'int'],
  ['split', 'int'],
  ['start_pfn', 'long'],
  ['end_pfn', 'long'],
  ['offset_vmcoreinfo', 'u64'],
  ['size_vmcoreinfo', 'long'],
  ['offset_note', 'u64'],
  ['size_note', 'long'],
  ['offset_eraseinfo', 'u64'],
  ['size_eraseinfo', 'long'],
  ['start_pfn_64', 'u64'],
  ['end_pfn_64', 'u64'],
  ['max_mapnr_64', 'u64'],
];

/** A member where one ABI puts it. */
export interface PlacedMember {
  readonly name: string;
  readonly type: MemberType;
  readonly offset: number;
  readonly size: number;
}

/** Lays out a struct as a C compiler of that ABI does. */
export function placeMembers(members: StructMembers, abi: KdumpAbi): PlacedMember[] {
  const { longSize, alignment64 } = ABI_RULES[abi];
  let end = 0;
  return members.map(([name, type]) => {
    let size = 4;
    let alignment = 4;
    if (typeof type === 'number') [size, alignment] = [type, 1];
    else if (type === 'long') [size, alignment] = [longSize, longSize];
    else if (type === 'u64') [size, alignment] = [8, alignment64];
    const offset = Math.ceil(end / alignment) * alignment;
    end = offset + size;
    return { name, type, offset, size };
  });
}

/** `sizeof` up to the end of the last member. */
export function structSize(members: StructMembers, abi: KdumpAbi): number {
  const last = placeMembers(members, abi).at(-1);
  return last === undefined ? 0 : last.offset + last.size;
}

/** The members of a decoded struct: a bigint where 64 bits were read, bytes for char arrays. */
export type DecodedStruct = Record<string, number | bigint | Uint8Array>;

/** Decodes one struct of the given ABI and byte order. */
export function decodeStruct(
  bytes: Uint8Array,
  members: StructMembers,
  target: { abi: KdumpAbi; littleEndian: boolean },
): DecodedStruct {
  return parserOf(members, target).parse(bytes) as DecodedStruct;
}

/** The inverse of {@link decodeStruct}; members without a value are zero. */
export function encodeStruct(
  values: DecodedStruct,
  members: StructMembers,
  target: { abi: KdumpAbi; littleEndian: boolean },
): Uint8Array {
  const bytes = new Uint8Array(structSize(members, target.abi));
  const view = new DataView(bytes.buffer);
  for (const { name, offset, size } of placeMembers(members, target.abi)) {
    const value = values[name] ?? 0;
    if (value instanceof Uint8Array) bytes.set(value.subarray(0, size), offset);
    else if (size === 8) view.setBigUint64(offset, BigInt(value), target.littleEndian);
    else view.setUint32(offset, Number(BigInt.asUintN(32, BigInt(value))), target.littleEndian);
  }
  return bytes;
}

/** binary-parser takes a millisecond to compile one, so one is made for each struct and target. */
const PARSERS = new Map<StructMembers, Map<string, Parser>>();

function parserOf(
  members: StructMembers,
  { abi, littleEndian }: { abi: KdumpAbi; littleEndian: boolean },
): Parser {
  let ofStruct = PARSERS.get(members);
  if (ofStruct === undefined) PARSERS.set(members, (ofStruct = new Map<string, Parser>()));
  const key = `${abi} ${littleEndian}`;
  let parser = ofStruct.get(key);
  if (parser === undefined) {
    parser = buildParser(placeMembers(members, abi), littleEndian);
    ofStruct.set(key, parser);
  }
  return parser;
}

function buildParser(members: readonly PlacedMember[], littleEndian: boolean): Parser {
  const parser = new Parser().endianness(littleEndian ? 'little' : 'big');
  let end = 0;
  for (const { name, type, offset, size } of members) {
    // Alignment holes: binary-parser does not align by itself.
    if (offset > end) parser.seek(offset - end);
    end = offset + size;
    if (typeof type === 'number') parser.buffer(name, { length: type });
    else if (type === 'int') parser.int32(name);
    else if (size === 8) parser.uint64(name);
    else parser.uint32(name);
  }
  return parser;
}
