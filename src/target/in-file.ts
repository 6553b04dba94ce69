// Names the file in an error about its contents, where the one that reads it was only given bytes.

import { InvalidError, VmcoreError } from '../util/errors.ts';

/** The name without its folder. */
export function fileName(path: string): string {
  return path.replace(/^.*[/\\]/, '');
}

/** Runs `read`; what it throws about the contents is told as being about this file. */
export function inFile<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    throw new InvalidError(fileName(path), { cause: error });
  }
}
