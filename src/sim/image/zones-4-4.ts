// struct zone of Linux 4.4 (include/linux/mmzone.h, mm/page_alloc.c): what later lies in the node
// is in each zone, the LRU lists and all counters among it. Its per-CPU lists hold single pages.

import type { TypeSource } from '../../types/ctype.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { KernelMemory } from './kernel-memory.ts';
import { linkList, memberAddress } from './lists.ts';
import type { CounterFacts, MemoryFacts, PageFacts, ZoneFacts, ZoneName } from './memory-facts.ts';
import { zoneReserve } from './node.ts';
import { pageEnumerator } from './page-structs.ts';
import type { PerCpuOffsets } from './variables.ts';
import {
  arrayFields,
  atomicFields,
  MIGRATE_TYPE,
  splitCounters,
  statThreshold,
  zoneIndices,
  type Counters,
  type PageListPlan,
} from './zones.ts';

/** Pages of 1 GiB. */
const GIB_PAGES = 1 << 18;

/** Where things are that zones point to. */
export interface ZonePlaces44 {
  /** `struct pglist_data *` */
  readonly pgdat: Vaddr;
  /** `char *` of each zone's name. */
  readonly names: ReadonlyMap<ZoneName, Vaddr>;
  readonly offsets: PerCpuOffsets;
  /** per_cpu_pageset of a zone, as an offset in each CPU's area. */
  readonly pageset: (index: number) => Vaddr;
  /** How many of these page frames are RAM. */
  readonly presentPages: (startPfn: number, endPfn: number) => number;
  /** NR_KERNEL_STACK of the zone in which the kernel has its own memory. */
  readonly kernelStacks: { readonly pfn: number; readonly count: number };
}

/** What {@link writeZones44} leaves for others to write. */
export interface WrittenZones44 {
  readonly lists: readonly PageListPlan[];
  /** What each zone's vm_stat has. */
  readonly folded: readonly Counters[];
}

/** Writes every zone of the node, those without memory too. */
export function writeZones44(
  memory: KernelMemory,
  facts: MemoryFacts,
  places: ZonePlaces44,
): WrittenZones44 {
  const lists: PageListPlan[] = [];
  const folded: Counters[] = [];
  for (const [name, index] of zoneIndices(memory.types)) {
    const path = `node_zones[${index}]`;
    const zone = memberAddress(memory, places.pgdat, { struct: 'pglist_data', path });
    const writer = new ZoneWriter44(memory, { zone, index, name, places });
    writer.writeEmpty();
    const known = facts.zones.find((each) => each.name === name);
    if (known === undefined) continue;
    lists.push(...writer.write(known), ...writer.lruLists(known, facts));
    folded.push(writer.writeCounters(known, facts.pages));
  }
  return { lists, folded };
}

class ZoneWriter44 {
  readonly #memory: KernelMemory;
  readonly #zone: Vaddr;
  readonly #index: number;
  readonly #name: ZoneName;
  readonly #places: ZonePlaces44;
  /** The list of each free area, and of each CPU's, that all pages are on. */
  readonly #movable: number;

  constructor(
    memory: KernelMemory,
    plan: { zone: Vaddr; index: number; name: ZoneName; places: ZonePlaces44 },
  ) {
    this.#memory = memory;
    this.#zone = plan.zone;
    this.#index = plan.index;
    this.#name = plan.name;
    this.#places = plan.places;
    this.#movable = Number(pageEnumerator(memory.types, MIGRATE_TYPE));
  }

