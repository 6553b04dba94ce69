// The kernel of a dump whose container says nothing of it: by a VMCOREINFO in its memory, which
// says most; else by its image, which every kernel has.
//
// VMCOREINFO can lie on any page, so all of them are read for it. In a memory so large that this
// takes minutes the image comes first, which a few pages lead to, and its symbol vmcoreinfo_data.

import type { PhysicalMemory } from '../memory/physical.ts';
import { InvalidError } from '../util/errors.ts';
import { optional } from '../util/optional.ts';
import type { Problems } from '../util/problems.ts';
import { crashedOf, findImage } from './find-image.ts';
import { findVmcoreinfo, vmcoreinfoOf, type VerifiedVmcoreinfo } from './find-vmcoreinfo.ts';
import type { OnSearched } from './memory-pieces.ts';

/** Present memory that is not all read if another way leads to the kernel. */
const LARGE_BYTES = 16 * 2 ** 30;

/**
 * Searches memory for a kernel.
 *
 * @param onProgress called where a search begins, with what is searched for
 * @throws InvalidError if there is none
 */
export function findInMemory(
  memory: PhysicalMemory,
  problems: Problems,
  onProgress?: (what: string) => OnSearched,
): VerifiedVmcoreinfo {
  const report = (what: string): { onProgress?: OnSearched } =>
    optional('onProgress', onProgress?.(`searching memory for ${what}`));
  const hinted = isLarge(memory)
    ? hintedImage(memory, problems, report('a kernel image'))
    : undefined;
  if (hinted !== undefined) return vmcoreinfoOf(memory, hinted) ?? hinted;
  try {
    const before = problems.list.length;
    const found = findVmcoreinfo(memory, { problems, ...report('VMCOREINFO') });
    const areSeveral = problems.list.length > before;
    return areSeveral || isLarge(memory) ? found : crashedOf(memory, found, problems);
  } catch (error) {
    if (!(error instanceof InvalidError)) throw error;
    try {
      return findImage(memory, problems, report('a kernel image'));
    } catch (doubt) {
      if (!(doubt instanceof InvalidError)) throw doubt;
      throw new InvalidError(`${error.message}; ${doubt.message}`, { cause: error.cause });
    }
  }
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
