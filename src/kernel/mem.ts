// The result object of `stallcore mem`: what SysRq-m would print, and what holds the memory.

import type { Vmcore } from '../target/vmcore.ts';
import { optional } from '../util/optional.ts';
import { readHugePages, type HugePages } from './hugetlb.ts';
import { memcgsUnderOom, type MemcgOom } from './memcg-oom.ts';
import { memoryUses, type MemoryUses } from './memory-users.ts';
import {
  boostedMarks,
  levelAt,
  readZones,
  type NodeState,
  type ZoneLevel,
  type ZoneState,
} from './mmzone.ts';
import { readSlabCaches, type SlabCache } from './slab.ts';
import { threadSize } from './stack-areas.ts';
import { readSwap, type SwapState } from './swap.ts';
import { countOf, readVmEvents } from './vmstat.ts';

/** A zone against its watermarks. */
export interface ZonePressure {
  readonly node: number;
  readonly zone: string;
  /** With what CPUs have not folded in. */
  readonly level: ZoneLevel;
  /** What the allocator goes by, where that is another level: the counter is stale. */
  readonly storedLevel?: ZoneLevel;
  /**
   * For requests that could have pages of a higher zone as well, where that is another level: they
   * have to leave lowmem_reserve[] on top of the mark.
   */
  readonly levelForHigher?: ZoneLevel;
}

/** The state of memory. Numbers are pages; what this kernel lacks is absent. */
export interface MemResult {
  readonly type: 'mem';
  readonly nodes: readonly NodeState[];
  readonly pressure: readonly ZonePressure[];
  readonly uses: MemoryUses;
  /** nr_vmalloc_pages (v5.3): kernel stacks are among them where stacks are vmalloc()ed. */
  readonly vmallocPages?: number;
  /** num_poisoned_pages: taken out for a fault of the hardware. */
  readonly poisonedPages?: number;
  /** totalcma_pages */
  readonly cmaPages?: number;
  /** The kernel was built with CONFIG_TRANSPARENT_HUGEPAGE. */
  readonly hasTransparentHugepages: boolean;
  /** And with CONFIG_NUMA: the kernel then names the node of a zone. */
  readonly isNuma: boolean;
  readonly threadSize: number;
  readonly slabCaches?: readonly SlabCache[];
  readonly swap?: SwapState;
  readonly hugePages?: readonly HugePages[];
  /** vm_event_states of all CPUs since boot: those about allocation, reclaim, compaction, OOM. */
  readonly events?: Readonly<Record<string, number>>;
  /** Memory cgroups in OOM. */
  readonly memcgs?: readonly MemcgOom[];
}

/** Of enum vm_event_item, by how they begin. */
const EVENTS = [
  ...['PGALLOC', 'PGFREE', 'PGMAJFAULT', 'PSWP', 'SWAP_', 'ALLOCSTALL', 'PGSCAN', 'PGSTEAL'],
  ...['PGREFILL', 'PAGEOUTRUN', 'KSWAPD', 'DROP_', 'OOM_KILL', 'COMPACT', 'PGMIGRATE'],
  ...['PGROTATED', 'WORKINGSET', 'THP_FAULT_FALLBACK'],
];

/** Reads all of it; what cannot be read is a problem and missing. */
export function memResult(vmcore: Vmcore): MemResult {
  const { nodes } = readZones(vmcore);
  const numbers = nodes.map(({ node }) => node);
  const hugePages = readHugePages(vmcore, numbers);
  const hasCma = vmcore.types.findEnumerator('MIGRATE_CMA') !== undefined;
  return {
    type: 'mem',
    nodes,
    pressure: nodes.flatMap(({ node, zones }) => zones.flatMap((zone) => pressureOf(node, zone))),
    uses: usesOf(vmcore, nodes, hugePages),
    ...optional('vmallocPages', variable(vmcore, 'nr_vmalloc_pages')),
    ...optional('poisonedPages', variable(vmcore, 'num_poisoned_pages')),
    // The variable is there without CONFIG_CMA, too.
    ...optional('cmaPages', hasCma ? variable(vmcore, 'totalcma_pages') : undefined),
    hasTransparentHugepages: vmcore.symbols.lookup('transparent_hugepage_flags') !== undefined,
    isNuma: vmcore.symbols.lookup('contig_page_data') === undefined,
    threadSize: threadSize(vmcore),
    ...optional('slabCaches', readSlabCaches(vmcore, numbers)),
    ...optional('swap', readSwap(vmcore)),
    ...optional('hugePages', hugePages),
    ...optional('events', eventsThatMatter(vmcore)),
    ...optional('memcgs', memcgsUnderOom(vmcore)),
  };
}

/** What holds the memory, without what takes a walk over slab caches. */
export function readMemoryUses(vmcore: Vmcore, nodes: readonly NodeState[]): MemoryUses {
  const numbers = nodes.map(({ node }) => node);
  return usesOf(vmcore, nodes, readHugePages(vmcore, numbers));
}

function usesOf(
  vmcore: Vmcore,
  nodes: readonly NodeState[],
  hugePages: readonly HugePages[] | undefined,
): MemoryUses {
  const huge = hugePages ?? hugePagesUnread(vmcore);
  return memoryUses(nodes, { huge, threadSize: threadSize(vmcore) });
}

/** None on a kernel that has none. */
function hugePagesUnread({ symbols }: Vmcore): readonly HugePages[] | undefined {
  return symbols.lookup('hstates') === undefined ? [] : undefined;
}

function variable(vmcore: Vmcore, name: string): number | undefined {
  if (vmcore.symbols.lookup(name) === undefined) return undefined;
  return vmcore.problems.attempt(name, () => countOf(vmcore.global(name)));
}

function eventsThatMatter(vmcore: Vmcore): Record<string, number> | undefined {
  const events = vmcore.problems.attempt('vm_event_states', () => readVmEvents(vmcore));
  if (events === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(events).filter(([name]) => EVENTS.some((start) => name.startsWith(start))),
  );
}

function pressureOf(node: number, zone: ZoneState): ZonePressure[] {
  const free = zone.counters.NR_FREE_PAGES;
  const { watermarks, lowmemReserve = [] } = zone;
  if (free === undefined || watermarks === undefined) return [];
  const marks = boostedMarks(watermarks);
  const level = levelAt(free.value, marks);
  const another = (pages: number): ZoneLevel | undefined => {
    const other = levelAt(pages, marks);
    return other === level ? undefined : other;
  };
  return [
    {
      node,
      zone: zone.name,
      level,
      ...optional('storedLevel', another(free.stored)),
      ...optional('levelForHigher', another(free.value - Math.max(0, ...lowmemReserve))),
    },
  ];
}
