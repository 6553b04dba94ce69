// From the symbols of a kernel image to where it lies and to its page tables, without a note, text
// or CR3 that says so.
//
//   symbols          kallsyms, found by a search, says at which virtual address each lies; a
//                    vmlinux and place-relative kallsyms (v7.0), how far from each other
//   phys_base        the image is moved by multiples of 2 MiB: only one of them puts the text
//                    `Linux version ` where linux_banner is
//   root page table  init_top_pgt, with 4 or 5 levels: it must map the banner, itself, and itself
//                    again through the direct map
//
// With page-table isolation (v4.15, KAISER before) the symbol is the kernel's half of the pair; the
// half of user space behind it does not map the banner. Where only distances are known the page
// table says where the image is mapped.

import {
  PAGE_SIZE,
  PHYSICAL_ALIGN,
  START_KERNEL_MAP,
  type PageTableDepth,
} from '../arch/x86-64.ts';
import type { FoundKallsyms } from '../format/kallsyms/find.ts';
import { AddressSpace } from '../memory/address-space.ts';
import { tryRead, type PhysicalMemory } from '../memory/physical.ts';
import { hex, vaddrAdd, type Vaddr } from '../util/address.ts';
import { latin1 } from '../util/byte-reader.ts';
import { FaultError, InvalidError, VmcoreError } from '../util/errors.ts';
import { kallsymsAt } from './scan-kallsyms.ts';

/** Some symbols of an image. */
export interface ImageSymbols {
  lookup(name: string): Vaddr | undefined;
}

/** What may be an image, by its symbols. */
export interface ImageToLocate<S extends ImageSymbols> {
  readonly symbols: S;
  /** The phys_base that it can have if its symbols are where they say. */
  readonly physBases: Iterable<number>;
  /**
   * The symbols where they are, if only their distances are known: `by` is to be added to each
   * address, and `physBase` goes with the sums.
   */
  readonly moved?: ((by: bigint, physBase: number) => S) | undefined;
}

/** Where an image lies, and its page tables. */
export interface LocatedImage<S extends ImageSymbols = ImageSymbols> {
  readonly symbols: S;
  readonly space: AddressSpace;
  readonly physBase: number;
  /** Address of the root table. */
  readonly root: Vaddr;
  /** The bit that marks memory as encrypted; 0 without. */
  readonly smeMask: bigint;
  /** linux_banner without its line feed. */
  readonly banner: string;
  /** What `info` says of the page tables. */
  readonly proof: string;
}

/** init/version.c */
export const BANNER = 'Linux version ';
/** fs/proc/version.c; `linux_proc_banner` has it since v2.6.25. */
const PROC_BANNER = '%s version %s';
const BANNER_LENGTH_MAX = 1024;

/** Of KERNEL_IMAGE_SIZE, in which the image is mapped. */
const IMAGE_AREA = 1n << 30n;

/** How `init_top_pgt` was called until v4.13 (65ade2f872b4), and what x86-64 defines it as. */
const ROOT_NAMES = ['init_top_pgt', 'init_level4_pgt', 'swapper_pg_dir'];

/** `__PAGE_OFFSET` of kernels without `page_offset_base`: until v4.20 (d52888aa2753), and since. */
const PAGE_OFFSETS: Record<PageTableDepth, readonly bigint[]> = {
  4: [0xffff880000000000n, 0xffff888000000000n],
  5: [0xff10000000000000n, 0xff11000000000000n],
};

/**
 * From the symbols of an image to its page tables.
 *
 * @throws InvalidError if the image is not the one that ran, as a file in the page cache
 */
export function locateImage<S extends ImageSymbols>(
  memory: PhysicalMemory,
  image: ImageToLocate<S>,
): LocatedImage<S> {
  const { symbols, physBases, moved } = image;
  if (symbols.lookup('linux_banner') === undefined) {
    throw new InvalidError('symbols: linux_banner is not among them');
  }
  let doubt: InvalidError | undefined;
  for (const physBase of physBases) {
    const text = bannerAt(memory, symbols, physBase);
    if (text === undefined) continue;
    const root = rootTable(memory, { symbols, physBase, moved });
    if (!(root instanceof InvalidError)) return { ...root, banner: text };
    doubt ??= root;
  }
  throw doubt ?? new InvalidError('linux_banner: no banner where the symbols put it');
}

