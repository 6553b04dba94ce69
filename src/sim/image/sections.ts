// Sections of physical memory, and where the struct pages of each lie (SPARSEMEM_EXTREME with
// SPARSEMEM_VMEMMAP, mm/sparse.c):
//
//   mem_section ──> root table ──> struct mem_section [256]; up to Linux 4.13 mem_section itself
//                                    is the table
//                                    section_mem_map = its first struct page - section nr × 2 MiB,
//                                    with SECTION_* bits below
//   vmemmap_base + 64 × pfn ──> struct page, in one page of 2 MiB for each section of 128 MiB
//   section's usage ──> the bits of its pageblocks: what kind of memory each is for
//
// A section in which nobody has ever taken a page has no struct pages here: a machine of 1 TiB
// would have 16 GiB of them, nearly all alike. The kernel has them; a reader meets what it knows
// from memory that is not present. Counters of free memory are those of all sections.

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import type { TypeSource } from '../../types/ctype.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { Areas } from './areas.ts';
import type { KernelImage } from './kernel-image.ts';
import { pageEnumerator } from './page-structs.ts';
import type { RamRange } from './physical-image.ts';

/** SECTION_SIZE_BITS and MAX_PHYSMEM_BITS of x86-64 with four levels (asm/sparsemem.h). */
export const SECTION_SIZE_BITS = 27;
export const MAX_PHYSMEM_BITS = 46;
const SECTION_SIZE = 2 ** SECTION_SIZE_BITS;
const PAGES_PER_SECTION = SECTION_SIZE / PAGE_SIZE;
/** The kernel maps the struct pages of a section by one large page (vmemmap_populate_hugepages). */
const LARGE_PAGE = 2 << 20;
/**
 * SECTION_MARKED_PRESENT, _HAS_MEM_MAP, _IS_ONLINE, _IS_EARLY (linux/mmzone.h); the third came with
 * Linux 4.13 and the fourth with mem_section_usage.
 */
const SECTION_FLAGS = 0b1111;
const OLD_SECTION_FLAGS = 0b11;

/** A pageblock is a large page, and has NR_PAGEBLOCK_BITS in its section's usage. */
const PAGEBLOCKS_PER_SECTION = SECTION_SIZE / LARGE_PAGE;
const PAGEBLOCK_BITS = 4;

/** What `mem_section` is: the table of roots, or a pointer to it. */
export type MemSectionKind = 'array' | 'pointer';

/** Gives `mem_section` its symbol. */
export function defineMemMap(image: KernelImage, types: TypeSource, kind: MemSectionKind): void {
  const type = types.find('struct', 'mem_section');
  assert(type?.kind === 'struct', `${types.origin} has no struct mem_section`);
  const size = kind === 'array' ? sectionRootCount(type.size) * 8 : 8;
  image.define('mem_section', { section: 'bss', size, align: kind === 'array' ? 64 : 8 });
}

/** The section that a page frame lies in. */
export function sectionOf(pfn: number): number {
  return Math.floor(pfn / PAGES_PER_SECTION);
}

/** Its physical memory. */
export function sectionRange(nr: number): RamRange {
  return { start: nr * SECTION_SIZE, end: (nr + 1) * SECTION_SIZE };
}

/** NR_SECTION_ROOTS: entries of the root table, each for a page of struct mem_section. */
export function sectionRootCount(sectionStructSize: number): number {
  const perRoot = PAGE_SIZE / sectionStructSize;
  return 2 ** (MAX_PHYSMEM_BITS - SECTION_SIZE_BITS) / perRoot;
}

/** `mem_section` and what it leads to. */
export class Sections {
  /** The root table. */
  readonly roots: Vaddr;
  readonly #areas: Areas;
  readonly #vmemmapBase: bigint;
  readonly #structSize: number;
  /** sizeof(struct page) */
  readonly #pageSize: number;
  readonly #tables = new Map<number, Vaddr>();
  readonly #populated = new Set<number>();

