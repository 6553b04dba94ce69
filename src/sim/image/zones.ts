// struct zone of each zone with its free lists and per-CPU lists (include/linux/mmzone.h). The
// pages on a list are linked through page->lru, which mem-map.ts writes: here the lists are only
// named.
//
// Counters are kept in three places, as in the kernel: vm_zone_stat has the machine's, each zone
// its own, and each CPU what it has not folded in yet (vm_stat_diff, up to stat_threshold either
// way).

import type { EnumType, TypeSource } from '../../types/ctype.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { KernelImage } from './kernel-image.ts';
import type { KernelMemory } from './kernel-memory.ts';
import { linkList, memberAddress } from './lists.ts';
import { ZONE_NAMES, type CounterFacts, type ZoneFacts, type ZoneName } from './memory-facts.ts';
import { pageEnumerator } from './page-structs.ts';
import type { Fields } from './struct-writer.ts';
import type { PerCpuOffsets } from './variables.ts';

/** A list of pages: where its head is, and the first pages of its blocks in their order. */
export interface PageListPlan {
  readonly kind: 'free' | 'pcp' | 'lru';
  readonly head: Vaddr;
  readonly pfns: readonly number[];
  /** log2 of the pages of each block. */
  readonly order: number;
}

/** enum zone_type's name of a zone. */
const ZONE_TYPES: Readonly<Record<ZoneName, string>> = {
  DMA: 'ZONE_DMA',
  DMA32: 'ZONE_DMA32',
  Normal: 'ZONE_NORMAL',
  Movable: 'ZONE_MOVABLE',
  Device: 'ZONE_DEVICE',
};

/** Bits of zone->flags (enum zone_flags). */
const ZONE_RECLAIM_ACTIVE = 'ZONE_RECLAIM_ACTIVE';
/** All memory is movable at boot, and stays that: the simulation does not group by mobility. */
export const MIGRATE_TYPE = 'MIGRATE_MOVABLE';
/** Characters of a zone's name with its NUL. */
const NAME_SIZE = 8;

/** Zones that this kernel was built with, by their index in node_zones. */
export function zoneIndices(types: TypeSource): Map<ZoneName, number> {
  return new Map(
    ZONE_NAMES.flatMap((name): [ZoneName, number][] => {
      const value = types.findEnumerator(ZONE_TYPES[name]);
      return value === undefined ? [] : [[name, Number(value)]];
    }),
  );
}

/** Where things are that zones point to. */
export interface ZonePlaces {
  /** `struct pglist_data *` */
  readonly pgdat: Vaddr;
  /** `char *` of each zone's name. */
  readonly names: ReadonlyMap<ZoneName, Vaddr>;
  /** Offsets of the per-CPU areas, and of per_cpu_pages and per_cpu_zonestat of a zone in them. */
  readonly offsets: PerCpuOffsets;
  readonly pageset: (index: number) => Vaddr;
  readonly zonestats: (index: number) => Vaddr;
  /** Whether a page frame is RAM. */
  readonly presentPages: (startPfn: number, endPfn: number) => number;
}

/** Bytes in .rodata for the names. */
export function reserveZoneNames(image: KernelImage, types: TypeSource): Map<ZoneName, Vaddr> {
  const places = [...zoneIndices(types).keys()].map((name): [ZoneName, Vaddr] => {
    return [name, image.reserve({ section: 'rodata', size: NAME_SIZE })];
  });
  return new Map(places);
}

/** What {@link writeZones} leaves for others to write. */
export interface WrittenZones {
  readonly lists: readonly PageListPlan[];
  /** What each zone's vm_stat has. */
  readonly folded: readonly Counters[];
}

/** Writes every zone of the node, those without memory too. */
export function writeZones(
  memory: KernelMemory,
  zones: readonly ZoneFacts[],
  places: ZonePlaces,
): WrittenZones {
  const lists: PageListPlan[] = [];
  const folded: Counters[] = [];
  for (const [name, index] of zoneIndices(memory.types)) {
    const path = `node_zones[${index}]`;
    const zone = memberAddress(memory, places.pgdat, { struct: 'pglist_data', path });
    const facts = zones.find((each) => each.name === name);
    const writer = new ZoneWriter(memory, { zone, index, name, places });
    writer.writeEmpty();
    if (facts === undefined) continue;
    lists.push(...writer.write(facts));
    folded.push(writer.writeCounters(facts));
  }
  const known = zoneIndices(memory.types);
  for (const { name } of zones) assert(known.has(name), `this kernel has no zone ${name}`);
  return { lists, folded };
}

interface ZonePlan {
  readonly zone: Vaddr;
  readonly index: number;
  readonly name: ZoneName;
  readonly places: ZonePlaces;
}

class ZoneWriter {
  readonly #memory: KernelMemory;
  readonly #plan: ZonePlan;
  readonly #orderCount: number;
  readonly #typeCount: number;

