// From VMCOREINFO to the kernel's own address space: where its root page table lies in physical
// memory, and the proof that it is the one.
//
// The kernel image is mapped at START_KERNEL_map by one offset, so
//
//   paddr of swapper_pg_dir = SYMBOL(swapper_pg_dir) - START_KERNEL_map + NUMBER(phys_base)
//
// Kernels before 4.10 (401721ecd1dc) name the address of phys_base, not its value; then every
// place where the table could be is tried, and the right one maps swapper_pg_dir to itself.

import {
  PAGE_PRESENT,
  PAGE_SIZE,
  PHYSICAL_ALIGN,
  PTE_SIZE,
  START_KERNEL_MAP,
  type PageTableDepth,
} from '../arch/x86-64.ts';
import { hex, vaddrAdd, type Vaddr } from '../util/address.ts';
import { latin1 } from '../util/byte-reader.ts';
import { FaultError, InvalidError, VmcoreError } from '../util/errors.ts';
import type { Vmcoreinfo } from '../format/vmcoreinfo/read.ts';
import { AddressSpace } from '../memory/address-space.ts';
import type { PhysicalMemory } from '../memory/physical.ts';

/** Where the kernel image lies in physical memory. */
export interface KnownPhysBase {
  /** What to add to an offset from START_KERNEL_map to get a physical address; may be negative. */
  readonly physBase: number;
  /** Where {@link physBase} comes from, in words. */
  readonly physBaseSource: string;
}

/** The kernel's address space, and how it was found. */
export interface KernelSpace extends KnownPhysBase {
  readonly space: AddressSpace;
}

/** struct new_utsname (include/uapi/linux/utsname.h): six fields of 65 bytes. */
export const UTS_FIELD_SIZE = 65;
const UTS_FIELDS = 6;
const KREF_SIZE = 4;

/** Tables tried where phys_base is not known: one each 2 MiB is enough for 4 TiB of memory. */
const ROOTS_TRIED_MAX = 1 << 21;

/** The entry of the root table that maps START_KERNEL_map; the last one, with 4 or 5 levels. */
const KERNEL_MAP_INDEX = 511;

/**
 * The address space of the kernel that wrote this VMCOREINFO.
 *
 * @param options.search whether memory is searched for the root table where `phys_base` does not
 *   lead to it; true unless it is said
 * @param options.known what was found to be so before; then nothing else is tried
 * @throws InvalidError if no page table in this memory agrees with it: it is a stale copy, or that
 *   of another kernel
 */
export function findKernelSpace(
  memory: PhysicalMemory,
  info: Vmcoreinfo,
  options: { readonly search?: boolean; readonly known?: KnownPhysBase } = {},
): KernelSpace {
  const root = rootSymbol(info);
  const rootOffset = Number(root - START_KERNEL_MAP);
  const { known } = options;
  if (known !== undefined) {
    const { physBase, physBaseSource } = known;
    const checked = checkRoot(memory, info, { root, paddr: rootOffset + physBase });
    if (!(checked instanceof AddressSpace)) throw checked;
    return { space: checked, physBase, physBaseSource };
  }
  const told = info.number('phys_base');
  let doubt: InvalidError | undefined;
  if (told !== undefined && told > -(2n ** 52n) && told < 2n ** 52n) {
    const physBase = Number(told);
    const checked = checkRoot(memory, info, { root, paddr: rootOffset + physBase });
    if (checked instanceof AddressSpace) {
      return { space: checked, physBase, physBaseSource: 'VMCOREINFO' };
    }
    doubt = checked;
  }
  const candidates = options.search === false ? [] : rootCandidates(memory, rootOffset);
  for (const paddr of candidates) {
    const space = checkRoot(memory, info, { root, paddr });
    if (!(space instanceof AddressSpace)) continue;
    const physBaseSource = 'a root page table in memory that maps itself';
    return { space, physBase: paddr - rootOffset, physBaseSource };
  }
  const cause = doubt === undefined ? {} : { cause: doubt };
  throw new InvalidError(`no page table in the dump maps swapper_pg_dir (${hex(root)})`, cause);
}

/** `init_top_pgt` was `init_level4_pgt` until 4.13 (65ade2f872b4). */
function rootSymbol(info: Vmcoreinfo): Vaddr {
  const names = ['swapper_pg_dir', 'init_top_pgt', 'init_level4_pgt'];
  const root = names.map((name) => info.symbol(name)).find((address) => address !== undefined);
  if (root === undefined || root < START_KERNEL_MAP || root % BigInt(PAGE_SIZE) !== 0n) {
    const have = root === undefined ? 'none' : hex(root);
    throw new InvalidError(
      `VMCOREINFO: expected SYMBOL(swapper_pg_dir) above ${hex(START_KERNEL_MAP)}, have ${have}`,
    );
  }
  return root;
}

