// struct pglist_data of the only node and the variables that stand for all nodes: node_data or
// contig_page_data, vm_node_stat, totalram_pages and so on (mm/page_alloc.c, mm/vmstat.c).

import type { TypeSource } from '../../types/ctype.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { Areas } from './areas.ts';
import type { KernelImage, SectionName } from './kernel-image.ts';
import type { KernelMemory } from './kernel-memory.ts';
import { linkList, memberAddress } from './lists.ts';
import type { MemoryFacts, NodeFacts, ZoneFacts, ZoneName } from './memory-facts.ts';
import { nodeCountMax, pageEnumerator } from './page-structs.ts';
import type { RamRange } from './physical-image.ts';
import { defineSwap, writeSwap } from './swap.ts';
import type { PlacedTasks } from './tasks.ts';
import { perCpu, type PerCpuOffsets } from './variables.ts';
import type { VmcoreinfoKeys } from './vmcoreinfo.ts';
import { linkWaitQueue } from './wait-queues.ts';
import {
  arrayFields,
  atomicFields,
  reserveZoneNames,
  splitCounters,
  writeGlobalCounters,
  writeZones,
  zoneIndices,
  type PageListPlan,
} from './zones.ts';

const PAGE_SIZE = 4096;
const LONG_SIZE = 8;
const CACHE_LINE = 64;
/**
 * Four types of devices, three of migration, bad pages and two marks in page tables are no files;
 * least_priority begins at -1.
 */
const SWAP = { filesMax: 22, priority: -2 };
/** VM_STAT thresholds of a node are those of its largest zone; 32 is in their range. */
const NODE_THRESHOLD = 32;
/** vm.swappiness, vm.watermark_scale_factor, vm.watermark_boost_factor by default. */
const SWAPPINESS = 60;
const WATERMARK_SCALE_FACTOR = 10;
const WATERMARK_BOOST_FACTOR = 15_000;

/** Where the per-CPU parts of the node lie: offsets in each CPU's area. */
export interface NodePlan {
  readonly zoneNames: ReadonlyMap<ZoneName, Vaddr>;
  readonly pagesets: Vaddr;
  readonly zonestats: Vaddr;
  readonly nodestats: Vaddr;
}

/** A wait_queue_entry on the stack of a task. */
export type WaitEntryOf = (pid: number) => Vaddr | undefined;

/** Gives the node and its variables their places. Kernels without NUMA have the node itself. */
export function defineNode(image: KernelImage, types: TypeSource): NodePlan {
  const size = (name: string): number => {
    const type = types.find('struct', name);
    assert(type?.kind === 'struct', `${types.origin} has no struct ${name}`);
    return type.size;
  };
  const items = (last: string): number => Number(pageEnumerator(types, last)) * LONG_SIZE;
  const places: [SectionName, name: string, size: number, align?: number][] = [
    isNuma(types)
      ? ['data', 'node_data', nodeCountMax(types) * LONG_SIZE, 32]
      : ['data', 'contig_page_data', size('pglist_data'), 4096],
    ['data', 'vm_swappiness', 4],
    ['data', 'watermark_scale_factor', 4],
    ['data', 'watermark_boost_factor', 4],
    ['data', 'min_free_kbytes', 4],
    ['data', 'user_min_free_kbytes', 4],
    ['data', 'node_states', items('NR_NODE_STATES') * nodemaskLongs(types), 32],
    ['data', 'nr_node_ids', 4],
    ['data', 'nr_online_nodes', 4],
    ['bss', 'vm_zone_stat', items('NR_VM_ZONE_STAT_ITEMS'), 32],
    ['bss', 'vm_node_stat', items('NR_VM_NODE_STAT_ITEMS'), 32],
    ['bss', '_totalram_pages', 8],
    ['bss', 'totalreserve_pages', 8],
    ['bss', 'max_pfn', 8],
    ['bss', 'max_low_pfn', 8],
    ['bss', 'high_memory', 8],
    ['bss', 'max_mapnr', 8],
  ];
  if (isNuma(types)) places.push(['bss', 'vm_numa_event', items('NR_VM_NUMA_EVENT_ITEMS'), 32]);
  if (types.find('struct', 'vm_event_state') !== undefined) {
    places.push(['percpu', 'vm_event_states', size('vm_event_state')]);
  }
  for (const [section, name, bytes, align = 8] of places) {
    image.define(name, { section, size: bytes, align });
  }
  defineSwap(image, SWAP);
  const zoneCount = zoneIndices(types).size;
  const dynamic = (bytes: number): Vaddr =>
    image.reserve({ section: 'percpu', size: bytes, align: CACHE_LINE });
  return {
    zoneNames: reserveZoneNames(image, types),
    pagesets: dynamic(zoneCount * size('per_cpu_pages')),
    zonestats: dynamic(zoneCount * size('per_cpu_zonestat')),
    nodestats: dynamic(size('per_cpu_nodestat')),
  };
}

