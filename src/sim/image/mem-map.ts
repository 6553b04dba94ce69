// The struct pages of the machine: what the kernel knows of each page frame, and the sections by
// which readers of dumps find them (SPARSEMEM_EXTREME with SPARSEMEM_VMEMMAP, mm/sparse.c).
//
//   mem_section ──> root table ──> struct mem_section [256]
//                                    section_mem_map = its first struct page - section nr × 2 MiB,
//                                    with SECTION_* bits below
//   vmemmap_base + 64 × pfn ──> struct page, in one page of 2 MiB for each section of 128 MiB
//   section's usage ──> the bits of its pageblocks: what kind of memory each is for
//
// Only sections of the machine's RAM are there.

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import { byteOffsetOf, findMember } from '../../types/ctype.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { Areas } from './areas.ts';
import type { KernelImage } from './kernel-image.ts';
import type { KernelMemory } from './kernel-memory.ts';
import {
  BUDDY_MAPCOUNT,
  ORDER_COUNT,
  pageEnumerator,
  pageLayout,
  PageStructs,
  type PageLayout,
  type PageLinks,
  type PageOwner,
} from './page-structs.ts';
import type { MemoryFacts, PageFacts } from './memory-facts.ts';
import type { RamRange } from './physical-image.ts';
import type { UserPages } from './user-memory.ts';
import type { VmcoreinfoKeys } from './vmcoreinfo.ts';
import type { PageListPlan } from './zones.ts';

/** SECTION_SIZE_BITS and MAX_PHYSMEM_BITS of x86-64 with four levels (asm/sparsemem.h). */
const SECTION_SIZE_BITS = 27;
const MAX_PHYSMEM_BITS = 46;
const SECTION_SIZE = 2 ** SECTION_SIZE_BITS;
const PAGES_PER_SECTION = SECTION_SIZE / PAGE_SIZE;
/** The kernel maps the struct pages of a section by one large page (vmemmap_populate_hugepages). */
const LARGE_PAGE = 2 << 20;
/** SECTION_MARKED_PRESENT, _HAS_MEM_MAP, _IS_ONLINE, _IS_EARLY (linux/mmzone.h). */
const SECTION_FLAGS = 0b1111;

/** A pageblock is a large page, and has NR_PAGEBLOCK_BITS in its section's usage. */
const PAGEBLOCKS_PER_SECTION = SECTION_SIZE / LARGE_PAGE;
const PAGEBLOCK_BITS = 4;

/** HUGETLB_PAGE_DTOR of enum compound_dtor_id. */
const HUGETLB_PAGE_DTOR = 2;
/** ~PG_offline: page_type of pages that a balloon took. */
const OFFLINE_MAPCOUNT = -257;

/** Gives `mem_section` its symbol. */
export function defineMemMap(image: KernelImage): void {
  image.define('mem_section', { section: 'bss', size: 8 });
}

/**
 * Makes room for sections and struct pages; memory may be allocated after this as before.
 *
 * @returns the root table
 */
export function placeMemMap(image: KernelImage, areas: Areas, vmemmapBase: bigint): Vaddr {
  const { memory } = areas;
  const pageStruct = memory.struct('page').size;
  const sectionStructSize = memory.struct('mem_section').size;
  const perRoot = PAGE_SIZE / sectionStructSize;
  const sectionCount = Math.ceil(memory.physical.end / SECTION_SIZE);
  const rootCount = sectionRootCount(sectionStructSize);
  const roots = areas.allocatePages(rootCount * 8);
  memory.write(roots, new Uint8Array(rootCount * 8));
  memory.writeInteger(image.symbol('mem_section'), roots, 8);
  const mapSize = PAGES_PER_SECTION * pageStruct;
  let sections = roots;
  for (let nr = 0; nr < sectionCount; nr++) {
    if (nr % perRoot === 0) {
      sections = areas.allocatePages(PAGE_SIZE);
      memory.writeInteger(vaddrAdd(roots, (nr / perRoot) * 8), sections, 8);
    }
    const paddr = areas.pages.allocate(mapSize, LARGE_PAGE);
    const at = vaddrAdd(vaddr(vmemmapBase), nr * mapSize);
    memory.tables.map({
      vaddr: at,
      paddr,
      size: mapSize,
      protection: 'rw',
      pageSizeMax: LARGE_PAGE,
    });
    memory.store('mem_section', vaddrAdd(sections, (nr % perRoot) * sectionStructSize), {
      section_mem_map: vmemmapBase + BigInt(SECTION_FLAGS),
      usage: placeUsage(areas),
    });
  }
  return roots;
}

