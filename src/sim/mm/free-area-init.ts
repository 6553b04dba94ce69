// The zones of a machine of one node, as the kernel finds them at boot (free_area_init() in
// mm/page_alloc.c, zone_sizes_init() of x86-64), without what the kernel itself lies in.

import { assert } from '../../util/assert.ts';
import { Node, Zone } from './mmzone.ts';

const PAGE_SHIFT = 12;
/** The end of ZONE_DMA, 16 MiB, and of ZONE_DMA32, 4 GiB. */
const DMA_END_PFN = 4096;
const DMA32_END_PFN = 1 << 20;
/**
 * The first MiB is the firmware's: since Linux 5.13 (f1d4d47c5851) the kernel leaves it all alone.
 */
const FIRMWARE_PAGES = 256;
/** The image, slabs, stacks, page tables of the direct map: 36 MiB that are never given back. */
const KERNEL_RESERVED_PAGES = 9_216;
/** struct page takes 64 bytes of every 4096. */
const STRUCT_PAGE_SHARE = 64;

/** Makes the node. Its zones are in the order in which requests try them: the highest first. */
export function free_area_init({
  ramBytes,
  zoneDma,
}: {
  ramBytes: number;
  zoneDma: boolean;
}): Node {
  const endPfn = ramBytes / 2 ** PAGE_SHIFT;
  assert(endPfn > 2 * DMA_END_PFN, 'too little RAM for a kernel');
  const zones = [
    {
      name: 'DMA32',
      startPfn: zoneDma ? DMA_END_PFN : 0,
      endPfn: Math.min(endPfn, DMA32_END_PFN),
      reserved: KERNEL_RESERVED_PAGES + (zoneDma ? 0 : FIRMWARE_PAGES),
    },
  ];
  if (zoneDma) {
    zones.push({ name: 'DMA', startPfn: 0, endPfn: DMA_END_PFN, reserved: FIRMWARE_PAGES });
  }
  if (endPfn > DMA32_END_PFN) {
    zones.unshift({ name: 'Normal', startPfn: DMA32_END_PFN, endPfn, reserved: 0 });
  }
  // memmap_init(): the struct pages of a zone lie in the zone itself; those of ZONE_DMA do not.
  return new Node(
    zones.map(({ reserved, ...range }) => {
      const { startPfn, name } = range;
      const spanned = range.endPfn - (name === 'DMA32' ? 0 : startPfn);
      const structPages = name === 'DMA' ? 0 : Math.ceil(spanned / STRUCT_PAGE_SHARE);
      return new Zone({ ...range, reservedPages: reserved + structPages });
    }),
  );
}
