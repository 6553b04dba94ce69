// The state of memory as plain data for image/: which page is whose, and on which list it lies.

import type {
  CounterFacts,
  MemoryFacts,
  NodeFacts,
  PageFacts,
  ZoneFacts,
} from './image/memory-facts.ts';
import { ZONE_NAMES, type ZoneName } from './image/memory-facts.ts';
import type { Kernel } from './core/kernel.ts';
import type { Mm, Task } from './kernel/task.ts';
import type { WaitQueue } from './kernel/wait.ts';
import { MAX_ORDER } from './mm/buddy.ts';
import { LRU_NAMES, type Node, type Page, type PageList, type Zone } from './mm/mmzone.ts';
import { COSTLY_ORDER } from './mm/pcp.ts';
import { isKswapd } from './mm/throttle.ts';
import type { ZoneCounter } from './mm/zone-counter.ts';
import { assert } from '../util/assert.ts';

const PAGE_KB = 4;
/** A kernel stack of four pages, as NR_KERNEL_STACK_KB counts. */
const STACK_KB = 16;

/** Memory at this instant. */
export function memoryFacts(k: Kernel): MemoryFacts {
  const { node } = k;
  const zones = node.zones.toReversed();
  const tgidOf = new Map(
    k.processes.flatMap(({ mm, leader }) => (mm === undefined ? [] : [[mm, leader.pid] as const])),
  );
  const pages = zones.flatMap(({ inUse }) =>
    [...inUse.pages()].map((page) => factsOf(k, page, tgidOf)),
  );
  return {
    zones: zones.map((zone) => zoneFacts(node, zone)),
    node: nodeFacts(k, pages),
    pages,
    kernel: zones.map(({ startPfn, spannedPages, managedPages }) => {
      return { startPfn, endPfn: startPfn + spannedPages - managedPages };
    }),
    minFreeKbytes: zones.reduce((sum, { watermark }) => sum + watermark.min, 0) * PAGE_KB,
    ...(k.swap === undefined ? {} : { swap: { pages: k.swap.pages, freePages: k.swap.freePages } }),
    events: { ...k.events.facts(zones), OOM_KILL: k.oomKills },
  };
}

function zoneFacts(node: Node, zone: Zone): ZoneFacts {
  const { startPfn, spannedPages, managedPages, watermark, isReclaimActive } = zone;
  const cpuCount = zone.pcp.length;
  const orders = Array.from({ length: MAX_ORDER }, (_, order) => order);
  return {
    name: zoneName(zone),
    startPfn,
    spannedPages,
    managedPages,
    watermark,
    watermarkBoost: 0,
    lowmemReserve: Object.fromEntries(
      node.zones.map((above, i) => [zoneName(above), zone.protection[i] ?? 0]),
    ),
    counters: {
      NR_FREE_PAGES: counterFacts(zone.nrFree, cpuCount),
      ...Object.fromEntries(
        LRU_NAMES.map((name, i) => {
          return [`NR_ZONE_${name.toUpperCase()}`, counterFacts(zone.lru[i]!, cpuCount)];
        }),
      ),
    },
    formerCounters: {
      NR_PAGES_SCANNED: counterFacts(zone.pagesScanned, cpuCount),
      NR_ISOLATED_ANON: { folded: zone.isolated.anon },
      NR_ISOLATED_FILE: { folded: zone.isolated.file },
      NR_DIRTIED: { folded: zone.dirtiedPages },
      NR_WRITTEN: { folded: zone.writtenPages },
    },
    free: orders.map((order) => zone.free.blocks(order)),
    pcp: zone.pcp.map((lists) => {
      const { count, high, batch } = lists;
      const blocks = orders.slice(0, COSTLY_ORDER + 1).map((order) => lists.blocks(order));
      return { count, high, batch, lists: blocks };
    }),
    isReclaimActive,
    compactDefer: zone.defer,
  };
}

/** As the simulated CPUs have it: how stale a counter is, is evidence. */
function counterFacts(counter: ZoneCounter, cpuCount: number): CounterFacts {
  const diffs = Array.from({ length: cpuCount }, (_, cpu) => counter.diff(cpu));
  return { folded: counter.folded, diffs };
}

