// The simulated kernel as Linux 6.1: thread_info in the task, the printk ring buffer, BTF.

import { IMAGE_6_1 } from '../image/image-6-1.ts';
import type { Flavour } from './flavour.ts';
import { kaslrOfAreas } from './kaslr.ts';
import { FEATURES_6_1 } from './release-features.ts';
import { WORDS_6_1 } from './words-6-1.ts';

/** `simulate --flavour 6.1`, with the patch or without. */
export const LINUX_6_1: Flavour = {
  name: '6.1',
  release: '6.1.192-stallcore-sim',
  version: '#1 SMP PREEMPT_VOLUNTARY Tue Nov 24 15:24:00 UTC 2015',
  words: WORDS_6_1,
  kaslr: kaslrOfAreas,
  image: IMAGE_6_1,
  features: FEATURES_6_1,
};