/**
 * An image by the kallsyms in it.
 *
 * @param found as if the image were mapped with a phys_base of 0
 */
export function imageOfKallsyms(
  memory: PhysicalMemory,
  found: FoundKallsyms,
): ImageToLocate<FoundKallsyms['kallsyms']> {
  const { kallsyms: symbols, tokenIndexAt } = found;
  if (symbols.encodings.addressEncoding !== 'place-relative') {
    return { symbols, physBases: physBasesOf(found) };
  }
  const moved = (_by: bigint, physBase: number): typeof symbols =>
    movedTables(memory, tokenIndexAt, physBase);
  return { symbols, physBases: [0], moved };
}

/** By how much an image that has these tables in it can be moved. */
function* physBasesOf({ kallsyms, tokenIndexAt }: FoundKallsyms): Generator<number> {
  const start = kallsyms.lookup('_text') ?? kallsyms.lookup('_stext');
  const end = kallsyms.lookup('_end') ?? vaddrAdd(start ?? START_KERNEL_MAP, IMAGE_AREA);
  if (start === undefined || start < START_KERNEL_MAP || end - start > IMAGE_AREA) return;
  const highest = tokenIndexAt - Number(start - START_KERNEL_MAP);
  const lowest = tokenIndexAt - Number(end - START_KERNEL_MAP);
  let physBase = Math.floor(highest / PHYSICAL_ALIGN) * PHYSICAL_ALIGN;
  for (; physBase >= lowest; physBase -= PHYSICAL_ALIGN) yield physBase;
}

/** The banner, if it is where this puts it. */
function bannerAt(
  memory: PhysicalMemory,
  symbols: ImageSymbols,
  physBase: number,
): string | undefined {
  const text = textOf(memory, { address: symbols.lookup('linux_banner'), physBase });
  if (text?.startsWith(BANNER) !== true) return undefined;
  const format = textOf(memory, { address: symbols.lookup('linux_proc_banner'), physBase });
  if (format !== undefined && !format.startsWith(PROC_BANNER)) return undefined;
  return text.replace(/\n$/, '');
}

/** A string of the image; undefined where there is no such symbol or it is not in the dump. */
function textOf(
  memory: PhysicalMemory,
  { address, physBase }: { address: Vaddr | undefined; physBase: number },
): string | undefined {
  if (address === undefined) return undefined;
  const paddr = paddrIn(address, physBase);
  const length = Math.min(BANNER_LENGTH_MAX, PAGE_SIZE * 2 - (paddr % PAGE_SIZE));
  const bytes = bytesAt(memory, paddr, length);
  const end = bytes?.indexOf(0) ?? -1;
  return end < 0 ? undefined : latin1(bytes!.subarray(0, end));
}

function paddrIn(address: Vaddr, physBase: number): number {
  return Number(address - START_KERNEL_MAP) + physBase;
}

/** Physical memory; undefined where it is not in the dump. */
function bytesAt(memory: PhysicalMemory, paddr: number, length: number): Uint8Array | undefined {
  if (paddr < 0) return undefined;
  const bytes = new Uint8Array(length);
  return tryRead(memory, bytes, paddr) ? bytes : undefined;
}

interface PlacedImage<S extends ImageSymbols> {
  readonly symbols: S;
  readonly physBase: number;
  readonly moved: ImageToLocate<S>['moved'];
}

