// Where KASLR puts a kernel. Its numbers come from a stream of their own, so that they leave the
// run as it is; the image stays in the memory that the zones leave to it.

import type { KaslrFacts } from '../image/machine-facts.ts';
import { Prng } from '../../util/prng.ts';

const KASLR_STREAM = 0x4b41534c;
const MIB = 2 ** 20;
/** CONFIG_PHYSICAL_START, where the image lies without KASLR. */
const PHYSICAL_START = 16 * MIB;
/** The image starts at 16 or at 18 MiB of memory. */
const PLACE_COUNT = 2;

/** Linux 4.8 and later: address, place in memory and areas are drawn each on their own. */
export function kaslrOfAreas(seed: number): KaslrFacts {
  const prng = new Prng(seed ^ KASLR_STREAM);
  const kernelOffset = prng.below(200) * 2 * MIB;
  const startPaddr = PHYSICAL_START + 2 * prng.below(PLACE_COUNT) * MIB;
  const giB = 1n << 30n;
  return {
    kernelOffset: BigInt(kernelOffset),
    physBase: startPaddr - PHYSICAL_START - kernelOffset,
    pageOffsetBase: 0xffff888000000000n + BigInt(prng.below(4000)) * giB,
    vmallocBase: 0xffffaf0000000000n + BigInt(prng.below(4000)) * giB,
    vmemmapBase: 0xffffe00000000000n + BigInt(prng.below(4000)) * giB,
  };
}

/**
 * Linux 3.14 to 4.7: the image is moved in memory and its addresses move with it, so that phys_base
 * stays 0; the areas are where they always were (asm/page_64_types.h, asm/pgtable_64_types.h).
 */
export function kaslrOfText(seed: number): KaslrFacts {
  const prng = new Prng(seed ^ KASLR_STREAM);
  return {
    kernelOffset: BigInt(2 * prng.below(PLACE_COUNT) * MIB),
    physBase: 0,
    pageOffsetBase: 0xffff880000000000n,
    vmallocBase: 0xffffc90000000000n,
    vmemmapBase: 0xffffea0000000000n,
  };
}
