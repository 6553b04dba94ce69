// Nodes and zones: struct pglist_data and struct zone (include/linux/mmzone.h). What the page
// allocator goes by when it gives a page, wakes kswapd, reclaims or gives up.
//
// LRU lists and what is isolated from them were counted by zone up to Linux 4.7, by node since 4.8;
// which of the two a kernel has follows from its enums.

import type { Ref } from '../target/ref.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { sizeOf } from '../types/ctype.ts';
import { hex, vaddrAdd } from '../util/address.ts';
import { escapeText } from '../util/escape.ts';
import { optional } from '../util/optional.ts';
import { migrateTypeNames, pagesOfAreas, readFreeAreas, type FreeArea } from './free-area.ts';
import {
  counterItems,
  countingCpus,
  countOf,
  perCpuPointee,
  readCounters,
  type CounterItem,
  type CounterSet,
  type CpuDiff,
  type PageCounters,
} from './vmstat.ts';

/** Watermarks in pages; the kernel adds the boost to each when it compares. */
export interface Watermarks {
  readonly min: number;
  readonly low: number;
  readonly high: number;
  /** watermark_boost (v5.0), absent before. */
  readonly boost?: number;
}

/** What free pages are compared with: wmark_pages() of include/linux/mmzone.h, with the boost. */
export function boostedMarks({
  min,
  low,
  high,
  boost = 0,
}: Watermarks): Record<'min' | 'low' | 'high', number> {
  return { min: min + boost, low: low + boost, high: high + boost };
}

/**
 * Which marks a number of free pages does not pass. A zone that is just at a mark is refused as one
 * below it: zone_watermark_ok() asks for more (mm/page_alloc.c).
 */
export type ZoneLevel = 'below min' | 'below low' | 'below high' | 'above high';

/** @param marks with the boost, as {@link boostedMarks} gives them */
export function levelAt(
  pages: number,
  { min, low, high }: ReturnType<typeof boostedMarks>,
): ZoneLevel {
  if (pages <= min) return 'below min';
  if (pages <= low) return 'below low';
  return pages <= high ? 'below high' : 'above high';
}

/** One zone that has memory. Numbers are pages; what the kernel lacks is absent. */
export interface ZoneState {
  /** `struct zone *` */
  readonly address: string;
  /** `DMA32` */
  readonly name: string;
  readonly index: number;
  readonly managed?: number;
  readonly present?: number;
  readonly spanned?: number;
  readonly watermarks?: Watermarks;
  /** lowmem_reserve[] by the highest zone that a request may have pages of. */
  readonly lowmemReserve?: readonly number[];
  /** vm_stat[] by the names of enum zone_stat_item. */
  readonly counters: PageCounters;
  /** What each CPU has not folded into NR_FREE_PAGES; CPUs without a difference are left out. */
  readonly freeDiffs: readonly CpuDiff[];
  /** Online CPUs whose differences could not be read: the counters lack them. */
  readonly unreadCpus: readonly number[];
  /** Pages on the free lists: what NR_FREE_PAGES is to be, but for what a CPU has in hand. */
  readonly buddyPages?: number;
  /** The free lists by order, the smallest first. */
  readonly freeAreas?: readonly FreeArea[];
  /** Pages on the per-CPU lists; they do not count as free. */
  readonly perCpuPages?: number;
  /** The same by CPU, those with none too. */
  readonly perCpuLists?: readonly CpuPages[];
  /** nr_reserved_highatomic (v4.4): pages of blocks that only urgent requests may take. */
  readonly reservedHighatomic?: number;
  /** Set bits of enum zone_flags. */
  readonly flags?: readonly string[];
  /**
   * Pages scanned since one was freed: past six times its LRU the zone was unreclaimable. A member,
   * or the counter NR_PAGES_SCANNED, which was the node's before it went.
   */
  readonly pagesScanned?: number;
}