  constructor(memory: KernelMemory, plan: ZonePlan) {
    this.#memory = memory;
    this.#plan = plan;
    const areas = memory.struct('zone').members.find(({ name }) => name === 'free_area')?.type;
    assert(areas?.kind === 'array', 'zone.free_area is no array');
    this.#orderCount = areas.count;
    this.#typeCount = Number(pageEnumerator(memory.types, 'MIGRATE_TYPES'));
  }

  /** What every zone has: its name, its node, empty lists (free_area_init_core()). */
  writeEmpty(): void {
    const { zone, index, name, places } = this.#plan;
    const nameAt = places.names.get(name);
    assert(nameAt !== undefined, `zone ${name} has no name`);
    this.#memory.write(nameAt, new Uint8Array(Buffer.from(`${name}\0`, 'latin1')));
    this.#memory.store('zone', zone, {
      name: nameAt,
      zone_pgdat: places.pgdat,
      per_cpu_pageset: places.pageset(index),
      per_cpu_zonestats: places.zonestats(index),
    });
    for (let order = 0; order < this.#orderCount; order++) {
      for (let type = 0; type < this.#typeCount; type++) {
        linkList(this.#memory, this.#freeList(order, type));
      }
    }
    places.offsets.forEach((offset) => this.#emptyPageset(offset));
  }

  write(facts: ZoneFacts): PageListPlan[] {
    this.#memory.store('zone', this.#plan.zone, {
      ...this.#sizes(facts),
      ...this.#limits(facts),
      ...this.#freeCounts(facts),
      ...this.#bookkeeping(facts),
    });
    return [...this.#freeLists(facts), ...this.#pcpLists(facts)];
  }

  #sizes({ startPfn, spannedPages, managedPages }: ZoneFacts): Fields {
    return {
      zone_start_pfn: startPfn,
      spanned_pages: spannedPages,
      present_pages: this.#plan.places.presentPages(startPfn, startPfn + spannedPages),
      'managed_pages.counter': managedPages,
      initialized: 1,
      contiguous: 1,
    };
  }

  #limits({ watermark, watermarkBoost, lowmemReserve, pcp }: ZoneFacts): Fields {
    const reserves = [...zoneIndices(this.#memory.types)].flatMap(([name, index]) => {
      // A zone without memory above: requests for it are served as those for the highest below it.
      const below = ZONE_NAMES.slice(0, ZONE_NAMES.indexOf(name) + 1);
      const value = below.map((each) => lowmemReserve[each]).findLast((each) => each !== undefined);
      return value === undefined ? [] : [[`lowmem_reserve[${index}]`, value] as const];
    });
    return {
      '_watermark[0]': watermark.min,
      '_watermark[1]': watermark.low,
      '_watermark[2]': watermark.high,
      '_watermark[3]': watermark.high + (watermark.low - watermark.min),
      watermark_boost: watermarkBoost,
      pageset_high: pcp[0]?.high ?? 0,
      pageset_batch: pcp[0]?.batch ?? 0,
      ...Object.fromEntries(reserves),
    };
  }

  #freeCounts({ free }: ZoneFacts): Fields {
    return Object.fromEntries(
      free.map((blocks, order) => [`free_area[${order}].nr_free`, blocks.length]),
    );
  }

  #bookkeeping({ isReclaimActive, compactDefer }: ZoneFacts): Fields {
    const bit = this.#memory.types.findEnumerator(ZONE_RECLAIM_ACTIVE);
    return {
      flags: isReclaimActive && bit !== undefined ? 1n << bit : 0n,
      compact_considered: compactDefer.considered,
      compact_defer_shift: compactDefer.shift,
      compact_order_failed: compactDefer.orderFailed,
    };
  }

  /** @returns what is folded in */
  writeCounters({ counters, managedPages }: ZoneFacts): Counters {
    const { zone, index, places } = this.#plan;
    const threshold = statThreshold(managedPages, places.offsets.length);
    const split = splitCounters(this.#memory.types, {
      counters,
      enumName: 'zone_stat_item',
      cpuCount: places.offsets.length,
    });
    this.#memory.store('zone', zone, atomicFields('vm_stat', split.folded));
    split.diffs.forEach((diff, cpu) => {
      const at = vaddr(places.zonestats(index) + places.offsets[cpu]!);
      this.#memory.store('per_cpu_zonestat', at, {
        stat_threshold: threshold,
        ...arrayFields('vm_stat_diff', diff),
      });
    });
    return split.folded;
  }

  #freeLists({ free }: ZoneFacts): PageListPlan[] {
    const type = Number(pageEnumerator(this.#memory.types, MIGRATE_TYPE));
    return free.map((pfns, order) => {
      return { kind: 'free', head: this.#freeList(order, type), pfns, order };
    });
  }

  #freeList(order: number, type: number): Vaddr {
    const path = `free_area[${order}].free_list[${type}]`;
    return memberAddress(this.#memory, this.#plan.zone, { struct: 'zone', path });
  }

  #emptyPageset(offset: Vaddr): void {
    const at = vaddr(this.#plan.places.pageset(this.#plan.index) + offset);
    for (let list = 0; list < this.#pcpListCount(); list++) {
      linkList(this.#memory, this.#pcpList(at, list));
    }
    // boot_pageset's, until the zone has memory.
    this.#memory.store('per_cpu_pages', at, { high: 0, batch: 1 });
  }

  /** order_to_pindex(): lists of one order lie side by side. */
  #pcpLists({ pcp }: ZoneFacts): PageListPlan[] {
    const { types } = this.#memory;
    const perOrder = Number(pageEnumerator(types, 'MIGRATE_PCPTYPES'));
    const type = Number(pageEnumerator(types, MIGRATE_TYPE));
    return pcp.flatMap(({ count, high, batch, lists }, cpu) => {
      const at = vaddr(this.#plan.places.pageset(this.#plan.index) + this.#offset(cpu));
      this.#memory.store('per_cpu_pages', at, { count, high, batch });
      return lists.map((pfns, order): PageListPlan => {
        return { kind: 'pcp', head: this.#pcpList(at, perOrder * order + type), pfns, order };
      });
    });
  }

  #offset(cpu: number): Vaddr {
    const offset = this.#plan.places.offsets[cpu];
    assert(offset !== undefined, `no CPU ${cpu}`);
    return offset;
  }

  #pcpListCount(): number {
    const lists = this.#memory.struct('per_cpu_pages').members.find(({ name }) => name === 'lists');
    assert(lists?.type.kind === 'array', 'per_cpu_pages.lists is no array');
    return lists.type.count;
  }

  #pcpList(pageset: Vaddr, index: number): Vaddr {
    return memberAddress(this.#memory, pageset, {
      struct: 'per_cpu_pages',
      path: `lists[${index}]`,
    });
  }
}

