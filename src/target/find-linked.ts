// The kernel by the symbols of a vmlinux or System.map that the user names, for dumps that have
// neither VMCOREINFO nor kallsyms that can be read: damaged, or built without CONFIG_KALLSYMS.
//
// Such symbols say where in the image the banner and the root page table lie. The banner is looked
// for in all of memory; where one is, the page tables must map the image (locate-image.ts).

import { PHYSICAL_ALIGN, START_KERNEL_MAP } from '../arch/x86-64.ts';
import type { PhysicalMemory } from '../memory/physical.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';
import { errorChain, InvalidError } from '../util/errors.ts';
import { placesOf } from '../util/places-of.ts';
import type { VerifiedVmcoreinfo } from './find-vmcoreinfo.ts';
import { kernelOfImage } from './image-facts.ts';
import { BANNER, locateImage, type ImageSymbols } from './locate-image.ts';
import { memoryPieces, type OnSearched } from './memory-pieces.ts';
import type { ListedSymbol } from './symbol-list.ts';

/** Symbols of a build, before KASLR. */
export interface LinkedSymbols {
  /** In words that stand in results: `vmlinux vmlinux-6.1.0`. */
  readonly origin: string;
  readonly symbols: Iterable<ListedSymbol>;
}

/**
 * Searches memory for the image of this build.
 *
 * @throws InvalidError if it is not there, or its page tables are not
 */
export function findLinkedImage(
  memory: PhysicalMemory,
  { origin, symbols }: LinkedSymbols,
  onProgress?: OnSearched,
): VerifiedVmcoreinfo {
  const linked = firstOfEachName(symbols);
  const banner = linked.lookup('linux_banner');
  if (banner === undefined || banner < START_KERNEL_MAP) {
    throw new InvalidError(`${origin}: expected linux_banner in the kernel image, have none`);
  }
  const offset = Number(banner - START_KERNEL_MAP);
  let doubt: InvalidError | undefined;
  for (const paddr of bannerPlaces(memory, onProgress)) {
    if ((paddr - offset) % PHYSICAL_ALIGN !== 0) continue;
    try {
      const image = locateImage(memory, {
        symbols: linked,
        physBases: [paddr - offset],
        moved: (by) => ({ lookup: (name) => movedBy(linked.lookup(name), by) }),
      });
      return kernelOfImage(image, `by the symbols of ${origin}`);
    } catch (error) {
      if (!(error instanceof InvalidError)) throw error;
      doubt ??= error;
    }
  }
  const why = doubt === undefined ? 'no banner is where it has it' : errorChain(doubt);
  throw new InvalidError(`${origin}: expected its image in memory: ${why}`);
}

/** Names that stand in many files are of no interest here: they are no variables of the image. */
function firstOfEachName(symbols: Iterable<ListedSymbol>): ImageSymbols {
  const values = new Map<string, Vaddr>();
  for (const { name, value } of symbols) {
    if (!values.has(name)) values.set(name, vaddr(value));
  }
  return { lookup: (name) => values.get(name) };
}

/** Per-CPU and absolute symbols lie below the image and do not move with it. */
function movedBy(address: Vaddr | undefined, by: bigint): Vaddr | undefined {
  if (address === undefined || address < START_KERNEL_MAP) return address;
  return vaddrAdd(address, by);
}

/** Physical addresses at which a text begins as the banner does; the log has it, too. */
function* bannerPlaces(
  memory: PhysicalMemory,
  onProgress: OnSearched | undefined,
): Generator<number> {
  const text = Buffer.from(BANNER, 'latin1');
  for (const { bytes, start, end } of memoryPieces(memory, { overlap: text.length, onProgress })) {
    for (const at of placesOf(bytes, text)) {
      if (start + at < end) yield start + at;
    }
  }
}
