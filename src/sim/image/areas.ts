// The machine's memory laid out: RAM, the image in it, the areas of virtual memory and the
// allocators of what is left.
//
//   page_offset_base + paddr   direct map of all RAM: 1 GiB and 2 MiB pages, 4 KiB at the edges
//   vmalloc_base …             kernel stacks in 4 KiB pages, a guard page after each; before 4.9
//                             stacks lie in the direct map
//   START_KERNEL_map …         the image, where KASLR put it: 2 MiB pages

import { PAGE_SIZE, START_KERNEL_MAP } from '../../arch/x86-64.ts';
import { findMember, type TypeSource } from '../../types/ctype.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import type { ImageFlavour } from './image-flavour.ts';
import type { KernelImage } from './kernel-image.ts';
import { KernelMemory } from './kernel-memory.ts';
import type { KaslrFacts } from './machine-facts.ts';
import { PageAllocator, SlabCache } from './page-allocator.ts';
import { PageTables } from './page-tables.ts';
import { PhysicalImage, type RamRange } from './physical-image.ts';

const MIB = 1 << 20;
const GIB = 1 << 30;

/** ISA DMA memory, which the kernel leaves to those that need it. */
const DMA_END = 16 * MIB;

/** Firmware owns what lies between; e820 of a PC. */
const LOW_RAM: RamRange = { start: PAGE_SIZE, end: 0x9f000 };
const HIGH_RAM_START = MIB;

/** THREAD_SIZE: four pages, aligned to their size (THREAD_ALIGN). */
export const THREAD_SIZE = 16 << 10;
/** A stack and its guard page, at the next multiple of THREAD_SIZE. */
const STACK_STRIDE = 2 * THREAD_SIZE;

/** STACK_END_MAGIC, in the lowest word of every stack. */
const STACK_END_MAGIC = 0x57ac6e9d;

/** What {@link Areas} are made from. */
export interface AreasOptions {
  readonly ramBytes: number;
  readonly kaslr: KaslrFacts;
  readonly image: KernelImage;
  readonly types: TypeSource;
  readonly flavour: Pick<ImageFlavour, 'rootTable' | 'vmapStack'>;
  readonly pageCountMax?: number;
  /** Where the kernel's own memory is; all RAM above ZONE_DMA unless told. */
  readonly kernelRanges?: readonly RamRange[];
}

/** A range less what another one takes of it. */
function without({ start, end }: RamRange, taken: RamRange): RamRange[] {
  const parts = [
    { start, end: Math.min(end, taken.start) },
    { start: Math.max(start, taken.end), end },
  ];
  return parts.filter((part) => part.end > part.start);
}

/** Memory with its page tables, and who gets what of it. */
export class Areas {
  readonly memory: KernelMemory;
  readonly pages: PageAllocator;
  /** The kernel image in physical memory. */
  readonly imageRange: RamRange;
  /** The kernel's root page table. */
  readonly rootTable: Vaddr;
  readonly #caches = new Map<string, SlabCache>();
  readonly #vmapStack: boolean;
  /** Of end_of_stack(), from the low end of a stack. */
  readonly #stackEndOffset: number;
  #nextStack: Vaddr;

  /** The image must have a symbol for the root table, which is a variable of the kernel. */
  constructor(options: AreasOptions) {
    const { image, kaslr, types, ramBytes, flavour } = options;
    const ram = [LOW_RAM, { start: HIGH_RAM_START, end: ramBytes }];
    const limit = options.pageCountMax === undefined ? {} : { pageCountMax: options.pageCountMax };
    const physical = new PhysicalImage({ ram, ...limit });
    const imageEnd = image.startPaddr + image.size;
    this.rootTable = image.symbol(flavour.rootTable);
    this.imageRange = { start: image.startPaddr, end: imageEnd };
    const own = options.kernelRanges ?? [{ start: DMA_END, end: ramBytes }];
    this.pages = new PageAllocator(own.flatMap((range) => without(range, this.imageRange)));
    const tables = new PageTables(physical, {
      root: image.paddrOf(this.rootTable),
      allocateTable: () => this.pages.allocate(PAGE_SIZE),
    });
    const pageOffsetBase = vaddr(kaslr.pageOffsetBase);
    this.memory = new KernelMemory({ physical, tables, types, pageOffsetBase });
    this.#vmapStack = flavour.vmapStack;
    this.#stackEndOffset = stackEndOffset(types);
    this.#nextStack = vaddr(kaslr.vmallocBase);
    mapImage(tables, image);
    for (const { start, end } of ram) {
      const at = { vaddr: vaddrAdd(pageOffsetBase, start), paddr: start, size: end - start };
      tables.map({ ...at, protection: 'rw', pageSizeMax: GIB });
    }
  }