/** nodemask_t in words. */
export function nodemaskLongs(types: TypeSource): number {
  return Math.ceil(nodeCountMax(types) / 64);
}

/** CONFIG_NUMA: only then are there counters of who got memory of which node. */
function isNuma(types: TypeSource): boolean {
  return types.find('enum', 'numa_stat_item') !== undefined;
}

/** What a node is written from. */
export interface NodeOptions {
  readonly facts: MemoryFacts;
  readonly offsets: PerCpuOffsets;
  readonly tasks: PlacedTasks;
  /** Where somebody who sleeps on a wait queue has its entry. */
  readonly waitEntryOf: WaitEntryOf;
}

/** Writes node and zones. @returns the lists of pages, which whoever writes struct pages links */
export function writeNode(
  image: KernelImage,
  areas: Areas,
  options: NodeOptions & { plan: NodePlan },
): PageListPlan[] {
  const { memory } = areas;
  const { facts, plan, offsets } = options;
  const pgdat = placeNode(image, areas);
  const zones = writeZones(memory, facts.zones, {
    pgdat,
    names: plan.zoneNames,
    offsets,
    pageset: (index) => vaddr(plan.pagesets + BigInt(index * memory.struct('per_cpu_pages').size)),
    zonestats: (index) =>
      vaddr(plan.zonestats + BigInt(index * memory.struct('per_cpu_zonestat').size)),
    presentPages: (start, end) => presentPages(memory.physical.ram, start, end),
  });
  const writer = new NodeWriter(memory, pgdat, options);
  const folded = writer.write();
  writeGlobalCounters(memory, image.symbol('vm_zone_stat'), zones.folded);
  writeGlobalCounters(memory, image.symbol('vm_node_stat'), [folded]);
  writeGlobals(image, areas, facts);
  writeEvents(image, memory, options);
  writeSwap(image, areas, { swap: facts.swap, plan: SWAP });
  return [...zones.lists, ...writer.lruLists()];
}

/** The node lies in the image, or alloc_node_data() takes it from memory of the node. */
export function placeNode(image: KernelImage, areas: Areas): Vaddr {
  const { memory } = areas;
  if (image.has('contig_page_data')) return image.symbol('contig_page_data');
  const { size } = memory.struct('pglist_data');
  const pgdat = areas.allocatePages(size);
  memory.write(pgdat, new Uint8Array(size));
  memory.writeInteger(image.symbol('node_data'), pgdat, 8);
  return pgdat;
}

export function presentPages(ram: readonly RamRange[], startPfn: number, endPfn: number): number {
  return ram.reduce((sum, { start, end }) => {
    const first = Math.max(startPfn, Math.ceil(start / PAGE_SIZE));
    const last = Math.min(endPfn, Math.floor(end / PAGE_SIZE));
    return sum + Math.max(0, last - first);
  }, 0);
}

/** Where filters find the nodes (crash_save_vmcoreinfo_init() in kernel/crash_core.c). */
export function nodeKeys(image: KernelImage, { types }: KernelMemory): Partial<VmcoreinfoKeys> {
  const online = Number(pageEnumerator(types, 'N_ONLINE')) * nodemaskLongs(types) * LONG_SIZE;
  const hasArray = image.has('node_data');
  const nodes = hasArray ? 'node_data' : 'contig_page_data';
  return {
    symbols: {
      [nodes]: image.symbol(nodes),
      node_online_map: vaddrAdd(image.symbol('node_states'), online),
    },
    sizes: { nodemask_t: nodemaskLongs(types) * LONG_SIZE },
    lengths: {
      ...(hasArray ? { node_data: nodeCountMax(types) } : {}),
      'free_area.free_list': Number(pageEnumerator(types, 'MIGRATE_TYPES')),
    },
  };
}

