// vm_event_states (include/linux/vm_event_item.h): what the memory management has done since boot.
// The kernel counts on each CPU for itself and never adds up; here one count is enough.

import type { Kernel } from '../core/kernel.ts';
import type { Zone } from './mmzone.ts';
import { isKswapd } from './throttle.ts';

/** count_vm_event() and count_zone_vm_events(). */
export class VmEvents {
  readonly #counts = new Map<string, number>();

  add(name: string, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  /**
   * By the names of the kernels that have them: reclaim's counters were of each zone up to 4.7,
   * `PGSCAN_KSWAPD_DMA32`, and are of all since, `PGSCAN_KSWAPD`.
   */
  facts(zones: readonly Zone[]): Record<string, number> {
    const names = new Map(this.#counts);
    for (const { name, allocatedPages } of zones) {
      names.set(`PGALLOC_${name.toUpperCase()}`, allocatedPages);
    }
    names.set(
      'PGFREE',
      zones.reduce((sum, { freedPages }) => sum + freedPages, 0),
    );
    return Object.fromEntries(names);
  }
}

/** Which of the two counters of reclaim the current task's pages are counted in. */
function who(k: Kernel): 'KSWAPD' | 'DIRECT' {
  return isKswapd(k.current) ? 'KSWAPD' : 'DIRECT';
}

/** Reclaim has looked at pages of a zone, or has freed them. */
export function countReclaim(
  k: Kernel,
  what: 'PGSCAN' | 'PGSTEAL',
  { zone, pages }: { zone: Zone | undefined; pages: number },
): void {
  if (zone === undefined) return;
  const name = `${what}_${who(k)}`;
  k.events.add(name, pages);
  k.events.add(`${name}_${zone.name.toUpperCase()}`, pages);
}

/** Somebody begins to reclaim for a request of his own: a count of the zone that is wanted. */
export function countAllocStall(k: Kernel): void {
  k.events.add('ALLOCSTALL');
  k.events.add(`ALLOCSTALL_${k.node.zones[0]?.name.toUpperCase()}`);
}
