// The state of memory in the image, from MemoryFacts: node and zones, struct pages, and in an image
// of all RAM what users have in their pages.

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import type { TypeSource } from '../../types/ctype.ts';
import type { Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { Areas } from './areas.ts';
import type { ImageFlavour } from './image-flavour.ts';
import type { KernelImage } from './kernel-image.ts';
import { memMapKeys, writePages } from './mem-map.ts';
import type { MemoryFacts, PageFacts } from './memory-facts.ts';
import { defineNode, nodeKeys, writeNode, type NodeOptions, type WaitEntryOf } from './node.ts';
import { defineNode44, writeNode44 } from './node-4-4.ts';
import type { PageOwner } from './page-structs.ts';
import type { RamRange } from './physical-image.ts';
import { defineMemMap, Sections } from './sections.ts';
import type { PlacedTasks } from './tasks.ts';
import { ANON_VMA_SIZE, userPage } from './user-memory.ts';
import type { PerCpuOffsets } from './variables.ts';
import type { VmcoreinfoKeys } from './vmcoreinfo.ts';
import type { PageListPlan } from './zones.ts';

/** The first MiB is the firmware's. */
const FIRMWARE_END = 1 << 20;

/** What the image of a machine has of the state of its memory. */
export interface MemoryPlan {
  readonly facts: MemoryFacts;
  readonly flavour: ImageFlavour;
  /** @returns the lists of pages, which are linked when the struct pages are written */
  readonly writeNode: (image: KernelImage, areas: Areas, options: NodeOptions) => PageListPlan[];
}

/** Gives node and zones their symbols. */
export function planMemory(
  image: KernelImage,
  types: TypeSource,
  { facts, flavour }: { facts: MemoryFacts | undefined; flavour: ImageFlavour },
): MemoryPlan | undefined {
  if (facts === undefined) return undefined;
  defineMemMap(image, types, flavour.memSection);
  return { facts, flavour, writeNode: nodeWriter(image, types) };
}

/** Before Linux 4.8 (75ef71840539) the LRU lists and all counters were the zones'. */
function nodeWriter(image: KernelImage, types: TypeSource): MemoryPlan['writeNode'] {
  if (types.find('enum', 'node_stat_item') === undefined) {
    const plan = defineNode44(image, types);
    return (...[, areas, options]) => writeNode44(image, areas, { ...options, plan });
  }
  const plan = defineNode(image, types);
  return (...[, areas, options]) => writeNode(image, areas, { ...options, plan });
}

/** Where the kernel's own memory is: what the zones have never given out. */
export function kernelRanges({ kernel }: MemoryFacts): RamRange[] {
  return kernel
    .map(({ startPfn, endPfn }) => ({
      start: Math.max(startPfn * PAGE_SIZE, FIRMWARE_END),
      end: endPfn * PAGE_SIZE,
    }))
    .filter(({ start, end }) => end > start);
}

/** What {@link placeMemory} needs besides. */
export interface MemoryOptions {
  readonly plan: MemoryPlan;
  readonly vmemmapBase: bigint;
  readonly offsets: PerCpuOffsets;
  readonly tasks: PlacedTasks;
  readonly waitEntryOf: WaitEntryOf;
  /** All of RAM is in the image. */
  readonly unfiltered: boolean;
}

/** Memory that has its place; what describes all of it is written when nothing more is placed. */
export interface PlacedMemory {
  /** What filters must know. */
  readonly keys: VmcoreinfoKeys;
  /** Writes the struct pages; nothing may be allocated after this. */
  readonly finish: () => void;
}

/** Writes node and zones, and makes room for struct pages. */
export function placeMemory(
  image: KernelImage,
  areas: Areas,
  options: MemoryOptions,
): PlacedMemory {
  const { plan, vmemmapBase, unfiltered } = options;
  const { facts, flavour } = plan;
  const lists = plan.writeNode(image, areas, { ...options, facts });
  const sections = new Sections(image, areas, { ...flavour, vmemmapBase });
  populate(sections, lists, options);
  const ownerOf = placeOwners(areas, facts.pages);
  if (unfiltered) fillUserPages(areas, facts.pages);
  const memMap = memMapKeys(areas.memory, sections.roots, flavour.vmcoreinfo);
  const keys = mergeKeys(memMap, nodeKeys(image, areas.memory));
  const finish = (): void => {
    sections.populateAllocated();
    assertApart(areas, facts);
    writePages(areas, { sections, facts, lists, ownerOf });
  };
  return { keys, finish };
}

/** Struct pages of all that is in use, and in an image of all RAM of what is free as well. */
function populate(
  sections: Sections,
  lists: readonly PageListPlan[],
  { plan: { facts }, unfiltered }: MemoryOptions,
): void {
  if (unfiltered) sections.populateAll();
  sections.populatePfns(facts.pages.map(({ pfn }) => pfn));
  for (const { kind, pfns } of lists) if (kind !== 'free') sections.populatePfns(pfns);
}

function mergeKeys(a: VmcoreinfoKeys, b: Partial<VmcoreinfoKeys>): VmcoreinfoKeys {
  return {
    symbols: { ...a.symbols, ...b.symbols },
    sizes: { ...a.sizes, ...b.sizes },
    offsets: { ...a.offsets, ...b.offsets },
    lengths: { ...a.lengths, ...b.lengths },
    numbers: { ...a.numbers, ...b.numbers },
  };
}

/** An anon_vma for each process, and one address_space for all files. */
function placeOwners(
  areas: Areas,
  pages: readonly PageFacts[],
): (page: PageFacts) => PageOwner | undefined {
  const mappings = new Map<string, Vaddr>();
  const owners = new Map<number, PageOwner>();
  const counts = new Map<string, number>();
  for (const { pfn, kind, tgid } of pages) {
    if (kind === 'kernel') continue;
    const key = kind === 'file' ? 'file' : `anonymous ${tgid}`;
    let mapping = mappings.get(key);
    if (mapping === undefined) {
      const isFile = kind === 'file';
      mapping = isFile
        ? areas.allocate('address_space')
        : areas.allocate('anon_vma', ANON_VMA_SIZE);
      mappings.set(key, mapping);
    }
    const index = counts.get(key) ?? 0;
    counts.set(key, index + 1);
    owners.set(pfn, { mapping, index });
  }
  return ({ pfn }) => owners.get(pfn);
}

function fillUserPages(areas: Areas, pages: readonly PageFacts[]): void {
  const bytes = userPage();
  for (const { pfn, order, kind } of pages) {
    if (kind === 'kernel') continue;
    for (let i = pfn; i < pfn + 2 ** order; i++) areas.memory.physical.write(i * PAGE_SIZE, bytes);
  }
}

/** What was allocated while the image was made lies in memory that no zone ever gave out. */
function assertApart(areas: Areas, facts: MemoryFacts): void {
  const ranges = kernelRanges(facts);
  for (const { start, end } of areas.pages.allocated()) {
    const isInside = ranges.some((range) => start >= range.start && end <= range.end);
    assert(isInside, `0x${start.toString(16)} is not the kernel's to place things in`);
  }
  assert(areas.imageRange.end <= (ranges.at(-1)?.end ?? 0), 'the image lies in a zone');
}