/** Pages that a CPU keeps at hand. */
export interface CpuPages {
  readonly cpu: number;
  readonly pages: number;
}

/** One node. */
export interface NodeState {
  /** `struct pglist_data *` */
  readonly address: string;
  readonly node: number;
  readonly zones: readonly ZoneState[];
  /** vm_stat[] by the names of enum node_stat_item; empty before v4.8. */
  readonly counters: PageCounters;
  readonly unreadCpus: readonly number[];
  /** `struct task_struct *` */
  readonly kswapd?: string;
  /** What kswapd was last woken for. */
  readonly kswapdOrder?: number;
  readonly kswapdHighestZone?: number;
  /** Runs in a row that reclaimed nothing (v4.12): at 16 kswapd gives up. */
  readonly kswapdFailures?: number;
  /** Set bits of enum pgdat_flags. */
  readonly flags?: readonly string[];
  /** Tasks that wait in reclaim_throttle() for writeback (v5.16). */
  readonly writebackThrottled?: number;
}

/** Every node of the machine. */
export interface ZonesResult {
  readonly type: 'zones';
  readonly nodes: readonly NodeState[];
}

/** MAX_RECLAIM_RETRIES (mm/internal.h): after so many failures kswapd gives the node up. */
export const KSWAPD_FAILURES_MAX = 16;

/** MAX_NUMNODES is at most 1024 (CONFIG_NODES_SHIFT 10), MAX_NR_ZONES 6. */
const NODES_MAX = 1024;
const ZONES_MAX = 16;

/** Reads nodes and zones; what cannot be read is a problem and missing. */
export function readZones(vmcore: Vmcore): ZonesResult {
  const reader = new NodeReader(vmcore);
  const nodes = nodeRefs(vmcore).flatMap((ref) => {
    return vmcore.problems.attempt(`node ${hex(ref.address)}`, () => reader.read(ref)) ?? [];
  });
  return { type: 'zones', nodes };
}

/** `struct pglist_data` of each online node. */
export function nodeRefs(vmcore: Vmcore): Ref[] {
  const { problems, symbols } = vmcore;
  const single = symbols.lookup('contig_page_data');
  // A kernel without CONFIG_NUMA has one node, and it is a variable.
  if (single !== undefined) {
    const ref = problems.attempt('contig_page_data', () => vmcore.global('contig_page_data'));
    return ref === undefined ? [] : [ref];
  }
  const table = problems.attempt('node_data', () => vmcore.global('node_data'));
  if (table === undefined) return [];
  return onlineNodes(vmcore).flatMap((node) => {
    const address = problems.attempt(`node_data[${node}]`, () => table.at(node).pointer());
    if (address === undefined || address === 0n) return [];
    return problems.attempt('node_data', () => vmcore.object('pglist_data', address)) ?? [];
  });
}

/** node_states[N_ONLINE]; node 0 where that cannot be read. */
function onlineNodes(vmcore: Vmcore): number[] {
  const state = vmcore.types.findEnumerator('N_ONLINE');
  const mask = vmcore.types.find('typedef', 'nodemask_t');
  const table = vmcore.symbols.lookup('node_states');
  if (state === undefined || mask === undefined || table === undefined) return [0];
  const bytes = vmcore.problems.attempt('node_states', () =>
    vmcore.readBytes(vaddrAdd(table, Number(state) * sizeOf(mask)), sizeOf(mask)),
  );
  const nodes: number[] = [];
  for (let node = 0; node < Math.min(NODES_MAX, (bytes?.length ?? 0) * 8); node++) {
    if ((((bytes?.[node >> 3] ?? 0) >> (node & 7)) & 1) === 1) nodes.push(node);
  }
  return bytes === undefined ? [0] : nodes;
}

/** Where the kernel counts LRU lists, isolated, dirty and written pages: its zones or its nodes. */
export interface LruScope {
  /** `node 0`, `zone DMA32 of node 0` */
  readonly name: string;
  readonly counters: PageCounters;
}