/** Its task_struct, or NULL. */
export function taskOf({ processes }: PlacedTasks, pid: number | undefined): Vaddr {
  const threads = processes.flatMap((process) => process.threads);
  return threads.find(({ facts }) => facts.pid === pid)?.task ?? vaddr(0n);
}

/** build_zonelists(): the highest zone first; the list ends with an entry without a zone. */
export function writeZonelists(
  memory: KernelMemory,
  pgdat: Vaddr,
  zones: readonly ZoneFacts[],
): void {
  const indices = zoneIndices(memory.types);
  const member = (path: string): Vaddr =>
    memberAddress(memory, pgdat, { struct: 'pglist_data', path });
  const fields: Record<string, bigint | number> = {};
  zones.toReversed().forEach(({ name }, i) => {
    const index = indices.get(name) ?? 0;
    fields[`_zonerefs[${i}].zone`] = member(`node_zones[${index}]`);
    fields[`_zonerefs[${i}].zone_idx`] = index;
  });
  // ZONELIST_FALLBACK, and with NUMA ZONELIST_NOFALLBACK: one node, so both are the same.
  const lists = memory.struct('pglist_data').members;
  const type = lists.find(({ name }) => name === 'node_zonelists')?.type;
  const count = type?.kind === 'array' ? type.count : 0;
  for (let i = 0; i < count; i++) {
    memory.store('zonelist', member(`node_zonelists[${i}]`), fields);
  }
}

class NodeWriter {
  readonly #memory: KernelMemory;
  readonly #pgdat: Vaddr;
  readonly #options: NodeOptions & { plan: NodePlan };

  constructor(memory: KernelMemory, pgdat: Vaddr, options: NodeOptions & { plan: NodePlan }) {
    this.#memory = memory;
    this.#pgdat = pgdat;
    this.#options = options;
  }

  /** @returns what vm_stat has */
  write(): ReadonlyMap<number, number> {
    const { facts, plan } = this.#options;
    const { node, zones } = facts;
    const start = Math.min(...zones.map(({ startPfn }) => startPfn));
    const end = Math.max(...zones.map(({ startPfn, spannedPages }) => startPfn + spannedPages));
    const indices = zoneIndices(this.#memory.types);
    const split = splitCounters(this.#memory.types, {
      counters: node.counters,
      enumName: 'node_stat_item',
      cpuCount: this.#options.offsets.length,
    });
    this.#memory.store('pglist_data', this.#pgdat, {
      nr_zones: Math.max(...zones.map(({ name }) => (indices.get(name) ?? 0) + 1)),
      node_start_pfn: start,
      node_spanned_pages: end - start,
      node_present_pages: presentPages(this.#memory.physical.ram, start, end),
      node_id: 0,
      kswapd: taskOf(this.#options.tasks, node.kswapdPid),
      kswapd_failures: node.kswapdFailures,
      kswapd_order: node.kswapdOrder,
      kswapd_highest_zoneidx: indices.size - 1,
      totalreserve_pages: totalReserve(facts),
      'nr_writeback_throttled.counter': node.waiters.reclaim[0]?.length ?? 0,
      per_cpu_nodestats: plan.nodestats,
      ...atomicFields('vm_stat', split.folded),
    });
    split.diffs.forEach((diff, cpu) => {
      const at = vaddr(plan.nodestats + this.#options.offsets[cpu]!);
      this.#memory.store('per_cpu_nodestat', at, {
        stat_threshold: NODE_THRESHOLD,
        ...arrayFields('vm_node_stat_diff', diff),
      });
    });
    writeZonelists(this.#memory, this.#pgdat, zones);
    this.#writeWaits(node);
    this.#writeLruvec();
    return split.folded;
  }