/** struct mem_section_usage: all of the section is there, and movable. */
function placeUsage(areas: Areas): Vaddr {
  const { memory } = areas;
  const { size } = memory.struct('mem_section_usage');
  const flagBytes = (PAGEBLOCKS_PER_SECTION * PAGEBLOCK_BITS) / 8;
  const usage = areas.allocate('mem_section_usage', size + flagBytes);
  const movable = Number(pageEnumerator(memory.types, 'MIGRATE_MOVABLE'));
  memory.write(vaddrAdd(usage, size), new Uint8Array(flagBytes).fill(movable * 0x11));
  memory.store('mem_section_usage', usage, { 'subsection_map[0]': 2n ** 64n - 1n });
  return usage;
}

/** NR_SECTION_ROOTS: entries of the root table, each for a page of struct mem_section. */
function sectionRootCount(sectionStructSize: number): number {
  const perRoot = PAGE_SIZE / sectionStructSize;
  return 2 ** (MAX_PHYSMEM_BITS - SECTION_SIZE_BITS) / perRoot;
}

/**
 * What filters must know (kernel/crash_core.c). The kernel gives the value of `mem_section`, not
 * its address: VMCOREINFO_SYMBOL_ARRAY of a pointer.
 */
export function memMapKeys(memory: KernelMemory, roots: Vaddr): VmcoreinfoKeys {
  const { size } = memory.struct('mem_section');
  const bit = (name: string): number => Number(pageEnumerator(memory.types, name));
  return {
    symbols: { mem_section: roots },
    sizes: { mem_section: size },
    offsets: { 'mem_section.section_mem_map': sectionMapOffset(memory) },
    lengths: { mem_section: sectionRootCount(size), 'zone.free_area': ORDER_COUNT },
    numbers: {
      SECTION_SIZE_BITS,
      MAX_PHYSMEM_BITS,
      NR_FREE_PAGES: bit('NR_FREE_PAGES'),
      PG_lru: bit('PG_lru'),
      PG_private: bit('PG_private'),
      PG_swapcache: bit('PG_swapcache'),
      PG_swapbacked: bit('PG_swapbacked'),
      PG_slab: bit('PG_slab'),
      PG_head_mask: 2 ** bit('PG_head'),
      PAGE_BUDDY_MAPCOUNT_VALUE: BUDDY_MAPCOUNT,
      HUGETLB_PAGE_DTOR,
      PAGE_OFFLINE_MAPCOUNT_VALUE: OFFLINE_MAPCOUNT,
    },
  };
}

/** Writes all struct pages by who has the pages now; nothing may be allocated after this. */
export function writeMemMap(areas: Areas, vmemmapBase: bigint, users: readonly UserPages[]): void {
  const { memory, imageRange } = areas;
  const layout = pageLayout(memory.types);
  const taken = [...areas.pages.allocated(), imageRange].sort((a, b) => a.start - b.start);
  const free = memory.physical.ram.flatMap((ram) => gaps(ram, taken));
  for (let start = 0; start < memory.physical.end; start += SECTION_SIZE) {
    const section = { start, end: start + SECTION_SIZE };
    const address = vmemmapBase + BigInt((start / PAGE_SIZE) * layout.size);
    const structs = new PageStructs(layout, section, address);
    // Holes between RAM ranges are nobody's.
    structs.reserved(section);
    for (const range of free) structs.free(cut(range, section));
    for (const range of areas.pages.allocated()) structs.kernel(cut(range, section));
    for (const range of areas.slabs()) structs.slab(cut(range, section));
    for (const range of users) structs.user(cut(range, section), range);
    memory.write(vaddr(address), structs.bytes);
  }
}

/** What {@link writePages} writes. */
export interface PagesPlan {
  readonly vmemmapBase: bigint;
  readonly facts: MemoryFacts;
  /** Free blocks and LRU pages in the order of their lists. */
  readonly lists: readonly PageListPlan[];
  /** Who a page of a user or of a file belongs to. */
  readonly ownerOf: (page: PageFacts) => PageOwner | undefined;
}

