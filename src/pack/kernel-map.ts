// Where a kernel has physical memory mapped: its image where it was linked to, all the rest in the
// direct map. Programs that walk no page tables find a dump's memory by it.

import type { Vmcore } from '../target/index.ts';
import { vaddr } from '../util/address.ts';

/** Where the image is mapped before KASLR moves it (`__START_KERNEL_map`). */
const START_KERNEL_MAP = 0xffffffff80000000n;

/** The direct map where no variable says where it is: since 4.20, before, and with five levels. */
const BASES = [0xffff888000000000n, 0xffff880000000000n, 0xff11000000000000n, 0xff10000000000000n];

/**
 * The virtual address of each byte of physical memory.
 *
 * @param sample a byte of memory that is no part of the image: the bases are tried on it
 */
export function kernelMap(vmcore: Vmcore, sample: number): (paddr: number) => bigint {
  const { identity, space, symbols } = vmcore;
  const physBase = identity.physBase.value;
  const toPaddr = (address: bigint): number => Number(address - START_KERNEL_MAP) + physBase;
  const text = symbols.lookup('_text') ?? symbols.lookup('_stext');
  const end = symbols.lookup('_end');
  const [imageStart, imageEnd] =
    text === undefined || end === undefined ? [0, 0] : [toPaddr(text), toPaddr(end)];
  const told = identity.pageOffsetBase?.value;
  const bases = told === undefined ? BASES : [BigInt(told), ...BASES];
  const isBase = (each: bigint): boolean =>
    space.findTranslation(vaddr(each + BigInt(sample))) === sample;
  // Where none fits, p_vaddr would lie: 0 is what QEMU writes.
  const base = bases.find(isBase) ?? 0n;
  return (paddr) =>
    paddr >= imageStart && paddr < imageEnd
      ? START_KERNEL_MAP + BigInt(paddr - physBase)
      : base === 0n
        ? 0n
        : base + BigInt(paddr);
}
