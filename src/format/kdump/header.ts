// The two headers of a kdump file as records, and which of the possible ABIs a file was written
// with. Nothing in the file names its word size or byte order, so both are found by what makes
// sense.

import type { ByteSource } from '../../util/io.ts';
import { readExactly } from '../../util/io.ts';
import { FormatError } from '../../util/errors.ts';
import { latin1 } from '../../util/byte-reader.ts';
import type { DecodedStruct, KdumpAbi, StructMembers } from './layout.ts';
import { decodeStruct, DISK_DUMP_HEADER, KDUMP_SUB_HEADER, structSize } from './layout.ts';

/** `struct new_utsname` of the dumped kernel; QEMU fills in `machine` only. */
export interface KdumpUtsname {
  readonly sysname: string;
  readonly nodename: string;
  readonly release: string;
  readonly version: string;
  readonly machine: string;
  readonly domainname: string;
}

/** `struct disk_dump_header`, each member as it stands in the file. */
export interface KdumpHeader {
  readonly signature: string;
  readonly headerVersion: number;
  readonly utsname: KdumpUtsname;
  /** `struct timeval`: when the dump was taken; 0 where the writer did not know. */
  readonly timestamp: { readonly sec: number; readonly usec: number };
  /** Compression asked for, and the flags INCOMPLETE and EXCLUDED_VMEMMAP. */
  readonly status: number;
  /** Page size of the dumped kernel in bytes. */
  readonly blockSize: number;
  /** Size of the sub-header with what follows it (notes), in blocks. */
  readonly subHeaderBlocks: number;
  /** Size of both bitmaps together, in blocks. */
  readonly bitmapBlocks: number;
  /** One past the highest pfn, cut to 32 bits; superseded by the sub-header in version 6. */
  readonly maxMapnr: number;
  readonly totalRamBlocks: number;
  readonly deviceBlocks: number;
  readonly writtenBlocks: number;
  readonly currentCpu: number;
  readonly cpuCount: number;
}

/** A stretch of the file. */
export interface KdumpExtent {
  readonly offset: number;
  readonly size: number;
}

/** `struct kdump_sub_header`; members that a version does not have are absent. */
export interface KdumpSubHeader {
  /**
   * Signed: a kernel can lie below its link address. Not to be relied on: QEMU 7.2 reads the
   * decimal NUMBER(phys_base) of VMCOREINFO as hexadecimal, so -12582912 became -0x12582912.
   */
  readonly physBase: bigint;
  /** makedumpfile's `-d`; version 1 and later. */
  readonly dumpLevel?: number;
  /** Whether this file is one part of a set; version 2 and later. */
  readonly split?: boolean;
  /** First pfn whose page this part stores, and one past the last; version 2 and later. */
  readonly startPfn?: number;
  readonly endPfn?: number;
  /** The text of VMCOREINFO; version 3 and later. */
  readonly vmcoreinfo?: KdumpExtent;
  /** ELF notes; version 4 and later. */
  readonly notes?: KdumpExtent;
  /** makedumpfile's record of what `--config` erased; version 5 and later. */
  readonly eraseinfo?: KdumpExtent;
  /** One past the highest pfn; version 6. */
  readonly maxMapnr64?: number;
}

/** Word size, alignment and byte order of a file. */
export interface KdumpTarget {
  readonly abi: KdumpAbi;
  readonly littleEndian: boolean;
}

/** Decodes the main header under the assumption of `target`. */
export function decodeHeader(bytes: Uint8Array, target: KdumpTarget): KdumpHeader {
  const raw = decodeStruct(bytes, DISK_DUMP_HEADER, target);
  return {
    signature: latin1(raw.signature as Uint8Array),
    headerVersion: Number(raw.header_version),
    utsname: {
      sysname: cString(raw.sysname),
      nodename: cString(raw.nodename),
      release: cString(raw.release),
      version: cString(raw.version),
      machine: cString(raw.machine),
      domainname: cString(raw.domainname),
    },
    timestamp: { sec: Number(raw.tv_sec), usec: Number(raw.tv_usec) },
    status: Number(raw.status),
    blockSize: Number(raw.block_size),
    subHeaderBlocks: Number(raw.sub_hdr_size),
    bitmapBlocks: Number(raw.bitmap_blocks),
    maxMapnr: Number(raw.max_mapnr),
    totalRamBlocks: Number(raw.total_ram_blocks),
    deviceBlocks: Number(raw.device_blocks),
    writtenBlocks: Number(raw.written_blocks),
    currentCpu: Number(raw.current_cpu),
    cpuCount: Number(raw.nr_cpus),
  };
}

