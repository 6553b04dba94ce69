// oomReserve. LWN 642057, as seed 003 tells of it: the watermarks are raised by a reserve that only
// requests may use which can invoke the OOM killer. Everybody else reclaims earlier instead, which
// is the price that the seed names.

import type { Kernel } from '../core/kernel.ts';
import { ALLOC_OOM_RESERVE } from '../mm/alloc-flags.ts';
import { __GFP_FS } from '../mm/gfp.ts';
import type { Node } from '../mm/mmzone.ts';

/** Raises the watermarks at boot: by a half of min, which the reserve of a zone is then. */
export function setUpOomReserve(node: Node): void {
  for (const zone of node.zones) {
    zone.oomReserve = zone.watermark.min >> 1;
    zone.watermark.min += zone.oomReserve;
    zone.watermark.low += zone.oomReserve;
    zone.watermark.high += zone.oomReserve;
  }
}

/** What a request may do because it could invoke the OOM killer. */
export function oomReserveFlags({ options }: Kernel, gfp: number): number {
  return options.oomReserve && (gfp & __GFP_FS) !== 0 ? ALLOC_OOM_RESERVE : 0;
}
