// The struct pages of the machine: what the kernel knows of each page frame. sections.ts says which
// page frames have one, and where.

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import { byteOffsetOf, findMember } from '../../types/ctype.ts';
import { vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { Areas } from './areas.ts';
import type { KernelMemory } from './kernel-memory.ts';
import {
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
import { sectionOf, sectionRange, sectionRootCount, type Sections } from './sections.ts';
import type { UserPages } from './user-memory.ts';
import type { VmcoreinfoKeys, VmcoreinfoPlan } from './vmcoreinfo.ts';
import type { PageListPlan } from './zones.ts';

/**
 * What filters must know (kernel/crash_core.c). Where `mem_section` is a pointer the kernel gives
 * its value, not its address (VMCOREINFO_SYMBOL_ARRAY): the table in both cases.
 */
export function memMapKeys(
  memory: KernelMemory,
  roots: Vaddr,
  { filterNumbers }: VmcoreinfoPlan,
): VmcoreinfoKeys {
  const { size } = memory.struct('mem_section');
  const bit = (name: string): number => Number(pageEnumerator(memory.types, name));
  return {
    symbols: { mem_section: roots },
    sizes: { mem_section: size },
    offsets: { 'mem_section.section_mem_map': sectionMapOffset(memory) },
    lengths: { mem_section: sectionRootCount(size), 'zone.free_area': ORDER_COUNT },
    numbers: filterNumbers(bit),
  };
}

/** Writes all struct pages by who has the pages now; nothing may be allocated after this. */
export function writeMemMap(areas: Areas, sections: Sections, users: readonly UserPages[]): void {
  const { memory, imageRange } = areas;
  const layout = pageLayout(memory.types);
  const taken = [...areas.pages.allocated(), imageRange].sort((a, b) => a.start - b.start);
  const free = memory.physical.ram.flatMap((ram) => gaps(ram, taken));
  for (const nr of sections.populated) {
    const section = sectionRange(nr);
    const address = sections.pageOf(section.start / PAGE_SIZE);
    const structs = new PageStructs(layout, section, address);
    // Holes between RAM ranges are nobody's.
    structs.reserved(section);
    for (const range of free) structs.free(cut(range, section));
    for (const range of areas.pages.allocated()) structs.kernel(cut(range, section));
    for (const range of areas.slabs()) structs.slab(cut(range, section));
    for (const range of users) structs.user(cut(range, section), range);
    memory.write(address, structs.bytes);
  }
}

/** What {@link writePages} writes. */
export interface PagesPlan {
  readonly sections: Sections;
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
  const { sections } = plan;
  const pages = bySection(plan.facts.pages, ({ pfn }) => pfn);
  const { blocks, links } = linkPages(memory, layout, plan);
  const freeBlocks = bySection(blocks, ({ pfn }) => pfn);
  const boot = plan.facts.kernel.map(({ startPfn, endPfn }): RamRange => {
    return { start: startPfn * PAGE_SIZE, end: endPfn * PAGE_SIZE };
  });
  for (const nr of sections.populated) {
    const section = sectionRange(nr);
    const address = sections.pageOf(section.start / PAGE_SIZE);
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
    memory.write(address, structs.bytes);
  }
}

interface FreeBlock {
  readonly pfn: number;
  readonly order: number;
  readonly isBuddy: boolean;
  readonly links: PageLinks;
}

/**
 * Writes the heads of all lists; the links of their pages are for the struct pages. A free block
 * without a struct page is on no list: it is counted in nr_free and NR_FREE_PAGES alone.
 */
function linkPages(
  memory: KernelMemory,
  layout: PageLayout,
  { lists, sections }: PagesPlan,
): { blocks: FreeBlock[]; links: Map<number, PageLinks> } {
  const blocks: FreeBlock[] = [];
  const links = new Map<number, PageLinks>();
  const lruOf = (pfn: number): bigint => vaddrAdd(sections.pageOf(pfn), layout.offsets.lru);
  for (const { kind, head, pfns: all, order } of lists) {
    const pfns = kind === 'free' ? all.filter((pfn) => sections.has(pfn)) : all;
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
    const nr = sectionOf(pfnOf(item));
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