/**
 * Reads the sub-header at block 1, as far as `headerVersion` has it.
 *
 * @throws FormatError if the file ends before it, or a member that must be a size or pfn is none
 */
export function readSubHeader(
  source: ByteSource,
  header: KdumpHeader,
  target: KdumpTarget,
): KdumpSubHeader {
  const { headerVersion: version, blockSize } = header;
  if (version < 1) return { physBase: 0n };
  const size = structSize(membersOf(version), target.abi);
  const place = { section: 'kdump_sub_header', offset: blockSize, length: size };
  const raw = decodeStruct(readExactly(source, place), membersOf(version), target);
  return {
    physBase: signedLong(raw.phys_base),
    dumpLevel: Number(raw.dump_level),
    ...(version >= 2 ? splitMembers(raw, version) : {}),
    ...(version >= 3 ? extentMembers(raw, version) : {}),
    ...(version >= 6 ? { maxMapnr64: sizeMember(raw, 'max_mapnr_64') } : {}),
  };
}

/** How many members of kdump_sub_header each header version has; index = version. */
const MEMBER_COUNT = [0, 2, 5, 7, 9, 11, 14];

const MEMBERS_OF_VERSION = MEMBER_COUNT.map((count) => KDUMP_SUB_HEADER.slice(0, count));

/** The members of the sub-header in `version`; later versions are read as the last one. */
export function membersOf(version: number): StructMembers {
  return MEMBERS_OF_VERSION[Math.min(version, MEMBER_COUNT.length - 1)] as StructMembers;
}

function splitMembers(raw: DecodedStruct, version: number): Partial<KdumpSubHeader> {
  const suffix = version >= 6 ? '_64' : '';
  return {
    split: raw.split !== 0,
    startPfn: sizeMember(raw, `start_pfn${suffix}`),
    endPfn: sizeMember(raw, `end_pfn${suffix}`),
  };
}

function extentMembers(raw: DecodedStruct, version: number): Partial<KdumpSubHeader> {
  const extent = (name: string): KdumpExtent | undefined => {
    const size = sizeMember(raw, `size_${name}`);
    return size === 0 ? undefined : { offset: sizeMember(raw, `offset_${name}`), size };
  };
  const vmcoreinfo = extent('vmcoreinfo');
  const notes = version >= 4 ? extent('note') : undefined;
  const eraseinfo = version >= 5 ? extent('eraseinfo') : undefined;
  return {
    ...(vmcoreinfo && { vmcoreinfo }),
    ...(notes && { notes }),
    ...(eraseinfo && { eraseinfo }),
  };
}

function sizeMember(raw: DecodedStruct, name: string): number {
  const value = BigInt(raw[name] as number | bigint);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    const what = `${name} is 0x${value.toString(16)}, expected less than 2^53`;
    throw new FormatError({ section: 'kdump_sub_header' }, what);
  }
  return Number(value);
}

/** A `long` of the writer's ABI, whose negative values are phys_base of relocated kernels. */
function signedLong(value: number | bigint | Uint8Array | undefined): bigint {
  // In ILP32, phys_base is a 32-bit physical address and never negative.
  return typeof value === 'bigint' ? BigInt.asIntN(64, value) : BigInt(value as number);
}

function cString(value: number | bigint | Uint8Array | undefined): string {
  const bytes = value as Uint8Array;
  const end = bytes.indexOf(0);
  return latin1(end < 0 ? bytes : bytes.subarray(0, end));
}
