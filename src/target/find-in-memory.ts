// The kernel of a dump whose container says nothing of it: by a VMCOREINFO in its memory, which
// says most; else by its image, which every kernel has; else by symbols that the user names.
//
// VMCOREINFO can lie on any page, so all of them are read for it. In a memory so large that this
// takes minutes the image comes first, which a few pages lead to, and its symbol vmcoreinfo_data.

import type { PhysicalMemory } from '../memory/physical.ts';
import { InvalidError } from '../util/errors.ts';
import { optional } from '../util/optional.ts';
import type { Problems } from '../util/problems.ts';
import { crashedOf, findImage } from './find-image.ts';
import { findVmcoreinfo, vmcoreinfoOf, type VerifiedVmcoreinfo } from './find-vmcoreinfo.ts';
import { findLinkedImage, type LinkedSymbols } from './find-linked.ts';
import type { OnSearched } from './memory-pieces.ts';

/** Present memory that is not all read if another way leads to the kernel. */
const LARGE_BYTES = 16 * 2 ** 30;

/** What {@link findInMemory} may be given. */
export interface FindInMemoryOptions {
  /** Called where a search begins, with what is searched for. */
  readonly onProgress?: ((what: string) => OnSearched) | undefined;
  /** Symbols of the kernel's build, if the user has named them: they are asked last. */
  readonly linked?: (() => LinkedSymbols | undefined) | undefined;
}

const WAY_OUT = '--vmlinux or --system-map of this kernel would lead to it';

/**
 * Searches memory for a kernel.
 *
 * @throws InvalidError if there is none
 */
export function findInMemory(
  memory: PhysicalMemory,
  problems: Problems,
  { onProgress, linked }: FindInMemoryOptions = {},
): VerifiedVmcoreinfo {
  const report = (what: string): { onProgress?: OnSearched } =>
    optional('onProgress', onProgress?.(`searching memory for ${what}`));
  const hinted = isLarge(memory)
    ? hintedImage(memory, problems, report('a kernel image'))
    : undefined;
  if (hinted !== undefined) return vmcoreinfoOf(memory, hinted) ?? hinted;
  const ways: readonly (() => VerifiedVmcoreinfo)[] = [
    () => {
      const before = problems.list.length;
      const found = findVmcoreinfo(memory, { problems, ...report('VMCOREINFO') });
      const areSeveral = problems.list.length > before;
      return areSeveral || isLarge(memory) ? found : crashedOf(memory, found, problems);
    },
    () => findImage(memory, problems, report('a kernel image')),
    () => {
      const symbols = linked?.();
      if (symbols === undefined) throw new InvalidError(WAY_OUT);
      return findLinkedImage(memory, symbols, report('the banner of a kernel').onProgress);
    },
  ];
  const doubts: InvalidError[] = [];
  for (const way of ways) {
    try {
      return way();
    } catch (error) {
      if (!(error instanceof InvalidError)) throw error;
      doubts.push(error);
    }
  }
  const why = doubts.map(({ message }) => message).join('; ');
  throw new InvalidError(why, { cause: doubts[0]?.cause });
}

function isLarge(memory: PhysicalMemory): boolean {
  let bytes = 0;
  for (const { start, end } of memory.presentRanges()) bytes += end - start;
  return bytes > LARGE_BYTES;
}

function hintedImage(
  memory: PhysicalMemory,
  problems: Problems,
  report: { onProgress?: OnSearched },
): VerifiedVmcoreinfo | undefined {
  try {
    return findImage(memory, problems, { ...report, hintsOnly: true });
  } catch (error) {
    if (!(error instanceof InvalidError)) throw error;
    return undefined;
  }
}