/** All of them: too_many_isolated() compares counters of one. */
export function lruScopes({ nodes }: ZonesResult): LruScope[] {
  return nodes.flatMap(({ node, counters, zones }): LruScope[] => {
    if (counters.NR_ISOLATED_FILE !== undefined) return [{ name: `node ${node}`, counters }];
    return zones.map((zone) => {
      return { name: `zone ${zone.name} of node ${node}`, counters: zone.counters };
    });
  });
}

class NodeReader {
  readonly #vmcore: Vmcore;
  readonly #cpus: readonly number[];
  readonly #zoneItems: readonly CounterItem[];
  readonly #nodeItems: readonly CounterItem[];
  readonly #migrateTypes: readonly string[];

  constructor(vmcore: Vmcore) {
    this.#vmcore = vmcore;
    this.#cpus = countingCpus(vmcore);
    this.#zoneItems = counterItems(vmcore, 'zone_stat_item');
    this.#nodeItems = counterItems(vmcore, 'node_stat_item');
    this.#migrateTypes = migrateTypeNames(vmcore);
  }

  read(pgdat: Ref): NodeState {
    const node = pgdat.member('node_id').number();
    const set = this.#counters(pgdat, `node ${node}`, this.#nodeItems, (cpu) => {
      const diffs = this.#perCpu(pgdat, ['per_cpu_nodestats'], cpu);
      return diffs?.member('vm_node_stat_diff');
    });
    const number = (...paths: string[]): number | undefined =>
      this.#number(pgdat, `node ${node}`, paths);
    const kswapd = this.#attempt(`node ${node}`, () => hex(pgdat.member('kswapd').pointer()));
    return {
      address: hex(pgdat.address),
      node,
      zones: this.#zones(pgdat, node),
      counters: set?.counters ?? {},
      unreadCpus: set?.unreadCpus ?? [],
      ...optional('kswapd', kswapd),
      ...optional('kswapdOrder', number('kswapd_order', 'kswapd_max_order')),
      ...optional(
        'kswapdHighestZone',
        number('kswapd_highest_zoneidx', 'kswapd_classzone_idx', 'classzone_idx'),
      ),
      ...optional('kswapdFailures', number('kswapd_failures')),
      ...optional('flags', this.#flags(pgdat, 'pgdat_flags')),
      ...optional('writebackThrottled', number('nr_writeback_throttled')),
    };
  }

  #zones(pgdat: Ref, node: number): ZoneState[] {
    const zones = pgdat.member('node_zones');
    const count = zones.type.kind === 'array' ? Math.min(zones.type.count, ZONES_MAX) : 0;
    return Array.from({ length: count }, (_, index) => index).flatMap((index) => {
      const subject = `zone ${index} of node ${node}`;
      return this.#attempt(subject, () => this.#zone(zones.at(index), index, subject)) ?? [];
    });
  }

  /** Nothing of a zone that has no memory. */
  #zone(zone: Ref, index: number, subject: string): ZoneState[] {
    if (countOf(zone.member('present_pages')) === 0) return [];
    const set = this.#counters(zone, subject, this.#zoneItems, (cpu) => {
      // Linux 5.14 took the differences out of struct per_cpu_pageset.
      return this.#perCpu(zone, ['per_cpu_zonestats', 'pageset'], cpu)?.member('vm_stat_diff');
    });
    const number = (...paths: string[]): number | undefined => this.#number(zone, subject, paths);
    const areas = this.#attempt(subject, () => readFreeAreas(zone, this.#migrateTypes));
    const lists = this.#attempt(subject, () => this.#perCpuLists(zone));
    return [
      {
        address: hex(zone.address),
        name: this.#attempt(subject, () => this.#zoneName(zone)) ?? `zone ${index}`,
        index,
        ...optional('managed', number('managed_pages')),
        ...optional('present', number('present_pages')),
        ...optional('spanned', number('spanned_pages')),
        ...optional(
          'watermarks',
          this.#attempt(subject, () => watermarks(zone)),
        ),
        ...optional(
          'lowmemReserve',
          this.#attempt(subject, () => lowmemReserve(zone)),
        ),
        counters: set?.counters ?? {},
        freeDiffs: set?.diffsOf('NR_FREE_PAGES') ?? [],
        unreadCpus: set?.unreadCpus ?? [],
        ...optional('buddyPages', areas && pagesOfAreas(areas)),
        ...optional('freeAreas', areas),
        ...optional(
          'perCpuPages',
          lists?.reduce((sum, { pages }) => sum + pages, 0),
        ),
        ...optional('perCpuLists', lists),
        ...optional('reservedHighatomic', number('nr_reserved_highatomic')),
        ...optional('flags', this.#flags(zone, 'zone_flags')),
        ...optional(
          'pagesScanned',
          number('pages_scanned') ?? set?.counters.NR_PAGES_SCANNED?.value,
        ),
      },
    ];
  }

  #zoneName(zone: Ref): string {
    return escapeText(this.#vmcore.readText(zone.member('name').pointer(), 16));
  }

  #perCpuLists(zone: Ref): CpuPages[] | undefined {
    const all: CpuPages[] = [];
    for (const cpu of this.#cpus) {
      const lists = this.#perCpu(zone, ['per_cpu_pageset', 'pageset'], cpu);
      if (lists === undefined) return undefined;
      all.push({ cpu, pages: lists.firstMember('count', 'pcp.count').number() });
    }
    return all;
  }

  #perCpu(ref: Ref, paths: readonly string[], cpu: number): Ref | undefined {
    const path = paths.find((each) => ref.has(each));
    return path === undefined ? undefined : perCpuPointee(this.#vmcore, ref.member(path), cpu);
  }

  #counters(
    ref: Ref,
    subject: string,
    items: readonly CounterItem[],
    diffs: (cpu: number) => Ref | undefined,
  ): CounterSet | undefined {
    if (items.length === 0 || !ref.has('vm_stat')) return undefined;
    const places = { subject: `counters of ${subject}`, items, stored: ref.member('vm_stat') };
    return readCounters(this.#vmcore, this.#cpus, { ...places, diffs });
  }

  #number(ref: Ref, subject: string, paths: readonly string[]): number | undefined {
    const path = paths.find((each) => ref.has(each));
    return path === undefined ? undefined : this.#attempt(subject, () => countOf(ref.member(path)));
  }

  /** The enumerators are bit numbers. */
  #flags(ref: Ref, enumName: string): string[] | undefined {
    const type = this.#vmcore.types.find('enum', enumName);
    if (type?.kind !== 'enum' || !ref.has('flags')) return undefined;
    const bits = this.#attempt(`flags of ${hex(ref.address)}`, () => ref.member('flags').integer());
    if (bits === undefined) return undefined;
    return [...type.values].flatMap(([name, bit]) => (((bits >> bit) & 1n) === 1n ? [name] : []));
  }

  #attempt<T>(subject: string, read: () => T): T | undefined {
    return this.#vmcore.problems.attempt(subject, read);
  }
}

/** `_watermark` since v5.0, when the boost came. */
function watermarks(zone: Ref): Watermarks {
  const marks = zone.firstMember('_watermark', 'watermark');
  const [min, low, high] = [0, 1, 2].map((index) => countOf(marks.at(index)));
  const boost = zone.has('watermark_boost') ? countOf(zone.member('watermark_boost')) : undefined;
  return { min: min!, low: low!, high: high!, ...optional('boost', boost) };
}

function lowmemReserve(zone: Ref): number[] {
  const reserve = zone.member('lowmem_reserve');
  const count = reserve.type.kind === 'array' ? Math.min(reserve.type.count, ZONES_MAX) : 0;
  return Array.from({ length: count }, (_, index) => Number(reserve.at(index).integer()));
}
