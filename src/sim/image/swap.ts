// The swap device and how much of it is free (mm/swapfile.c). The counters are there without a
// device as well.

import type { Areas } from './areas.ts';
import type { KernelImage } from './kernel-image.ts';
import type { SwapFacts } from './memory-facts.ts';

const LONG_SIZE = 8;
/** SWP_USED and SWP_WRITEOK. */
const FLAGS = 0b11;

/** What differs between kernels. */
export interface SwapPlan {
  /** MAX_SWAPFILES: 32 less the types that stand for migration, bad pages and so on. */
  readonly filesMax: number;
  /** What the first device gets that asks for none: it is below least_priority. */
  readonly priority: number;
}

/** Gives the variables their symbols. */
export function defineSwap(image: KernelImage, { filesMax }: SwapPlan): void {
  image.define('nr_swap_pages', { section: 'bss', size: LONG_SIZE });
  image.define('total_swap_pages', { section: 'bss', size: LONG_SIZE });
  image.define('nr_swapfiles', { section: 'bss', size: 4, local: true });
  image.define('swap_info', { section: 'bss', size: filesMax * LONG_SIZE, align: 32 });
}

/** Writes them, and the device if there is one; its map of slots is not in the image. */
export function writeSwap(
  image: KernelImage,
  areas: Areas,
  { swap, plan }: { swap: SwapFacts | undefined; plan: SwapPlan },
): void {
  if (swap === undefined) return;
  const { memory } = areas;
  const { pages, freePages } = swap;
  const info = areas.allocate('swap_info_struct');
  memory.store('swap_info_struct', info, {
    flags: FLAGS,
    prio: plan.priority,
    type: 0,
    // The first page of the device is its header.
    max: pages + 1,
    pages,
    inuse_pages: pages - freePages,
  });
  memory.writeInteger(image.symbol('swap_info'), info, LONG_SIZE);
  memory.writeInteger(image.symbol('nr_swapfiles'), 1, 4);
  memory.writeInteger(image.symbol('nr_swap_pages'), freePages, LONG_SIZE);
  memory.writeInteger(image.symbol('total_swap_pages'), pages, LONG_SIZE);
}