  /** What every zone has: its name, its node, empty lists (free_area_init_core()). */
  writeEmpty(): void {
    const { pgdat, names, pageset, offsets } = this.#places;
    const name = names.get(this.#name);
    assert(name !== undefined, `zone ${this.#name} has no name`);
    this.#memory.write(name, new Uint8Array(Buffer.from(`${this.#name}\0`, 'latin1')));
    const fields = { name, zone_pgdat: pgdat, pageset: pageset(this.#index), node: 0 };
    this.#memory.store('zone', this.#zone, fields);
    const count = (enumerator: string): number =>
      Number(pageEnumerator(this.#memory.types, enumerator));
    for (const order of this.#orders()) {
      for (let type = 0; type < count('MIGRATE_TYPES'); type++) {
        linkList(this.#memory, this.#member(`free_area[${order}].free_list[${type}]`));
      }
    }
    for (let lru = 0; lru < count('NR_LRU_LISTS'); lru++) {
      linkList(this.#memory, this.#member(`lruvec.lists[${lru}]`));
    }
    this.#memory.store('lruvec', this.#member('lruvec'), { zone: this.#zone });
    offsets.forEach((_, cpu) => {
      for (let list = 0; list < count('MIGRATE_PCPTYPES'); list++) {
        linkList(this.#memory, this.#pcpMember(cpu, `pcp.lists[${list}]`));
      }
      // boot_pageset's, until the zone has memory.
      this.#storePcp(cpu, { 'pcp.batch': 1 });
    });
  }

  /** @returns its free lists and those of the CPUs */
  write(facts: ZoneFacts): PageListPlan[] {
    this.#memory.store('zone', this.#zone, {
      ...this.#sizes(facts),
      ...this.#limits(facts),
      ...Object.fromEntries(
        facts.free.map((blocks, order) => [`free_area[${order}].nr_free`, blocks.length]),
      ),
    });
    return [
      ...facts.free.map((pfns, order): PageListPlan => {
        const head = this.#member(`free_area[${order}].free_list[${this.#movable}]`);
        return { kind: 'free', head, pfns, order };
      }),
      ...this.#pcpLists(facts),
    ];
  }

  #sizes({
    startPfn,
    spannedPages,
    managedPages,
    compactDefer,
  }: ZoneFacts): Record<string, number> {
    return {
      zone_start_pfn: startPfn,
      spanned_pages: spannedPages,
      present_pages: this.#places.presentPages(startPfn, startPfn + spannedPages),
      managed_pages: managedPages,
      // calculate_zone_inactive_ratio()
      inactive_ratio: Math.max(1, Math.floor(Math.sqrt(10 * Math.floor(managedPages / GIB_PAGES)))),
      compact_considered: compactDefer.considered,
      compact_defer_shift: compactDefer.shift,
      compact_order_failed: compactDefer.orderFailed,
    };
  }

  #limits(facts: ZoneFacts): Record<string, number> {
    const { watermark, lowmemReserve } = facts;
    const reserves = [...zoneIndices(this.#memory.types)].flatMap(([name, index]) => {
      const value = lowmemReserve[name];
      return value === undefined ? [] : [[`lowmem_reserve[${index}]`, value] as const];
    });
    return {
      'watermark[0]': watermark.min,
      'watermark[1]': watermark.low,
      'watermark[2]': watermark.high,
      dirty_balance_reserve: zoneReserve(facts),
      ...Object.fromEntries(reserves),
    };
  }

  /** Larger blocks, which a CPU keeps in later kernels, are so many pages here. */
  #pcpLists({ pcp }: ZoneFacts): PageListPlan[] {
    return pcp.map(({ count, high, batch, lists }, cpu): PageListPlan => {
      this.#storePcp(cpu, { 'pcp.count': count, 'pcp.high': high, 'pcp.batch': batch });
      const pfns = lists.flatMap((blocks, order) =>
        blocks.flatMap((pfn) => Array.from({ length: 2 ** order }, (_, i) => pfn + i)),
      );
      const head = this.#pcpMember(cpu, `pcp.lists[${this.#movable}]`);
      return { kind: 'pcp', head, pfns, order: 0 };
    });
  }

  /** Its part of the node's lists, in their order. */
  lruLists({ startPfn, spannedPages }: ZoneFacts, { node }: MemoryFacts): PageListPlan[] {
    return node.lru.map((all, lru) => {
      const pfns = all.filter((pfn) => pfn >= startPfn && pfn < startPfn + spannedPages);
      return { kind: 'lru', head: this.#member(`lruvec.lists[${lru}]`), pfns, order: 0 };
    });
  }

  /** @returns what is folded in */
  writeCounters(facts: ZoneFacts, pages: readonly PageFacts[]): Counters {
    const { offsets, kernelStacks } = this.#places;
    const { startPfn, spannedPages, managedPages } = facts;
    const isInside = (pfn: number): boolean => pfn >= startPfn && pfn < startPfn + spannedPages;
    const stacks = isInside(kernelStacks.pfn) ? kernelStacks.count : 0;
    const own = pages.filter(({ pfn }) => isInside(pfn));
    const split = splitCounters(this.#memory.types, {
      counters: {
        ...zoneCounters(this.#memory.types, facts),
        ...facts.formerCounters,
        ...pageCounters(own),
        NR_KERNEL_STACK: { folded: stacks },
      },
      enumName: 'zone_stat_item',
      cpuCount: offsets.length,
    });
    this.#memory.store('zone', this.#zone, atomicFields('vm_stat', split.folded));
    split.diffs.forEach((diff, cpu) => {
      const stat_threshold = statThreshold(managedPages, offsets.length);
      this.#storePcp(cpu, { stat_threshold, ...arrayFields('vm_stat_diff', diff) });
    });
    return split.folded;
  }

  #orders(): number[] {
    const { members } = this.#memory.struct('zone');
    const areas = members.find(({ name }) => name === 'free_area')?.type;
    assert(areas?.kind === 'array', 'zone.free_area is no array');
    return Array.from({ length: areas.count }, (_, order) => order);
  }

  #member(path: string): Vaddr {
    return memberAddress(this.#memory, this.#zone, { struct: 'zone', path });
  }

  #pcpAt(cpu: number): Vaddr {
    const offset = this.#places.offsets[cpu];
    assert(offset !== undefined, `no CPU ${cpu}`);
    return vaddrAdd(offset, Number(this.#places.pageset(this.#index)));
  }

  #pcpMember(cpu: number, path: string): Vaddr {
    return memberAddress(this.#memory, this.#pcpAt(cpu), { struct: 'per_cpu_pageset', path });
  }

  #storePcp(cpu: number, fields: Parameters<KernelMemory['store']>[2]): void {
    this.#memory.store('per_cpu_pageset', vaddr(this.#pcpAt(cpu)), fields);
  }
}

/** NR_ZONE_INACTIVE_ANON and so on were the only counters of the LRU lists, without `ZONE`. */
function zoneCounters(types: TypeSource, { counters }: ZoneFacts): Record<string, CounterFacts> {
  const named = Object.entries(counters).map(([name, counter]) => {
    const old = name.replace(/^NR_ZONE_/, 'NR_');
    assert(types.findEnumerator(old) !== undefined, `no counter ${old}`);
    return [old, counter] as const;
  });
  return Object.fromEntries(named);
}

/** What later the node counts, of the pages of one zone. */
function pageCounters(pages: readonly PageFacts[]): Record<string, CounterFacts> {
  const count = (wanted: (page: PageFacts) => boolean): CounterFacts => ({
    folded: pages.reduce((sum, page) => sum + (wanted(page) ? 2 ** page.order : 0), 0),
  });
  return {
    NR_ANON_PAGES: count(({ kind, tgid }) => kind === 'anonymous' && tgid !== undefined),
    NR_FILE_MAPPED: count(({ kind, tgid }) => kind === 'file' && tgid !== undefined),
    NR_FILE_PAGES: count(({ kind }) => kind === 'file'),
    NR_FILE_DIRTY: count(({ kind, flags }) => kind === 'file' && flags.includes('dirty')),
    NR_WRITEBACK: count(({ flags }) => flags.includes('writeback')),
  };
}