/** calculate_normal_threshold() (mm/vmstat.c): grows with CPUs and memory, 125 at most. */
export function statThreshold(managedPages: number, cpuCount: number): number {
  const fls = (value: number): number => (value < 1 ? 0 : Math.floor(Math.log2(value)) + 1);
  /** Units of 128 MiB. */
  const memory = managedPages >> 15;
  return Math.min(125, 2 * fls(cpuCount) * (1 + fls(memory)));
}

/** Counters by the number of their enumerator. */
export type Counters = ReadonlyMap<number, number>;

/** A counter as the kernel has it: most of it folded, the rest with the CPUs. */
export interface SplitCounters {
  readonly folded: Counters;
  /** By CPU. */
  readonly diffs: readonly Counters[];
}

/** Counters by the kernel's own numbers of them. */
export function splitCounters(
  types: TypeSource,
  options: {
    readonly counters: Readonly<Record<string, CounterFacts>>;
    readonly enumName: string;
    readonly cpuCount: number;
  },
): SplitCounters {
  const { counters, cpuCount } = options;
  const items = types.find('enum', options.enumName);
  assert(items?.kind === 'enum', `${types.origin} has no enum ${options.enumName}`);
  const folded = new Map<number, number>();
  const diffs = Array.from({ length: cpuCount }, () => new Map<number, number>());
  for (const [name, counter] of Object.entries(counters)) {
    const item = enumeratorOf(items, name);
    // A kernel without the counter does not count it.
    if (item === undefined) continue;
    folded.set(item, counter.folded);
    counter.diffs?.forEach((diff, cpu) => diffs[cpu]?.set(item, diff));
  }
  return { folded, diffs };
}

function enumeratorOf({ values }: EnumType, name: string): number | undefined {
  const value = values.get(name);
  return value === undefined ? undefined : Number(value);
}

/** Members of an array of atomic_long_t. */
export function atomicFields(array: string, counters: Counters): Fields {
  const entries = [...counters].map(([item, value]) => [`${array}[${item}].counter`, value]);
  return Object.fromEntries(entries) as Fields;
}

/** Members of an array of integers. */
export function arrayFields(array: string, counters: Counters): Fields {
  return Object.fromEntries([...counters].map(([item, value]) => [`${array}[${item}]`, value]));
}

/** The sum of what several zones or nodes have folded: vm_zone_stat, vm_node_stat. */
export function writeGlobalCounters(
  memory: KernelMemory,
  array: Vaddr,
  counters: readonly Counters[],
): void {
  const sums = new Map<number, number>();
  for (const each of counters) {
    for (const [item, value] of each) sums.set(item, (sums.get(item) ?? 0) + value);
  }
  for (const [item, value] of sums) memory.writeInteger(vaddrAdd(array, item * 8), value, 8);
}