  /** LRU lists are written with the pages on them. */
  lruLists(): PageListPlan[] {
    return this.#options.facts.node.lru.map((pfns, index) => {
      return { kind: 'lru', head: this.#lruHead(index), pfns, order: 0 };
    });
  }

  #member(path: string): Vaddr {
    return memberAddress(this.#memory, this.#pgdat, { struct: 'pglist_data', path });
  }

  #writeWaits({ waiters }: NodeFacts): void {
    this.#writeQueue('kswapd_wait', waiters.kswapd);
    this.#writeQueue('pfmemalloc_wait', waiters.pfmemalloc);
    if (this.#memory.types.findEnumerator('NR_VMSCAN_THROTTLE') === undefined) return;
    const count = Number(pageEnumerator(this.#memory.types, 'NR_VMSCAN_THROTTLE'));
    for (let state = 0; state < count; state++) {
      this.#writeQueue(`reclaim_wait[${state}]`, waiters.reclaim[state] ?? []);
    }
  }

  #writeQueue(path: string, pids: readonly number[]): void {
    const entries = pids.flatMap((pid) => this.#options.waitEntryOf(pid) ?? []);
    linkWaitQueue(this.#memory, this.#member(path), entries);
  }

  #lruHead(index: number): Vaddr {
    return memberAddress(this.#memory, this.#member('__lruvec'), {
      struct: 'lruvec',
      path: `lists[${index}]`,
    });
  }

  #writeLruvec(): void {
    const lists = Number(pageEnumerator(this.#memory.types, 'NR_LRU_LISTS'));
    for (let index = 0; index < lists; index++) linkList(this.#memory, this.#lruHead(index));
    const lruvec = this.#memory.struct('lruvec');
    if (!lruvec.members.some(({ name }) => name === 'pgdat')) return;
    this.#memory.store('lruvec', this.#member('__lruvec'), { pgdat: this.#pgdat });
  }
}

/** calculate_totalreserve_pages(): what requests may not count on. */
function totalReserve({ zones }: MemoryFacts): number {
  return zones.reduce((sum, zone) => sum + zoneReserve(zone), 0);
}

/** The part of it that is a zone's. */
export function zoneReserve({ watermark, lowmemReserve, managedPages }: ZoneFacts): number {
  const reserve = Math.max(0, ...Object.values(lowmemReserve)) + watermark.high;
  return Math.min(reserve, managedPages);
}

/** Those that this kernel has a symbol for. */
export function writeGlobals(image: KernelImage, areas: Areas, facts: MemoryFacts): void {
  const { memory } = areas;
  const set = (name: string, value: bigint | number, size: 4 | 8 = 8): void => {
    if (image.has(name)) memory.writeInteger(image.symbol(name), value, size);
  };
  const managed = facts.zones.reduce((sum, { managedPages }) => sum + managedPages, 0);
  const maxPfn = memory.physical.end / PAGE_SIZE;
  // An unsigned long without the underscore up to Linux 4.20.
  set('_totalram_pages', managed);
  set('totalram_pages', managed);
  set('totalreserve_pages', totalReserve(facts));
  set('max_pfn', maxPfn);
  set('max_low_pfn', maxPfn);
  set('max_mapnr', maxPfn);
  set('high_memory', memory.directMap(memory.physical.end));
  set('min_free_kbytes', facts.minFreeKbytes, 4);
  set('user_min_free_kbytes', -1, 4);
  set('vm_swappiness', SWAPPINESS, 4);
  set('watermark_scale_factor', WATERMARK_SCALE_FACTOR, 4);
  set('watermark_boost_factor', WATERMARK_BOOST_FACTOR, 4);
  set('nr_node_ids', 1, 4);
  set('nr_online_nodes', 1, 4);
  // The node is in every state but that of an initiator without memory or CPUs.
  const states = ['N_POSSIBLE', 'N_ONLINE', 'N_NORMAL_MEMORY', 'N_MEMORY', 'N_CPU'];
  for (const state of states) {
    const index = Number(pageEnumerator(memory.types, state));
    const at =
      image.symbol('node_states') + BigInt(index * nodemaskLongs(memory.types) * LONG_SIZE);
    memory.writeInteger(vaddr(at), 1, 8);
  }
}

/** vm_event_states: each CPU counts for itself, and nobody ever adds them up. */
export function writeEvents(image: KernelImage, memory: KernelMemory, options: NodeOptions): void {
  if (!image.has('vm_event_states')) return;
  const { facts, offsets } = options;
  for (const [name, count] of Object.entries(facts.events)) {
    const item = memory.types.findEnumerator(name);
    if (item === undefined) continue;
    offsets.forEach((offset, cpu) => {
      const share = Math.floor(count / offsets.length);
      const value = cpu === 0 ? count - share * (offsets.length - 1) : share;
      const at = perCpu(image, offset, 'vm_event_states') + item * BigInt(LONG_SIZE);
      memory.writeInteger(vaddr(at), value, 8);
    });
  }
}
