// x86-64: the geometry of its page tables, the bits of an entry, and the fixed addresses.
//
//   63      57 56     48 47     39 38     30 29     21 20     12 11        0
//   +---------+---------+---------+---------+---------+---------+----------+
//   |  sign   |   pgd   |   p4d   |   pud   |   pmd   |   pte   |  offset  |   5 levels
//   +---------+---------+---------+---------+---------+---------+----------+
//   |       sign        |   pgd   |   pud   |   pmd   |   pte   |  offset  |   4 levels
//   +-------------------+---------+---------+---------+---------+----------+
//
// Each index has 9 bits, so each table is one page of 512 entries of 8 bytes. Sources: Intel SDM
// volume 3, 4.5; kernel arch/x86/include/asm/{pgtable_types,page_64_types}.h.
//
// What KASLR moves (direct map, vmalloc and vmemmap areas) is not here: the kernel keeps it in the
// variables page_offset_base, vmalloc_base and vmemmap_base.

import type { Vaddr } from '../util/address.ts';

/** Size of a page and of a table in bytes. */
export const PAGE_SIZE = 4096;

/** Entries of 8 bytes in one table. */
export const PTRS_PER_TABLE = 512;
export const PTE_SIZE = 8;

/** Where the kernel image is mapped before KASLR moves it (`__START_KERNEL_map`). */
export const START_KERNEL_MAP = 0xffffffff80000000n as Vaddr;

/** `CONFIG_PHYSICAL_ALIGN`: the image is moved by multiples of it, so `phys_base` is one. */
export const PHYSICAL_ALIGN = 2 << 20;

// Bits of an entry; the low half of it, so that they fit a 32-bit integer.
/** Present. */
export const PAGE_PRESENT = 1 << 0;
/** Writable. */
export const PAGE_RW = 1 << 1;
/** Set by the CPU when it uses and when it writes the page; the kernel sets both beforehand. */
export const PAGE_ACCESSED = 1 << 5;
export const PAGE_DIRTY = 1 << 6;
/** In a pud or pmd: the entry maps a page of 1 GiB or 2 MiB itself. */
export const PAGE_PSE = 1 << 7;
/** Kept in the TLB over a change of address spaces; on a present entry PROTNONE's bit. */
export const PAGE_GLOBAL = 1 << 8;
/** No code may be fetched; bit 63, so a bigint. */
export const PAGE_NX = 1n << 63n;

/** Bits 12 to 51 of an entry are an address; these are those of the upper half of the entry. */
export const PHYSICAL_MASK_HI = 0x000fffff;
export const PHYSICAL_MASK_LO = 0xfffff000;

/** The names of the levels of a walk, as the kernel has them. */
export type PageTableLevelName = 'pgd' | 'p4d' | 'pud' | 'pmd' | 'pte';

/** One level of a page walk. */
export interface PageTableLevel {
  readonly name: PageTableLevelName;
  /** log2 of the bytes that one entry covers. */
  readonly shift: number;
  /** Whether an entry with {@link PAGE_PSE} maps a page; at the pte level that bit is PAT. */
  readonly mayBeLarge: boolean;
}

const PTE: PageTableLevel = { name: 'pte', shift: 12, mayBeLarge: false };
const PMD: PageTableLevel = { name: 'pmd', shift: 21, mayBeLarge: true };
const PUD: PageTableLevel = { name: 'pud', shift: 30, mayBeLarge: true };

/** Four-level paging. The kernel folds p4d into pgd, so the top one is called pgd here too. */
const LEVELS_4: readonly PageTableLevel[] = [
  { name: 'pgd', shift: 39, mayBeLarge: false },
  PUD,
  PMD,
  PTE,
];

/** Five-level paging (LA57), kernel 4.14 and later. */
const LEVELS_5: readonly PageTableLevel[] = [
  { name: 'pgd', shift: 48, mayBeLarge: false },
  { name: 'p4d', shift: 39, mayBeLarge: false },
  PUD,
  PMD,
  PTE,
];

/** How many levels a kernel uses: `NUMBER(pgtable_l5_enabled)` in VMCOREINFO. */
export type PageTableDepth = 4 | 5;

/** The levels of a walk, from the root down. */
export function pageTableLevels(depth: PageTableDepth): readonly PageTableLevel[] {
  return depth === 5 ? LEVELS_5 : LEVELS_4;
}

/**
 * Whether the upper bits are copies of the highest translated one (47 or 56).
 *
 * @param hi bits 32 to 63 of the address, as a signed or unsigned 32-bit integer
 */
export function isCanonical(hi: number, depth: PageTableDepth): boolean {
  const sign = (hi | 0) >> (depth === 5 ? 24 : 15);
  return sign === 0 || sign === -1;
}

/**
 * Offsets in struct pt_regs (arch/x86/include/asm/ptrace.h); they are an interface to user space
 * (PTRACE_GETREGS), so every kernel has them here. `cs` and `ss` have unions around them since 6.9.
 */
export const PT_REGS = {
  r15: 0,
  r14: 8,
  r13: 16,
  r12: 24,
  bp: 32,
  bx: 40,
  r11: 48,
  r10: 56,
  r9: 64,
  r8: 72,
  ax: 80,
  cx: 88,
  dx: 96,
  si: 104,
  di: 112,
  orig_ax: 120,
  ip: 128,
  cs: 136,
  flags: 144,
  sp: 152,
  ss: 160,
} as const;
export const PT_REGS_SIZE = 168;

/** The low bits of cs: 3 where the CPU was in user mode. */
export const SEGMENT_RPL_MASK = 3n;

/** The kernel's half of the address space begins here, with 4 or 5 levels of page tables. */
export const KERNEL_HALF = 0xff00000000000000n;