function zoneName({ name }: Zone): ZoneName {
  const found = ZONE_NAMES.find((each) => each === name);
  assert(found !== undefined, `no kernel has a zone ${name}`);
  return found;
}

const FLAGS = ['dirty', 'writeback', 'referenced', 'reclaim'] as const;

function factsOf(k: Kernel, page: Page, tgidOf: ReadonlyMap<Mm, number>): PageFacts {
  const { pfn, order, lru, mm } = page;
  const cached = k.swap?.cache.get(page);
  const flags: PageFacts['flags'][number][] = FLAGS.filter((flag) => page[flag]);
  if (k.pageWaits.locked.has(page)) flags.push('locked');
  const tgid = mm === undefined ? undefined : tgidOf.get(mm);
  return {
    pfn,
    order,
    kind: cached === undefined ? kindOf(page) : 'anonymous',
    flags,
    ...(lru === undefined ? {} : { lru: lru.index }),
    ...(tgid === undefined ? {} : { tgid }),
    // The device's first page is its header.
    ...(cached === undefined ? {} : { swapSlot: cached.slot + 1 }),
  };
}

/** An isolated page is on no list: then the address space knows what it is. */
function kindOf(page: Page): PageFacts['kind'] {
  const { lru, mm } = page;
  if (lru !== undefined) return lru.isFile ? 'file' : 'anonymous';
  if (mm?.anonPages.has(page) === true) return 'anonymous';
  return mm?.filePages.has(page) === true || page.dirty || page.writeback ? 'file' : 'kernel';
}

function nodeFacts(k: Kernel, pages: readonly PageFacts[]): NodeFacts {
  const { node } = k;
  const kswapd = [...k.threads()].find(isKswapd);
  const pids = (queue: WaitQueue | undefined): number[] => queue?.tasks.map(pidOf) ?? [];
  const { writeback, isolated, noprogress, congested } = k.reclaimWait;
  return {
    // The simulation folds what it counts of the node at once.
    counters: Object.fromEntries(
      Object.entries(nodeCounters(k, pages)).map(([name, folded]) => [name, { folded }]),
    ),
    kswapdPid: kswapd?.pid,
    kswapdFailures: node.kswapdFailures,
    kswapdOrder: 0,
    lru: LRU_NAMES.map((name) => pfnsOf(node.lru[name])),
    waiters: {
      kswapd: pids(k.kswapdWait),
      pfmemalloc: pids(k.pfmemallocWait),
      reclaim: [writeback, isolated, noprogress, congested].map(pids),
    },
  };
}

function pidOf({ pid }: Task): number {
  return pid;
}

/** The most recent first, as list_heads go. */
function pfnsOf(list: PageList): number[] {
  const pfns: number[] = [];
  for (let page = list.tail; page !== undefined; page = page.previous) pfns.push(page.pfn);
  return pfns.reverse();
}

/** enum node_stat_item, as far as the simulation has what it counts. */
function nodeCounters(k: Kernel, pages: readonly PageFacts[]): Record<string, number> {
  const { node } = k;
  const count = (wanted: (page: PageFacts) => boolean): number =>
    pages.reduce((sum, page) => sum + (wanted(page) ? 2 ** page.order : 0), 0);
  return {
    ...Object.fromEntries(
      LRU_NAMES.map((name, lru) => [`NR_${name.toUpperCase()}`, count((page) => page.lru === lru)]),
    ),
    NR_ISOLATED_ANON: node.isolated.anon,
    NR_ISOLATED_FILE: node.isolated.file,
    NR_ANON_MAPPED: count(({ kind, tgid }) => kind === 'anonymous' && tgid !== undefined),
    NR_FILE_MAPPED: count(({ kind, tgid }) => kind === 'file' && tgid !== undefined),
    NR_FILE_PAGES: count(({ kind }) => kind === 'file'),
    NR_FILE_DIRTY: node.nrDirty,
    NR_WRITEBACK: node.nrWriteback,
    NR_DIRTIED: node.zones.reduce((sum, { dirtiedPages }) => sum + dirtiedPages, 0),
    NR_WRITTEN: node.zones.reduce((sum, { writtenPages }) => sum + writtenPages, 0),
    NR_KERNEL_STACK_KB: [...k.threads()].length * STACK_KB,
  };
}