/** The page tables of the image; else what speaks against it. */
function rootTable<S extends ImageSymbols>(
  memory: PhysicalMemory,
  { symbols, physBase, moved }: PlacedImage<S>,
): Omit<LocatedImage<S>, 'banner'> | InvalidError {
  const name = ROOT_NAMES.find((each) => symbols.lookup(each) !== undefined);
  const root = name === undefined ? undefined : symbols.lookup(name);
  if (name === undefined || root === undefined) {
    return new InvalidError(`symbols: none of ${ROOT_NAMES.join(', ')} is among them`);
  }
  const paddr = paddrIn(root, physBase);
  const smeMask = wordAt(memory, { address: symbols.lookup('sme_me_mask'), physBase }) ?? 0n;
  let doubt: InvalidError | undefined;
  for (const depth of [4, 5] as const) {
    const space = new AddressSpace(memory, { root: paddr, depth, smeMask });
    try {
      const by = moved === undefined ? 0n : mappedAt(space, paddr) - root;
      const base = physBase - Number(by);
      const own = moved?.(by, base) ?? symbols;
      const proof = prove(space, { symbols: own, name, physBase: base });
      const placed = { symbols: own, root: vaddrAdd(root, by) };
      return { ...placed, space, physBase: base, smeMask, proof };
    } catch (error) {
      if (!(error instanceof VmcoreError)) throw error;
      doubt ??= new InvalidError(`${name} at physical address ${hex(paddr)}`, { cause: error });
    }
  }
  return doubt as InvalidError;
}

/** Where the image area maps a physical address. @throws InvalidError if nowhere */
function mappedAt(space: AddressSpace, paddr: number): Vaddr {
  for (const each of space.mappings(START_KERNEL_MAP, START_KERNEL_MAP + IMAGE_AREA)) {
    if (!('mapping' in each)) continue;
    const { mapping } = each;
    const offset = paddr - mapping.paddr;
    if (offset >= 0 && offset < mapping.size) return vaddrAdd(mapping.vaddr, offset);
  }
  throw new InvalidError('it does not map itself in the area of the kernel image');
}

/** Place-relative tables, with the place that they now have. */
function movedTables(
  memory: PhysicalMemory,
  tokenIndexAt: number,
  physBase: number,
): FoundKallsyms['kallsyms'] {
  const moved = kallsymsAt(memory, tokenIndexAt, physBase);
  const same = moved.find((each) => each.kallsyms.encodings.addressEncoding === 'place-relative');
  if (same === undefined) throw new InvalidError('kallsyms: not place-relative after all');
  return same.kallsyms;
}

/** @throws VmcoreError saying which symbol the tables do not lead to */
function prove(
  space: AddressSpace,
  at: { symbols: ImageSymbols; name: string; physBase: number },
): string {
  const { symbols, name, physBase } = at;
  for (const symbol of [name, 'linux_banner', '_stext', 'init_task']) {
    const address = symbols.lookup(symbol);
    if (address === undefined) continue;
    const expected = paddrIn(address, physBase);
    const mapped = space.translate(address);
    if (mapped === expected) continue;
    throw new InvalidError(`it maps ${symbol} to ${hex(mapped)}, not to ${hex(expected)}`);
  }
  const told = symbols.lookup('page_offset_base');
  const base = told === undefined ? undefined : readWord(space, told);
  const bases = base === undefined ? PAGE_OFFSETS[space.depth] : [base];
  const isBack = bases.some((start) => mapsBack(space, start));
  if (!isBack) throw new InvalidError(`no direct map at ${bases.map(hex).join(' or ')}`);
  return `${name}, which maps the banner, itself, and itself in the direct map`;
}

/** Whether the direct map leads to the root table, or is not in the dump. */
function mapsBack(space: AddressSpace, start: bigint): boolean {
  try {
    return space.translate(vaddrAdd(start as Vaddr, space.root)) === space.root;
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return error.reason !== 'not-mapped' && error.reason !== 'non-canonical';
  }
}

function readWord(space: AddressSpace, address: Vaddr): bigint | undefined {
  const bytes = readAt(space, address, 8);
  return bytes === undefined ? undefined : wordOf(bytes);
}

/** Memory of the kernel; undefined where it is not in the dump, or not mapped. */
export function readAt(
  space: AddressSpace,
  address: Vaddr,
  length: number,
): Uint8Array | undefined {
  try {
    return space.read(address, length);
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return undefined;
  }
}

function wordAt(
  memory: PhysicalMemory,
  { address, physBase }: { address: Vaddr | undefined; physBase: number },
): bigint | undefined {
  if (address === undefined) return undefined;
  const bytes = bytesAt(memory, paddrIn(address, physBase), 8);
  return bytes === undefined ? undefined : wordOf(bytes);
}

function wordOf({ buffer, byteOffset }: Uint8Array): bigint {
  return new DataView(buffer, byteOffset).getBigUint64(0, true);
}
