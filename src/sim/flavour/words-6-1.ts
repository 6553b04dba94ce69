// The words of Linux 6.1, which are those of the simulated code.

import { gfpNames } from '../mm/gfp.ts';
import type { KernelWords } from './words.ts';

const same = <T>(value: T): T => value;

/** Nothing is translated. */
export const WORDS_6_1: KernelWords = {
  gfp: same,
  gfpText: (mask) => `0x${mask.toString(16)}(${gfpNames(mask)})`,
  taskFlags: same,
  taskState: same,
  rwsemCount: ({ count }) => count,
  functionName: same,
};
