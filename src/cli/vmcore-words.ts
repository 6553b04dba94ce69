// Verbs whose vmcore is followed by words of another kind: which words are files.

import { existsSync } from 'node:fs';
import { UsageError } from './usage.ts';

/** A command line taken apart. */
export interface VmcoreWords {
  /** The vmcore, all parts of a split one. */
  readonly files: string[];
  readonly words: string[];
}

/**
 * The first word is the vmcore. Those behind it are parts of a split one as long as they name files
 * that exist; `least` words are left in any case.
 *
 * @throws UsageError where there are too few words
 */
export function vmcoreAndWords(
  all: readonly string[],
  { least, expected }: { least: number; expected: string },
): VmcoreWords {
  if (all.length < 1 + least) throw new UsageError(`expected ${expected}`);
  let count = 1;
  while (count < all.length - least && existsSync(all[count] ?? '')) count++;
  return { files: all.slice(0, count), words: all.slice(count) };
}