/** The address space, if a table at `paddr` is the root; else what speaks against it. */
function checkRoot(
  memory: PhysicalMemory,
  info: Vmcoreinfo,
  at: { root: Vaddr; paddr: number },
): AddressSpace | InvalidError {
  const place = `root page table at physical address ${at.paddr < 0 ? at.paddr : hex(at.paddr)}`;
  const state = at.paddr < 0 ? 'not-in-dump' : memory.stateOf(at.paddr);
  if (state !== 'present') return new InvalidError(`${place}: ${state}`);
  const depth: PageTableDepth = info.number('pgtable_l5_enabled') === 1n ? 5 : 4;
  const smeMask = BigInt.asUintN(64, info.number('sme_mask') ?? 0n);
  const space = new AddressSpace(memory, { root: at.paddr, depth, smeMask });
  try {
    const mapped = space.translate(at.root);
    if (mapped !== at.paddr) {
      return new InvalidError(`${place}: it maps swapper_pg_dir to ${hex(mapped)}, not to itself`);
    }
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    return new InvalidError(place, { cause: error });
  }
  return disagreement(space, info) ?? space;
}

/** Where the root table can be: its offset inside the image, moved by 2 MiB at a time. */
function* rootCandidates(memory: PhysicalMemory, rootOffset: number): Generator<number> {
  const entry = new Uint8Array(PTE_SIZE);
  const inStep = rootOffset % PHYSICAL_ALIGN;
  let tried = 0;
  for (const range of memory.presentRanges()) {
    const steps = Math.max(0, Math.ceil((range.start - inStep) / PHYSICAL_ALIGN));
    let paddr = steps * PHYSICAL_ALIGN + inStep;
    for (; paddr + PAGE_SIZE <= range.end; paddr += PHYSICAL_ALIGN) {
      if (tried++ >= ROOTS_TRIED_MAX) return;
      try {
        memory.readInto(entry, paddr + KERNEL_MAP_INDEX * PTE_SIZE);
      } catch (error) {
        if (!(error instanceof VmcoreError)) throw error;
        continue;
      }
      if (((entry[0] as number) & PAGE_PRESENT) !== 0) yield paddr;
    }
  }
}

/**
 * What in memory contradicts a VMCOREINFO: init_uts_ns names another release. A page that is
 * missing contradicts nothing, since the page table has mapped itself already.
 */
function disagreement(space: AddressSpace, info: Vmcoreinfo): InvalidError | undefined {
  const symbol = info.symbol('init_uts_ns');
  if (symbol === undefined) return undefined;
  try {
    const uts = readUtsname(space, vaddrAdd(symbol, utsNameOffset(info)));
    const { osrelease } = info;
    const expected = osrelease === undefined ? 'Linux' : `Linux ${osrelease}`;
    const have = osrelease === undefined ? uts[0] : `${uts[0]} ${uts[2]}`;
    if (have === expected) return undefined;
    return new InvalidError(`init_uts_ns: expected ${quote(expected)}, have ${quote(have ?? '')}`);
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    if (!(error instanceof FaultError)) return undefined;
    const wrong = error.reason === 'not-mapped' || error.reason === 'non-canonical';
    return wrong ? new InvalidError('init_uts_ns', { cause: error }) : undefined;
  }
}

/**
 * Where `name` lies in struct uts_namespace. VMCOREINFO says so since Linux 5.11 (ca4a9241cc5e);
 * before, a struct kref lay in front of it, the reference count.
 */
export function utsNameOffset(info: Vmcoreinfo): number {
  return info.offset('uts_namespace.name') ?? KREF_SIZE;
}

/** sysname, nodename, release, version, machine, domainname of a struct new_utsname. */
export function readUtsname(space: AddressSpace, address: Vaddr): string[] {
  const bytes = space.read(address, UTS_FIELDS * UTS_FIELD_SIZE);
  return Array.from({ length: UTS_FIELDS }, (_, i) => {
    const field = bytes.subarray(i * UTS_FIELD_SIZE, (i + 1) * UTS_FIELD_SIZE);
    const end = field.indexOf(0);
    return latin1(end < 0 ? field : field.subarray(0, end));
  });
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, UTS_FIELD_SIZE * 2));
}
