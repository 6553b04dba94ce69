// How much of a zone stays free, and for whom (init_per_zone_wmark_min(),
// __setup_per_zone_wmarks(), setup_per_zone_lowmem_reserve() in mm/page_alloc.c of 6.1).

import type { Zone } from './mmzone.ts';

const PAGE_KB = 4;
/** min_free_kbytes: 4 √(kB of memory), between 128 kB and 256 MiB. */
const MIN_FREE_FACTOR = 4;
const MIN_FREE_KB = { least: 128, most: 262_144 };
/** watermark_scale_factor: the distance between two watermarks, of ten thousand. */
const WATERMARK_SCALE = 10;
/** sysctl_lowmem_reserve_ratio. */
const LOWMEM_RESERVE_RATIO: Readonly<Record<string, number>> = { DMA: 256, DMA32: 256, Normal: 32 };

/**
 * Sets watermarks and lowmem reserves of all zones of a machine.
 *
 * @param zones the highest first
 */
export function setWatermarks(zones: readonly Zone[]): void {
  const managed = zones.reduce((sum, zone) => sum + zone.managedPages, 0);
  const wanted = Math.floor(MIN_FREE_FACTOR * Math.sqrt(managed * PAGE_KB));
  const kb = Math.min(Math.max(wanted, MIN_FREE_KB.least), MIN_FREE_KB.most);
  for (const [at, zone] of zones.entries()) {
    const min = Math.floor(((kb / PAGE_KB) * zone.managedPages) / managed);
    const step = Math.max(min >> 2, Math.floor((zone.managedPages * WATERMARK_SCALE) / 10_000));
    zone.watermark.min = min;
    zone.watermark.low = min + step;
    zone.watermark.high = min + 2 * step;
    zone.protection = lowmemReserves(zones, at);
  }
}

/** lowmem_reserve[]: what a zone keeps from requests that a higher zone could serve. */
function lowmemReserves(zones: readonly Zone[], at: number): number[] {
  const ratio = LOWMEM_RESERVE_RATIO[zones[at]!.name] ?? 1;
  return zones.map((_, highest) => {
    const above = zones.slice(highest, at).reduce((sum, zone) => sum + zone.managedPages, 0);
    return Math.floor(above / ratio);
  });
}
