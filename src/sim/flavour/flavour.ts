// A flavour of the simulated kernel: what its memory looks like, and what its release does.

import type { ImageFlavour } from '../image/image-flavour.ts';
import type { KaslrFacts } from '../image/machine-facts.ts';
import type { ReleaseFeatures } from './release-features.ts';
import type { KernelWords } from './words.ts';

/** What `uname -r` and `uname -v` say. */
export interface KernelName {
  readonly release: string;
  readonly version: string;
}

/** One kernel. */
export interface Flavour extends KernelName {
  readonly name: '4.4' | '6.1';
  readonly words: KernelWords;
  /** Where KASLR of this kernel puts image and areas for a seed. */
  readonly kaslr: (seed: number) => KaslrFacts;
  readonly image: ImageFlavour;
  /** What the kernel does that other releases do not; all of it where a run asks for it. */
  readonly features: ReleaseFeatures;
}

/** linux_banner without its newline. */
export function bannerOf({ release, version }: KernelName): string {
  return `Linux version ${release} (stallcore@simulation) (no compiler, src/sim) ${version}`;
}
