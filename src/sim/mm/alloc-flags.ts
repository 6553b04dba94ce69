// How low a request may go in a zone (ALLOC_* of mm/internal.h, __zone_watermark_ok() and
// gfp_to_alloc_flags() of mm/page_alloc.c in 6.1.192, which has the flags of 6.4).

import type { Kernel } from '../core/kernel.ts';
import { PF_MEMALLOC, SCHED_FIFO } from '../kernel/task-bits.ts';
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_HIGH,
  __GFP_KSWAPD_RECLAIM,
  __GFP_MEMALLOC,
  __GFP_NOMEMALLOC,
} from './gfp.ts';
import type { Zone } from './mmzone.ts';

export const ALLOC_WMARK_MIN = 0x0;
export const ALLOC_WMARK_LOW = 0x1;
export const ALLOC_WMARK_HIGH = 0x2;
/** No look at watermarks at all. */
export const ALLOC_NO_WATERMARKS = 0x4;
const ALLOC_WMARK_MASK = ALLOC_NO_WATERMARKS - 1;
/** Half of what is left below the watermark, for OOM victims. */
export const ALLOC_OOM = 0x8;
/** A quarter more of the reserve, for those that cannot wait. */
export const ALLOC_NON_BLOCK = 0x10;
/** Half of the reserve: the same bit as __GFP_HIGH. */
export const ALLOC_MIN_RESERVE = 0x20;
/** What requests that may invoke the OOM killer have kept for them: remedies/oom-reserve.ts. */
export const ALLOC_OOM_RESERVE = 0x1000;
/** Wakes kswapd: the same bit as __GFP_KSWAPD_RECLAIM. */
export const ALLOC_KSWAPD = 0x800;

/** What is asked for. */
export interface AllocRequest {
  readonly gfp: number;
  readonly order: number;
}

const WMARKS = ['min', 'low', 'high'] as const;

/**
 * __zone_watermark_ok(): whether a zone would still be above the mark of `flags` afterwards.
 *
 * @param free pages that are free, or might be
 * @param highest index in `node.zones` of the highest zone that may serve the request
 */
export function zone_watermark_ok(
  zone: Zone,
  { order }: { order: number },
  { flags, free, highest = 0 }: { flags: number; free: number; highest?: number },
): boolean {
  if ((flags & ALLOC_NO_WATERMARKS) !== 0) return true;
  const mark = zone.watermark[WMARKS[flags & ALLOC_WMARK_MASK] ?? 'high'];
  const usable = free - (2 ** order - 1);
  const reserve = (flags & ALLOC_OOM_RESERVE) === 0 ? 0 : zone.oomReserve;
  if (usable <= lowered(mark - reserve, flags) + (zone.protection[highest] ?? 0)) return false;
  return order === 0 || zone.free.has(order);
}

/** The watermark, less what the request is entitled to. */
function lowered(mark: number, flags: number): number {
  let min = mark;
  if ((flags & ALLOC_MIN_RESERVE) !== 0) {
    min -= min >> 1;
    if ((flags & ALLOC_NON_BLOCK) !== 0) min -= min >> 2;
  }
  if ((flags & ALLOC_OOM) !== 0) min -= min >> 1;
  return min;
}

/** Where a request that may reclaim starts, or may not. */
export function gfp_to_alloc_flags(k: Kernel, { gfp }: AllocRequest): number {
  let flags = ALLOC_WMARK_MIN | (gfp & (__GFP_HIGH | __GFP_KSWAPD_RECLAIM));
  if ((gfp & __GFP_DIRECT_RECLAIM) === 0) {
    if ((gfp & __GFP_NOMEMALLOC) !== 0) return flags;
    flags |= ALLOC_NON_BLOCK;
  } else if (k.current.policy === SCHED_FIFO && !k.inInterrupt) flags |= ALLOC_MIN_RESERVE;
  return flags;
}

/** __gfp_pfmemalloc_flags(): who may use the reserves. 0 for everybody else. */
export function gfp_pfmemalloc_flags(k: Kernel, gfp: number): number {
  if ((gfp & __GFP_NOMEMALLOC) !== 0) return 0;
  if ((gfp & __GFP_MEMALLOC) !== 0) return ALLOC_NO_WATERMARKS;
  // In hard interrupts the flags of the task below mean nothing; all of them are hard ones here.
  if (k.inInterrupt) return 0;
  if ((k.current.flags & PF_MEMALLOC) !== 0) return ALLOC_NO_WATERMARKS;
  if (!mayUseOomReserves(k)) return 0;
  return k.options.reservesByThread ? ALLOC_NO_WATERMARKS : ALLOC_OOM;
}

/** oom_reserves_allowed(): every thread of a victim, or the one that has TIF_MEMDIE. */
export function mayUseOomReserves({
  current,
  options,
}: Pick<Kernel, 'current' | 'options'>): boolean {
  return options.reservesByThread ? current.isMemdie : current.isOomVictim;
}
