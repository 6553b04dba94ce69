// What the dumped kernel is: its release, banner and build ID, and where KASLR put it. Each fact
// says where it comes from, and those that VMCOREINFO gives wrong are taken from memory instead.

import { hex, type Vaddr } from '../util/address.ts';
import { latin1 } from '../util/byte-reader.ts';
import { VmcoreError } from '../util/errors.ts';
import type { PageTableDepth } from '../arch/x86-64.ts';
import type { Vmcoreinfo } from '../format/vmcoreinfo/read.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import { kaslrOffset, KASLR_SOURCE } from './image-facts.ts';
import { readUtsname, utsNameOffset, type KernelSpace } from './kernel-memory.ts';
import type { SymbolTable } from './symbols.ts';
import { readGnuBuildId } from './notes-section.ts';
import { optional } from '../util/optional.ts';

/** A fact and where it comes from, in words. */
export interface Fact<T> {
  readonly value: T;
  readonly source: string;
}

/** The dumped kernel as plain data; addresses are `0x…` strings. A fact not known is absent. */
export interface KernelIdentity {
  /** What `uname -r` says. */
  readonly release: Fact<string>;
  /** What `uname -v` says: `#1 SMP … (date)`. */
  readonly version?: Fact<string>;
  /** `uname -n`. */
  readonly nodename?: Fact<string>;
  readonly machine?: Fact<string>;
  /** linux_banner without its line feed: `Linux version …`. */
  readonly banner?: Fact<string>;
  /** Hex digits of the GNU build ID. */
  readonly buildId?: Fact<string>;
  /** Why the BUILD-ID of VMCOREINFO was not used. */
  readonly buildIdDoubt?: string;
  /** How far KASLR moved the image. */
  readonly kaslrOffset?: Fact<string>;
  /** Bytes between an image address less START_KERNEL_map and its physical address; decimal. */
  readonly physBase: Fact<number>;
  /** Start of the direct map of all physical memory. */
  readonly pageOffsetBase?: Fact<string>;
  readonly vmallocBase?: Fact<string>;
  readonly vmemmapBase?: Fact<string>;
  readonly pageTableDepth: Fact<PageTableDepth>;
  /** AMD memory encryption bit; absent where memory is not encrypted. */
  readonly smeMask?: Fact<string>;
  /** Physical address of the root page table. */
  readonly rootPageTable: string;
  /** Seconds since 1970 of a panic. */
  readonly crashTime?: Fact<number>;
  /** Where VMCOREINFO was found. */
  readonly vmcoreinfo: string;
}

/** What {@link readIdentity} looks at. */
export interface IdentityParts extends KernelSpace {
  readonly info: Vmcoreinfo;
  /** Where `info` was found, in words. */
  readonly source: string;
  /** Where a fact of `info` comes from that VMCOREINFO did not say, by its key. */
  readonly sources?: Readonly<Record<string, string>>;
  readonly symbols: SymbolTable;
}

const FROM_INFO = 'VMCOREINFO';

/** The longest banner that is believed; real ones are about 200 bytes. */
const BANNER_LENGTH_MAX = 1024;

/** Reads what can be read; what cannot is left out. */
export function readIdentity(parts: IdentityParts): KernelIdentity {
  const { info, space, physBase, physBaseSource } = parts;
  const smeMask = info.number('sme_mask');
  return {
    ...readNames(parts),
    ...readBuildId(parts),
    ...optional('kaslrOffset', readKaslrOffset(parts)),
    physBase: { value: physBase, source: physBaseSource },
    ...optional('pageOffsetBase', readBase(parts, 'page_offset_base')),
    ...optional('vmallocBase', readBase(parts, 'vmalloc_base')),
    ...optional('vmemmapBase', readBase(parts, 'vmemmap_base')),
    pageTableDepth: {
      value: space.depth,
      source:
        info.number('pgtable_l5_enabled') === undefined
          ? 'the root page table, which maps itself so'
          : sourceOf(parts, 'NUMBER(pgtable_l5_enabled)'),
    },
    ...optional(
      'smeMask',
      hexFact(smeMask === 0n ? undefined : smeMask, sourceOf(parts, 'NUMBER(sme_mask)')),
    ),
    rootPageTable: hex(space.root),
    ...optional('crashTime', fact(info.crashTime, FROM_INFO)),
    vmcoreinfo: parts.source,
  };
}

