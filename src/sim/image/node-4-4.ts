// struct pglist_data of Linux 4.4 and the variables of its memory management (mm/page_alloc.c,
// mm/vmstat.c, mm/swapfile.c). Zones have what later is the node's (zones-4-4.ts).

import type { TypeSource } from '../../types/ctype.ts';
import { vaddrAdd, vaddr, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { Areas } from './areas.ts';
import type { KernelImage, SectionName } from './kernel-image.ts';
import { memberAddress } from './lists.ts';
import type { ZoneName } from './memory-facts.ts';
import {
  placeNode,
  presentPages,
  taskOf,
  writeEvents,
  writeGlobals,
  writeZonelists,
  type NodeOptions,
} from './node.ts';
import { pageEnumerator } from './page-structs.ts';
import { defineSwap, writeSwap } from './swap.ts';
import { linkWaitQueue } from './wait-queues.ts';
import { writeGlobalCounters, zoneIndices, reserveZoneNames, type PageListPlan } from './zones.ts';
import { writeZones44 } from './zones-4-4.ts';

const PAGE_SIZE = 4096;
const LONG_SIZE = 8;
const CACHE_LINE = 64;
/** Two of migration and a bad page are no files; least_priority begins at 0. */
const SWAP = { filesMax: 29, priority: -1 };
/** A kernel stack of four pages. */
const STACK_KB = 16;

/** Where the per-CPU parts of the zones lie: offsets in each CPU's area. */
export interface NodePlan44 {
  readonly zoneNames: ReadonlyMap<ZoneName, Vaddr>;
  readonly pagesets: Vaddr;
}

/** Gives the variables their places; node_data and node_states are the flavour's. */
export function defineNode44(image: KernelImage, types: TypeSource): NodePlan44 {
  const size = (name: string): number => {
    const type = types.find('struct', name);
    assert(type?.kind === 'struct', `${types.origin} has no struct ${name}`);
    return type.size;
  };
  const counters = Number(pageEnumerator(types, 'NR_VM_ZONE_STAT_ITEMS')) * LONG_SIZE;
  const places: [SectionName, name: string, size: number, align?: number][] = [
    ['data', 'vm_swappiness', 4],
    ['data', 'min_free_kbytes', 4],
    ['data', 'user_min_free_kbytes', 4],
    ['data', 'nr_node_ids', 4],
    ['data', 'nr_online_nodes', 4],
    ['bss', 'vm_stat', counters, CACHE_LINE],
    ['bss', 'totalram_pages', 8],
    ['bss', 'totalreserve_pages', 8],
    ['bss', 'max_pfn', 8],
    ['bss', 'max_low_pfn', 8],
    ['bss', 'max_mapnr', 8],
    ['bss', 'high_memory', 8],
    ['percpu', 'vm_event_states', size('vm_event_state')],
  ];
  for (const [section, name, bytes, align = 8] of places) {
    image.define(name, { section, size: bytes, align });
  }
  defineSwap(image, SWAP);
  const bytes = zoneIndices(types).size * size('per_cpu_pageset');
  return {
    zoneNames: reserveZoneNames(image, types),
    pagesets: image.reserve({ section: 'percpu', size: bytes, align: CACHE_LINE }),
  };
}

/** Writes node and zones. @returns the lists of pages, which whoever writes struct pages links */
export function writeNode44(
  image: KernelImage,
  areas: Areas,
  options: NodeOptions & { plan: NodePlan44 },
): PageListPlan[] {
  const { memory } = areas;
  const { facts, plan, offsets } = options;
  const pgdat = placeNode(image, areas);
  const { size } = memory.struct('per_cpu_pageset');
  const stackKb = facts.node.counters.NR_KERNEL_STACK_KB?.folded ?? 0;
  const zones = writeZones44(memory, facts, {
    pgdat,
    names: plan.zoneNames,
    offsets,
    pageset: (index) => vaddrAdd(plan.pagesets, index * size),
    presentPages: (start, end) => presentPages(memory.physical.ram, start, end),
    kernelStacks: { pfn: areas.imageRange.start / PAGE_SIZE, count: stackKb / STACK_KB },
  });
  writePgdat(areas, pgdat, options);
  writeGlobalCounters(memory, image.symbol('vm_stat'), zones.folded);
  writeGlobals(image, areas, facts);
  writeEvents(image, memory, options);
  writeSwap(image, areas, { swap: facts.swap, plan: SWAP });
  return [...zones.lists];
}

function writePgdat({ memory }: Areas, pgdat: Vaddr, options: NodeOptions): void {
  const { node, zones } = options.facts;
  const start = Math.min(...zones.map(({ startPfn }) => startPfn));
  const end = Math.max(...zones.map(({ startPfn, spannedPages }) => startPfn + spannedPages));
  const indices = zoneIndices(memory.types);
  memory.store('pglist_data', pgdat, {
    nr_zones: Math.max(...zones.map(({ name }) => (indices.get(name) ?? 0) + 1)),
    node_start_pfn: start,
    node_spanned_pages: end - start,
    node_present_pages: presentPages(memory.physical.ram, start, end),
    node_id: 0,
    kswapd: taskOf(options.tasks, node.kswapdPid),
    kswapd_max_order: node.kswapdOrder,
    classzone_idx: indices.size - 1,
  });
  writeZonelists(memory, pgdat, zones);
  const queues = { kswapd_wait: node.waiters.kswapd, pfmemalloc_wait: node.waiters.pfmemalloc };
  for (const [path, pids] of Object.entries(queues)) {
    const head = memberAddress(memory, pgdat, { struct: 'pglist_data', path });
    const entries = pids.flatMap((pid) => options.waitEntryOf(pid) ?? []);
    linkWaitQueue(memory, vaddr(head), entries);
  }
}
