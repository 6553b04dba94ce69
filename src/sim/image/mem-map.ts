// The struct pages of the machine: what the kernel knows of each page frame, and the sections by
// which readers of dumps find them (SPARSEMEM_EXTREME with SPARSEMEM_VMEMMAP, mm/sparse.c).
//
//   mem_section ──> root table ──> struct mem_section [256]
//                                    section_mem_map = its first struct page - section nr × 2 MiB,
//                                    with SECTION_* bits below
//   vmemmap_base + 64 × pfn ──> struct page, in one page of 2 MiB for each section of 128 MiB
//
// Only sections of the machine's RAM are there. No zone has lists of its free pages yet.

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
} from './page-structs.ts';
import type { RamRange } from './physical-image.ts';
import type { UserPages } from './user-memory.ts';
import type { VmcoreinfoKeys } from './vmcoreinfo.ts';

/** SECTION_SIZE_BITS and MAX_PHYSMEM_BITS of x86-64 with four levels (asm/sparsemem.h). */
const SECTION_SIZE_BITS = 27;
const MAX_PHYSMEM_BITS = 46;
const SECTION_SIZE = 2 ** SECTION_SIZE_BITS;
const PAGES_PER_SECTION = SECTION_SIZE / PAGE_SIZE;
/** The kernel maps the struct pages of a section by one large page (vmemmap_populate_hugepages). */
const LARGE_PAGE = 2 << 20;
/** SECTION_MARKED_PRESENT, _HAS_MEM_MAP, _IS_ONLINE, _IS_EARLY (linux/mmzone.h). */
const SECTION_FLAGS = 0b1111;

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
    });
  }
  return roots;
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