/** KERNELOFFSET (arch/x86/kernel/crash_core_64.c), or what it would say where it is not there. */
function readKaslrOffset(parts: IdentityParts): Fact<string> | undefined {
  const { info, space, symbols } = parts;
  if (info.kernelOffset !== undefined) {
    return hexFact(info.kernelOffset, sourceOf(parts, 'KERNELOFFSET'));
  }
  return hexFact(
    readable(() => kaslrOffset(space, symbols)),
    KASLR_SOURCE,
  );
}

function sourceOf({ sources }: IdentityParts, key: string): string {
  return sources?.[key] ?? FROM_INFO;
}

type Names = Pick<KernelIdentity, 'release' | 'version' | 'nodename' | 'machine' | 'banner'>;

function readNames(parts: IdentityParts): Names {
  const { info, space, symbols } = parts;
  const banner = fact(readBanner(space, symbols), 'linux_banner');
  const symbol = info.symbol('init_uts_ns') ?? symbols.lookup('init_uts_ns');
  const offset = utsNameOffset(info);
  const uts =
    symbol === undefined
      ? undefined
      : readable(() => readUtsname(space, (symbol + BigInt(offset)) as Vaddr));
  return {
    release: fact(info.osrelease, sourceOf(parts, 'OSRELEASE')) ?? {
      value: uts?.[2] ?? '',
      source: 'init_uts_ns',
    },
    ...optional('version', fact(uts?.[3], 'init_uts_ns')),
    ...optional('nodename', fact(uts?.[1], 'init_uts_ns')),
    ...optional('machine', fact(uts?.[4], 'init_uts_ns')),
    ...optional('banner', banner),
  };
}

function readBanner(space: AddressSpace, symbols: SymbolTable): string | undefined {
  const address = symbols.lookup('linux_banner');
  if (address === undefined) return undefined;
  const size = symbols.symbolAt(address)?.size ?? 0;
  const length = size > 0 && size < BANNER_LENGTH_MAX ? size : BANNER_LENGTH_MAX;
  const bytes = readable(() => space.read(address, length));
  const end = bytes?.indexOf(0) ?? -1;
  if (bytes === undefined || end <= 0) return undefined;
  return latin1(bytes.subarray(0, end)).replace(/\n$/, '');
}

/**
 * The .notes section goes before VMCOREINFO: stable kernels of 2024 (6.1.113 to 6.1.118 and others)
 * wrote garbage there that looks like a build ID. Where the section is not in the dump, the other
 * is taken as what it is; a wrong one matches no layout file.
 */
function readBuildId({ info, space, symbols }: IdentityParts): {
  buildId?: Fact<string>;
  buildIdDoubt?: string;
} {
  const fromNotes = readable(() => readGnuBuildId(space, symbols));
  const told = info.buildId;
  const differs = fromNotes !== undefined && told !== undefined && told.hex !== fromNotes;
  const doubt = told?.unreliable ?? (differs ? `the .notes section has ${fromNotes}` : undefined);
  const buildIdDoubt = doubt === undefined ? {} : { buildIdDoubt: doubt };
  if (fromNotes !== undefined) {
    return { buildId: { value: fromNotes, source: 'the .notes section' }, ...buildIdDoubt };
  }
  if (told === undefined || doubt !== undefined) return buildIdDoubt;
  return { buildId: { value: told.hex, source: `${FROM_INFO}, not confirmed by .notes` } };
}

/** A variable of the memory layout, which exists with CONFIG_DYNAMIC_MEMORY_LAYOUT only. */
function readBase({ space, symbols }: IdentityParts, name: string): Fact<string> | undefined {
  const address = symbols.lookup(name);
  if (address === undefined) return undefined;
  const bytes = readable(() => space.read(address, 8));
  if (bytes === undefined) return undefined;
  return hexFact(new DataView(bytes.buffer).getBigUint64(0, true), name);
}

function hexFact(value: bigint | undefined, source: string): Fact<string> | undefined {
  return value === undefined ? undefined : { value: hex(BigInt.asUintN(64, value)), source };
}

function fact<T>(value: T | undefined, source: string): Fact<T> | undefined {
  return value === undefined ? undefined : { value, source };
}

/** A page that is not in the dump, or damaged in it, leaves a fact unknown; it is no error. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof VmcoreError) return undefined;
    throw error;
  }
}
