// Bits of gfp_mask in Linux 4.4 (include/linux/gfp.h), and what a mask of the simulated code, which
// has the bits of 5.18 to 6.2, is there.

import * as sim from '../mm/gfp.ts';
import { moveBits } from './move-bits.ts';

/** ___GFP_* by name, without the prefix. */
export const GFP_BITS_4_4 = {
  DMA: 0x1,
  HIGHMEM: 0x2,
  DMA32: 0x4,
  MOVABLE: 0x8,
  RECLAIMABLE: 0x10,
  HIGH: 0x20,
  IO: 0x40,
  FS: 0x80,
  COLD: 0x100,
  NOWARN: 0x200,
  REPEAT: 0x400,
  NOFAIL: 0x800,
  NORETRY: 0x1000,
  MEMALLOC: 0x2000,
  COMP: 0x4000,
  ZERO: 0x8000,
  NOMEMALLOC: 0x10000,
  HARDWALL: 0x20000,
  THISNODE: 0x40000,
  ATOMIC: 0x80000,
  NOACCOUNT: 0x100000,
  NOTRACK: 0x200000,
  DIRECT_RECLAIM: 0x400000,
  OTHER_NODE: 0x800000,
  WRITE: 0x1000000,
  KSWAPD_RECLAIM: 0x2000000,
} as const;

const bits = GFP_BITS_4_4;

/**
 * Each bit of the simulated code with its bit of 4.4. __GFP_ACCOUNT has none: 4.4 charged whatever
 * was not __GFP_NOACCOUNT. What was __GFP_REPEAT became __GFP_RETRY_MAYFAIL in 4.13.
 */
const MOVED: readonly (readonly [from: number, to: number])[] = [
  [sim.__GFP_DMA, bits.DMA],
  [sim.__GFP_DMA32, bits.DMA32],
  [sim.__GFP_HIGHMEM, bits.HIGHMEM],
  [sim.__GFP_MOVABLE, bits.MOVABLE],
  [sim.__GFP_RECLAIMABLE, bits.RECLAIMABLE],
  [sim.__GFP_HIGH, bits.HIGH],
  [sim.__GFP_IO, bits.IO],
  [sim.__GFP_FS, bits.FS],
  [sim.__GFP_ZERO, bits.ZERO],
  [sim.__GFP_ATOMIC, bits.ATOMIC],
  [sim.__GFP_DIRECT_RECLAIM, bits.DIRECT_RECLAIM],
  [sim.__GFP_KSWAPD_RECLAIM, bits.KSWAPD_RECLAIM],
  [sim.__GFP_WRITE, bits.WRITE],
  [sim.__GFP_NOWARN, bits.NOWARN],
  [sim.__GFP_RETRY_MAYFAIL, bits.REPEAT],
  [sim.__GFP_NOFAIL, bits.NOFAIL],
  [sim.__GFP_NORETRY, bits.NORETRY],
  [sim.__GFP_MEMALLOC, bits.MEMALLOC],
  [sim.__GFP_COMP, bits.COMP],
  [sim.__GFP_NOMEMALLOC, bits.NOMEMALLOC],
  [sim.__GFP_HARDWALL, bits.HARDWALL],
  [sim.__GFP_THISNODE, bits.THISNODE],
  [sim.__GFP_ACCOUNT, 0],
];

/** A mask of the simulated code as 4.4 has it. @throws AssertionError for a bit not listed here */
export function gfp44(mask: number): number {
  return moveBits(mask, MOVED);
}
