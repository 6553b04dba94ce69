// The page allocator (mm/page_alloc.c of 6.1): zones are tried down to a watermark, single pages
// from the lists of the CPU. Where all zones are below it, slowpath.ts goes on.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { PF_MEMALLOC_NOFS, PF_MEMALLOC_NOIO } from '../kernel/task-bits.ts';
import type { Task } from '../kernel/task.ts';
import { start_memalloc_timer, stop_memalloc_timer } from '../watchdog/memalloc-timer.ts';
import { ALLOC_WMARK_LOW, zone_watermark_ok, type AllocRequest } from './alloc-flags.ts';
import { __GFP_DMA, __GFP_DMA32, __GFP_FS, __GFP_IO } from './gfp.ts';
import type { Page } from './mmzone.ts';
import { __alloc_pages_slowpath } from './slowpath.ts';

/** Microseconds that a look at the free lists takes. */
const FREELIST_US = 0.5;

/** current_gfp_context(): scopes that forbid I/O or the file system. */
export function current_gfp_context(task: Task, gfp: number): number {
  if ((task.flags & PF_MEMALLOC_NOIO) !== 0) return gfp & ~(__GFP_IO | __GFP_FS);
  if ((task.flags & PF_MEMALLOC_NOFS) !== 0) return gfp & ~__GFP_FS;
  return gfp;
}

/** gfp_zone(): the index in `node.zones` of the highest zone that may serve a request. */
export function highestZone({ node }: Kernel, gfp: number): number {
  if ((gfp & (__GFP_DMA | __GFP_DMA32)) === 0) return 0;
  const last = node.zones.length - 1;
  return (gfp & __GFP_DMA) !== 0 ? last : Math.max(0, last - 1);
}

/** The first zone that may serve the request does. */
export function get_page_from_freelist(
  k: Kernel,
  request: AllocRequest,
  flags: number,
): Page | undefined {
  k.spend(FREELIST_US);
  const { zones } = k.node;
  const highest = highestZone(k, request.gfp);
  for (let at = highest; at < zones.length; at++) {
    const zone = zones[at]!;
    if (!zone_watermark_ok(zone, request, { flags, free: zone.freePages, highest })) continue;
    const page = zone.take(request.order);
    if (page !== undefined) return page;
  }
  return undefined;
}

/** Allocates 2^order pages; undefined where the request may fail and did. */
export function* __alloc_pages(k: Kernel, request: AllocRequest): Code<Page | undefined> {
  const gfp = current_gfp_context(k.current, request.gfp);
  const wanted = { gfp, order: request.order };
  start_memalloc_timer(k, request, 'allocator');
  const page = get_page_from_freelist(k, wanted, ALLOC_WMARK_LOW) ?? (yield* slowly(k, wanted));
  stop_memalloc_timer(k, gfp, 'allocator');
  return page;
}

/** The part of __alloc_pages() that is on the record. */
function* slowly(k: Kernel, wanted: AllocRequest): Code<Page | undefined> {
  start_memalloc_timer(k, wanted, 'slow path');
  const page = yield* call(k, __alloc_pages_slowpath, wanted);
  stop_memalloc_timer(k, wanted.gfp, 'slow path');
  return page;
}

/** Gives pages back, to the lists of the CPU that runs where they are few. */
export function __free_pages(page: Page): void {
  page.zone.give(page);
}