  /** The slabs of all caches. */
  *slabs(): Generator<RamRange, void, undefined> {
    for (const cache of this.#caches.values()) yield* cache.slabs;
  }

  /** A page or more in the direct map. */
  allocatePages(size: number, align = PAGE_SIZE): Vaddr {
    return this.memory.directMap(this.pages.allocate(size, align));
  }

  /** An object of a slab cache: of the struct's size, or of `size` bytes under that name. */
  allocate(structName: string, size = this.memory.struct(structName).size): Vaddr {
    let cache = this.#caches.get(structName);
    if (cache === undefined) {
      cache = new SlabCache(this.pages, size);
      this.#caches.set(structName, cache);
    }
    return this.memory.directMap(cache.allocate());
  }

  /** A kernel stack with its mark at the end. */
  allocateStack(): Vaddr {
    const stack = this.#vmapStack ? this.#mapStack() : this.#contiguousStack();
    this.markStackEnd(stack);
    return stack;
  }

  /** set_task_stack_end_magic(). */
  markStackEnd(stack: Vaddr): void {
    this.memory.writeInteger(vaddrAdd(stack, this.#stackEndOffset), STACK_END_MAGIC, 8);
  }

  /** One block of the direct map, aligned to its size. */
  #contiguousStack(): Vaddr {
    const paddr = this.pages.allocate(THREAD_SIZE, THREAD_SIZE);
    this.memory.physical.touch(paddr, THREAD_SIZE);
    return this.memory.directMap(paddr);
  }

  /** In the vmalloc area (CONFIG_VMAP_STACK, Linux 4.9): four pages that lie apart. */
  #mapStack(): Vaddr {
    const stack = this.#nextStack;
    this.#nextStack = vaddrAdd(stack, STACK_STRIDE);
    for (let done = 0; done < THREAD_SIZE; done += PAGE_SIZE) {
      const paddr = this.pages.allocate(PAGE_SIZE);
      this.memory.physical.touch(paddr, PAGE_SIZE);
      const mapping = { vaddr: vaddrAdd(stack, done), paddr, size: PAGE_SIZE };
      this.memory.tables.map({ ...mapping, protection: 'rw' });
    }
    return stack;
  }
}

/** Above thread_info, where that lies on the stack: up to Linux 4.8 on x86. */
function stackEndOffset(types: TypeSource): number {
  const task = types.find('struct', 'task_struct');
  const info = types.find('struct', 'thread_info');
  if (task?.kind === 'struct' && findMember(task, 'thread_info') !== undefined) return 0;
  return info?.kind === 'struct' ? info.size : 0;
}

/** The kernel has tables of its own for the image: level3_kernel_pgt and level2_kernel_pgt. */
function mapImage(tables: PageTables, image: KernelImage): void {
  tables.mapTable(START_KERNEL_MAP, 'pgd', image.paddrOf(image.symbol('level3_kernel_pgt')));
  tables.mapTable(START_KERNEL_MAP, 'pud', image.paddrOf(image.symbol('level2_kernel_pgt')));
  for (const { address, size, protection } of image.sections) {
    const paddr = image.paddrOf(address);
    tables.map({ vaddr: address, paddr, size, protection, pageSizeMax: 2 * MIB });
  }
}