  constructor(
    image: KernelImage,
    areas: Areas,
    { vmemmapBase, memSection }: { vmemmapBase: bigint; memSection: MemSectionKind },
  ) {
    const { memory } = areas;
    this.#areas = areas;
    this.#vmemmapBase = vmemmapBase;
    this.#structSize = memory.struct('mem_section').size;
    this.#pageSize = memory.struct('page').size;
    if (memSection === 'array') {
      this.roots = image.symbol('mem_section');
      return;
    }
    const size = sectionRootCount(this.#structSize) * 8;
    this.roots = areas.allocatePages(size);
    memory.write(this.roots, new Uint8Array(size));
    memory.writeInteger(image.symbol('mem_section'), this.roots, 8);
  }

  /** Those that have struct pages, ascending. */
  get populated(): readonly number[] {
    return [...this.#populated].sort((a, b) => a - b);
  }

  /** Whether a page frame has a struct page. */
  has(pfn: number): boolean {
    return this.#populated.has(sectionOf(pfn));
  }

  /** Where its struct page is, with the kernel's pfn_to_page(). */
  pageOf(pfn: number): Vaddr {
    return vaddr(this.#vmemmapBase + BigInt(pfn * this.#pageSize));
  }

  /** Makes room for the struct pages of all RAM. */
  populateAll(): void {
    for (const { start, end } of this.#areas.memory.physical.ram) {
      this.#populate({ start, end });
    }
  }

  /** Those of the sections in which these page frames lie. */
  populatePfns(pfns: Iterable<number>): void {
    for (const pfn of pfns) if (!this.has(pfn)) this.#place(sectionOf(pfn));
  }

  /**
   * Those of all sections that the kernel has placed something in, which the struct pages
   * themselves are part of.
   */
  populateAllocated(): void {
    const { pages, imageRange } = this.#areas;
    for (let before = -1; before !== this.#populated.size;) {
      before = this.#populated.size;
      for (const range of [imageRange, ...pages.allocated()]) this.#populate({ ...range });
    }
  }

  #populate({ start, end }: RamRange): void {
    const last = sectionOf(end / PAGE_SIZE - 1);
    for (let nr = sectionOf(start / PAGE_SIZE); nr <= last; nr++) this.#place(nr);
  }

  #place(nr: number): void {
    if (this.#populated.has(nr)) return;
    this.#populated.add(nr);
    const areas = this.#areas;
    const { memory } = areas;
    const size = PAGES_PER_SECTION * this.#pageSize;
    const paddr = areas.pages.allocate(size, LARGE_PAGE);
    const at = this.pageOf(nr * PAGES_PER_SECTION);
    memory.tables.map({ vaddr: at, paddr, size, protection: 'rw', pageSizeMax: LARGE_PAGE });
    const hasUsage = memory.types.find('struct', 'mem_section_usage') !== undefined;
    const flags = hasUsage ? SECTION_FLAGS : OLD_SECTION_FLAGS;
    memory.store('mem_section', this.#structOf(nr), {
      section_mem_map: this.#vmemmapBase + BigInt(flags),
      ...(hasUsage ? { usage: placeUsage(areas) } : { pageblock_flags: placeBlockFlags(areas) }),
    });
  }

  /** `struct mem_section *` */
  #structOf(nr: number): Vaddr {
    const perRoot = PAGE_SIZE / this.#structSize;
    const root = Math.floor(nr / perRoot);
    let table = this.#tables.get(root);
    if (table === undefined) {
      table = this.#areas.allocatePages(PAGE_SIZE);
      this.#tables.set(root, table);
      this.#areas.memory.writeInteger(vaddrAdd(this.roots, root * 8), table, 8);
    }
    return vaddrAdd(table, (nr % perRoot) * this.#structSize);
  }
}

/** Bytes for the bits of a section's pageblocks. */
const FLAG_BYTES = (PAGEBLOCKS_PER_SECTION * PAGEBLOCK_BITS) / 8;

/** struct mem_section_usage: all of the section is there, and movable. */
function placeUsage(areas: Areas): Vaddr {
  const { memory } = areas;
  const { size } = memory.struct('mem_section_usage');
  const usage = areas.allocate('mem_section_usage', size + FLAG_BYTES);
  const movable = Number(pageEnumerator(memory.types, 'MIGRATE_MOVABLE'));
  memory.write(vaddrAdd(usage, size), new Uint8Array(FLAG_BYTES).fill(movable * 0x11));
  memory.store('mem_section_usage', usage, { 'subsection_map[0]': 2n ** 64n - 1n });
  return usage;
}

/** The bits alone. Up to Linux 5.8 a word's first block has its highest bits, the type on top. */
function placeBlockFlags(areas: Areas): Vaddr {
  const { memory } = areas;
  const flags = areas.allocate('pageblock_flags', FLAG_BYTES);
  const movable = Number(pageEnumerator(memory.types, 'MIGRATE_MOVABLE'));
  memory.write(flags, new Uint8Array(FLAG_BYTES).fill((movable << 1) * 0x11));
  return flags;
}
