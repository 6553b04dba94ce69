// SysRq-m: the state of memory, into the log (lib/show_mem.c, show_free_areas() in
// mm/page_alloc.c).

import type { Kernel } from '../core/kernel.ts';
import { MAX_ORDER } from './buddy.ts';
import type { Zone } from './mmzone.ts';
import { LOGLEVEL_WARNING } from '../kernel/printk.ts';

const PAGE_KB = 4;

/** Prints free memory, the LRU lists, and each zone with its watermarks and free blocks. */
export function show_mem(k: Kernel): void {
  const line = (text: string): void => k.printk(LOGLEVEL_WARNING, text);
  const { lru, isolated, nrDirty, nrWriteback, freePages, zones } = k.node;
  line('Mem-Info:');
  line(
    `active_anon:${lru.active_anon.length} inactive_anon:${lru.inactive_anon.length} ` +
      `isolated_anon:${isolated.anon}`,
  );
  line(
    ` active_file:${lru.active_file.length} inactive_file:${lru.inactive_file.length} ` +
      `isolated_file:${isolated.file}`,
  );
  line(` unevictable:0 dirty:${nrDirty} writeback:${nrWriteback}`);
  line(` free:${freePages} free_pcp:0 free_cma:0`);
  for (const zone of zones) line(zoneLine(zone));
  for (const zone of zones) line(blocksLine(zone));
}

function zoneLine({ name, freePages, watermark, spannedPages, managedPages }: Zone): string {
  const kb = (pages: number): string => `${pages * PAGE_KB}kB`;
  return (
    `Node 0 ${name} free:${kb(freePages)} boost:0kB min:${kb(watermark.min)} ` +
    `low:${kb(watermark.low)} high:${kb(watermark.high)} present:${kb(spannedPages)} ` +
    `managed:${kb(managedPages)}`
  );
}

function blocksLine({ name, free, freePages }: Zone): string {
  const blocks = Array.from({ length: MAX_ORDER }, (_, order) => {
    return `${free.count(order)}*${PAGE_KB * 2 ** order}kB`;
  });
  return `Node 0 ${name}: ${blocks.join(' ')} = ${freePages * PAGE_KB}kB`;
}
