// SysRq-m: the state of memory, into the log (lib/show_mem.c and __show_free_areas() in
// mm/page_alloc.c of 6.1). A record of several lines in the kernel is a record a line here; what
// the simulation does not have is 0, as it would be on such a machine.

import type { Kernel } from '../core/kernel.ts';
import { MAX_ORDER } from './buddy.ts';
import { LRU_NAMES, type Zone } from './mmzone.ts';
import { LOGLEVEL_WARNING } from '../kernel/printk.ts';

const PAGE_KB = 4;
/** THREAD_SIZE */
const STACK_KB = 16;
/** MAX_RECLAIM_RETRIES: after so many failures kswapd has given up. */
const KSWAPD_FAILURES_MAX = 16;
/** ZONE_DMA, ZONE_DMA32, ZONE_NORMAL and ZONE_MOVABLE: lowmem_reserve[] has an entry for each. */
const ZONE_NAMES = ['DMA', 'DMA32', 'Normal', 'Movable'];

const kb = (pages: number): string => `${pages * PAGE_KB}kB`;

/** Prints the counters of the node, each zone with its watermarks, free blocks, and swap. */
export function show_mem(k: Kernel): void {
  const lowestFirst = [...k.node.zones].reverse();
  const lines = [
    'Mem-Info:',
    ...totalLines(k),
    nodeLine(k),
    ...lowestFirst.flatMap((zone) => [zoneLine(k, zone), reserveLine(k, zone)]),
    ...lowestFirst.map(blocksLine),
    `${pageCache(k)} total pagecache pages`,
    ...swapLines(k),
    ...sizeLines(lowestFirst),
  ];
  for (const text of lines) k.printk(LOGLEVEL_WARNING, text);
}

function totalLines(k: Kernel): string[] {
  const { lru, isolated, nrDirty, nrWriteback, freePages, zones } = k.node;
  const freePcp = zones.reduce((sum, zone) => sum + onCpuLists(zone), 0);
  return [
    `active_anon:${lru.active_anon.length} inactive_anon:${lru.inactive_anon.length} ` +
      `isolated_anon:${isolated.anon}`,
    ` active_file:${lru.active_file.length} inactive_file:${lru.inactive_file.length} ` +
      `isolated_file:${isolated.file}`,
    ` unevictable:0 dirty:${nrDirty} writeback:${nrWriteback}`,
    ' slab_reclaimable:0 slab_unreclaimable:0',
    ` mapped:${mappedFilePages(k)} shmem:0 pagetables:0`,
    ' sec_pagetables:0 bounce:0',
    ' kernel_misc_reclaimable:0',
    ` free:${freePages} free_pcp:${freePcp} free_cma:0`,
  ];
}

function nodeLine(k: Kernel): string {
  const { lru, isolated, nrDirty, nrWriteback, kswapdFailures } = k.node;
  const threads = [...k.threads()].length;
  return (
    `Node 0 active_anon:${kb(lru.active_anon.length)} ` +
    `inactive_anon:${kb(lru.inactive_anon.length)} active_file:${kb(lru.active_file.length)} ` +
    `inactive_file:${kb(lru.inactive_file.length)} unevictable:0kB ` +
    `isolated(anon):${kb(isolated.anon)} isolated(file):${kb(isolated.file)} ` +
    `mapped:${kb(mappedFilePages(k))} dirty:${kb(nrDirty)} ` +
    `writeback:${kb(nrWriteback)} shmem:0kB ` +
    `writeback_tmp:0kB kernel_stack:${threads * STACK_KB}kB pagetables:0kB sec_pagetables:0kB ` +
    `all_unreclaimable? ${kswapdFailures >= KSWAPD_FAILURES_MAX ? 'yes' : 'no'}`
  );
}

function zoneLine(k: Kernel, zone: Zone): string {
  const { name, freePages, watermark, spannedPages, managedPages, lruPages } = zone;
  const lru = (wanted: (typeof LRU_NAMES)[number]): string =>
    `${wanted}:${kb(lruPages[LRU_NAMES.indexOf(wanted)] ?? 0)}`;
  const local = zone.pcp[k.current.cpu]?.count ?? 0;
  return (
    `Node 0 ${name} free:${kb(freePages)} boost:0kB min:${kb(watermark.min)} ` +
    `low:${kb(watermark.low)} high:${kb(watermark.high)} reserved_highatomic:0KB ` +
    `${lru('active_anon')} ${lru('inactive_anon')} ${lru('active_file')} ` +
    `${lru('inactive_file')} unevictable:0kB writepending:${kb(writePending(k, zone))} ` +
    `present:${kb(spannedPages)} managed:${kb(managedPages)} mlocked:0kB bounce:0kB ` +
    `free_pcp:${kb(onCpuLists(zone))} local_pcp:${kb(local)} free_cma:0kB`
  );
}

/** By the zone that a request may use at most; what a zone keeps of itself is nothing. */
function reserveLine({ node }: Kernel, zone: Zone): string {
  const reserves = ZONE_NAMES.map((_, highest) => {
    const at = node.zones.findIndex(({ name }) => ZONE_NAMES.indexOf(name) <= highest);
    return at < 0 ? 0 : (zone.protection[at] ?? 0);
  });
  return `lowmem_reserve[]: ${reserves.join(' ')}`;
}

/** Pages are movable from boot on, and nothing here makes a block anything else: (M). */
function blocksLine({ name, free }: Zone): string {
  const counts = Array.from({ length: MAX_ORDER }, (_, order) => free.count(order));
  const blocks = counts.map((count, order) => {
    return `${count}*${PAGE_KB * 2 ** order}kB ${count > 0 ? '(M) ' : ''}`;
  });
  const total = counts.reduce((sum, count, order) => sum + count * 2 ** order, 0);
  return `Node 0 ${name}: ${blocks.join('')}= ${kb(total)}`;
}

function swapLines({ swap }: Kernel): string[] {
  return [
    `${swap?.cache.size ?? 0} pages in swap cache`,
    `Free swap  = ${kb(swap?.freePages ?? 0)}`,
    `Total swap = ${kb(swap?.pages ?? 0)}`,
  ];
}

function sizeLines(zones: readonly Zone[]): string[] {
  const present = zones.reduce((sum, { spannedPages }) => sum + spannedPages, 0);
  const managed = zones.reduce((sum, { managedPages }) => sum + managedPages, 0);
  return [
    `${present} pages RAM`,
    '0 pages HighMem/MovableOnly',
    `${present - managed} pages reserved`,
  ];
}

/** NR_FILE_PAGES: swap cache is page cache too. */
function pageCache({ node, swap }: Kernel): number {
  const { active_file: active, inactive_file: inactive } = node.lru;
  return active.length + inactive.length + node.isolated.file + (swap?.cache.size ?? 0);
}

function onCpuLists({ pcp }: Zone): number {
  return pcp.reduce((sum, { count }) => sum + count, 0);
}

/** NR_FILE_MAPPED */
function mappedFilePages(k: Kernel): number {
  let pages = 0;
  for (const mm of new Set(k.processes.map(({ threads }) => threads[0]?.mm))) {
    pages += mm?.filePages.size ?? 0;
  }
  return pages;
}

/** NR_ZONE_WRITE_PENDING: dirty or under writeback. */
function writePending(k: Kernel, zone: Zone): number {
  let pages = 0;
  for (const page of k.fs.dirty) if (page.zone === zone) pages++;
  for (const page of k.writeback.inFlight.keys()) if (page.zone === zone) pages++;
  return pages;
}
