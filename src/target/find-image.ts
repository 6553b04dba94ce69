// The kernel from its image alone, for dumps without VMCOREINFO: no note, no text in memory, and
// no CR3. An image that ran has kallsyms and page tables that lead to each other (locate-image.ts).
// Memory may hold several: that of a capture kernel, and what lay there before a kexec.

import type { PhysicalMemory } from '../memory/physical.ts';
import { hex } from '../util/address.ts';
import { errorChain, FormatError, InvalidError } from '../util/errors.ts';
import type { Problems } from '../util/problems.ts';
import { commandLine, isOfCaptureKernel } from './command-line.ts';
import type { VerifiedVmcoreinfo } from './find-vmcoreinfo.ts';
import type { Kallsyms } from '../format/kallsyms/kallsyms.ts';
import { kernelOfImage } from './image-facts.ts';
import { KallsymsSymbols } from './kernel-kallsyms.ts';
import { imageOfKallsyms, locateImage, type LocatedImage } from './locate-image.ts';
import type { OnSearched } from './memory-pieces.ts';
import { allImages, hintedImages } from './scan-images.ts';
import {
  compareDoubts,
  doubtText,
  SCANNED_ORIGIN,
  type KallsymsDoubt,
  type ScannedKallsyms,
} from './scan-kallsyms.ts';

/** What {@link findImage} may be given. */
export interface FindImageOptions {
  readonly onProgress?: OnSearched | undefined;
  /**
   * Whether to give up where no page hints at an image, and to look for no second one: a small
   * kernel is not found then, nor are two.
   */
  readonly hintsOnly?: boolean;
}

/** Things that look like an image, and are told where there is none. */
const DOUBTS_TOLD = 3;

/**
 * Searches memory for a kernel image, and proves that it is the one that ran.
 *
 * @throws InvalidError if there is none, with what is wrong with what looks like one
 */
export function findImage(
  memory: PhysicalMemory,
  problems: Problems,
  { onProgress, hintsOnly = false }: FindImageOptions = {},
): VerifiedVmcoreinfo {
  const search = new ImageSearch(memory);
  for (const each of hintedImages(memory, onProgress)) {
    search.look(each);
    // To go through a large memory to its end for a second kernel takes minutes.
    if (hintsOnly && search.hasCrashed) break;
  }
  if (!search.hasAny && !hintsOnly) {
    for (const each of allImages(memory, onProgress)) search.look(each);
  }
  return search.chosen(problems);
}

/**
 * Looks whether memory holds another kernel than one that was found by VMCOREINFO, of which it has
 * none, as where a capture kernel runs and the VMCOREINFO of the one that crashed is lost.
 *
 * @returns the other if only that can have crashed, else the one that was found
 */
export function crashedOf(
  memory: PhysicalMemory,
  found: VerifiedVmcoreinfo,
  problems: Problems,
): VerifiedVmcoreinfo {
  const search = new ImageSearch(memory);
  for (const each of hintedImages(memory)) search.look(each);
  return search.insteadOf(found, problems);
}

interface FoundImage {
  readonly image: LocatedImage<Kallsyms>;
  readonly tokenIndexAt: number;
  readonly isCapture: boolean;
}

function nameOf({ image, tokenIndexAt, isCapture }: FoundImage): string {
  const release = image.banner.split(' ')[2] ?? '';
  const at = `kallsyms at physical address ${hex(tokenIndexAt)}`;
  return `${release} (${at}${isCapture ? ', a capture kernel' : ''})`;
}

/** The images of a memory that prove themselves, and what speaks against others. */
class ImageSearch {
  readonly #memory: PhysicalMemory;
  readonly #images: FoundImage[] = [];
  /** Whole tables that are in no image that ran. */
  readonly #others: string[] = [];
  readonly #doubts: KallsymsDoubt[] = [];

  constructor(memory: PhysicalMemory) {
    this.#memory = memory;
  }

  get hasAny(): boolean {
    return this.#images.length > 0;
  }

  /** Whether one was found that is no capture kernel. */
  get hasCrashed(): boolean {
    return this.#images.some(({ isCapture }) => !isCapture);
  }

  look(scanned: ScannedKallsyms): void {
    if ('doubt' in scanned) {
      this.#doubts.push(scanned);
      return;
    }
    const { found } = scanned;
    const { tokenIndexAt } = found;
    // Addresses can be read in more than one way, the likeliest first.
    if (this.#images.some((each) => each.tokenIndexAt === tokenIndexAt)) return;
    try {
      const image = locateImage(this.#memory, imageOfKallsyms(this.#memory, found));
      const command = commandLine(image.space, image.symbols);
      const isCapture = command !== undefined && isOfCaptureKernel(command);
      this.#images.push({ image, tokenIndexAt, isCapture });
    } catch (error) {
      if (!(error instanceof FormatError || error instanceof InvalidError)) throw error;
      this.#others.push(`${errorChain(error)} (tables at physical address ${hex(tokenIndexAt)})`);
    }
  }

  /**
   * The image of the kernel that crashed, as far as that can be told: the other is the capture
   * kernel, or one that lay there before.
   *
   * @throws InvalidError if there is none
   */
  chosen(problems: Problems): VerifiedVmcoreinfo {
    const ranked = [...this.#images].sort((a, b) => Number(a.isCapture) - Number(b.isCapture));
    const [first] = ranked;
    if (first === undefined) throw this.#nothing();
    if (ranked.length > 1) {
      const names = ranked.map(nameOf).join(', ');
      const what = `memory holds several kernels, the first is taken: ${names}`;
      problems.addMessage('kernel image', what);
    }
    const { image } = first;
    const at = hex(first.tokenIndexAt);
    return {
      ...kernelOfImage(image, `kallsyms at physical address ${at}`),
      symbols: new KallsymsSymbols(image.symbols, SCANNED_ORIGIN),
    };
  }

  /** {@link crashedOf} */
  insteadOf(found: VerifiedVmcoreinfo, problems: Problems): VerifiedVmcoreinfo {
    const isOwn = ({ image }: FoundImage): boolean => image.space.root === found.space.root;
    const others = this.#images.filter((each) => !isOwn(each));
    if (others.length === 0) return found;
    const isCapture = this.#images.some((each) => isOwn(each) && each.isCapture);
    if (isCapture && this.hasCrashed) return this.chosen(problems);
    const names = this.#images.map(nameOf).join(', ');
    problems.addMessage(
      'VMCOREINFO',
      `of several kernels in memory the only one that has it is taken: ${names}`,
    );
    return found;
  }

  #nothing(): InvalidError {
    const doubts = this.#doubts.sort(compareDoubts).map(doubtText);
    // The two searches may meet the same tables.
    const told = [...new Set([...this.#others, ...doubts])].slice(0, DOUBTS_TOLD);
    const found = told.length === 0 ? 'no kallsyms in memory' : told.join('; ');
    const what = `expected one whose page tables are in the dump: ${found}`;
    return new InvalidError(`kernel image: ${what}`);
  }
}