/**
 * Writes all struct pages by the state of memory, and the heads of the lists that they are on;
 * nothing may be allocated after this.
 */
export function writePages(areas: Areas, plan: PagesPlan): void {
  const { memory } = areas;
  const layout = pageLayout(memory.types);
  const pages = bySection(plan.facts.pages, ({ pfn }) => pfn);
  const { blocks, links } = linkPages(memory, layout, plan);
  const freeBlocks = bySection(blocks, ({ pfn }) => pfn);
  const boot = plan.facts.kernel.map(({ startPfn, endPfn }): RamRange => {
    return { start: startPfn * PAGE_SIZE, end: endPfn * PAGE_SIZE };
  });
  for (let nr = 0; nr * SECTION_SIZE < memory.physical.end; nr++) {
    const section = { start: nr * SECTION_SIZE, end: (nr + 1) * SECTION_SIZE };
    const address = plan.vmemmapBase + BigInt((section.start / PAGE_SIZE) * layout.size);
    const structs = new PageStructs(layout, section, address);
    structs.unused(section);
    for (const hole of gaps(section, memory.physical.ram)) structs.reserved(hole);
    for (const range of boot) structs.reserved(cut(range, section));
    for (const range of areas.pages.allocated()) structs.kernel(cut(range, section));
    for (const range of areas.slabs()) structs.slab(cut(range, section));
    for (const { pfn, ...block } of freeBlocks.get(nr) ?? []) structs.freeBlock(pfn, block);
    for (const page of pages.get(nr) ?? []) {
      structs.used(page, plan.ownerOf(page), links.get(page.pfn));
    }
    memory.write(vaddr(address), structs.bytes);
  }
}

interface FreeBlock {
  readonly pfn: number;
  readonly order: number;
  readonly isBuddy: boolean;
  readonly links: PageLinks;
}

/** Writes the heads of all lists; the links of their pages are for the struct pages. */
function linkPages(
  memory: KernelMemory,
  layout: PageLayout,
  { lists, vmemmapBase }: PagesPlan,
): { blocks: FreeBlock[]; links: Map<number, PageLinks> } {
  const blocks: FreeBlock[] = [];
  const links = new Map<number, PageLinks>();
  const lruOf = (pfn: number): bigint =>
    vmemmapBase + BigInt(pfn * layout.size + layout.offsets.lru);
  for (const { kind, head, pfns, order } of lists) {
    const nodeAt = (i: number): bigint => (pfns[i] === undefined ? head : lruOf(pfns[i]));
    memory.writeInteger(head, nodeAt(0), 8);
    memory.writeInteger(vaddrAdd(head, 8), nodeAt(pfns.length - 1), 8);
    pfns.forEach((pfn, i) => {
      const link = { next: nodeAt(i + 1), prev: nodeAt(i - 1) };
      if (kind === 'lru') links.set(pfn, link);
      else blocks.push({ pfn, order, isBuddy: kind === 'free', links: link });
    });
  }
  return { blocks, links };
}

function bySection<T>(items: readonly T[], pfnOf: (item: T) => number): Map<number, T[]> {
  const found = new Map<number, T[]>();
  for (const item of items) {
    const nr = Math.floor(pfnOf(item) / PAGES_PER_SECTION);
    const section = found.get(nr);
    if (section === undefined) found.set(nr, [item]);
    else section.push(item);
  }
  return found;
}

/** What of `ram` lies in none of the ranges, which are ascending. */
function gaps(ram: RamRange, taken: readonly RamRange[]): RamRange[] {
  const found: RamRange[] = [];
  let { start } = ram;
  for (const range of taken) {
    if (range.end <= start || range.start >= ram.end) continue;
    if (range.start > start) found.push({ start, end: range.start });
    start = range.end;
  }
  if (start < ram.end) found.push({ start, end: ram.end });
  return found;
}

function sectionMapOffset(memory: KernelMemory): number {
  const place = findMember(memory.struct('mem_section'), 'section_mem_map');
  assert(place !== undefined, 'struct mem_section has no member section_mem_map');
  return byteOffsetOf(place);
}

/** The part of a range that lies in another; empty where there is none. */
function cut(range: RamRange, within: RamRange): RamRange {
  const start = Math.min(Math.max(range.start, within.start), within.end);
  return { start, end: Math.max(start, Math.min(range.end, within.end)) };
}
