// The simulated kernel as a Linux 4.4 with the kmallocwd patch v3: thread_info on the stack, frame
// pointers, a hash of pids, a log of records of any length, no BTF.

import { IMAGE_4_4 } from '../image/image-4-4.ts';
import type { Flavour } from './flavour.ts';
import { kaslrOfText } from './kaslr.ts';
import { KERNEL_NAME_4_4 } from './kernel-name-4-4.ts';
import { FEATURES_4_4 } from './release-features.ts';
import { WORDS_4_4 } from './words-4-4.ts';

/** `simulate --flavour 4.4` */
export const LINUX_4_4: Flavour = {
  name: '4.4',
  ...KERNEL_NAME_4_4,
  words: WORDS_4_4,
  kaslr: kaslrOfText,
  image: IMAGE_4_4,
  features: FEATURES_4_4,
};
