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
    throw named(path, error);
  }
}

/** {@link inFile} for what takes its time. */
export async function inFileAsync<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw named(path, error);
  }
}

function named(path: string, error: unknown): unknown {
  if (!(error instanceof VmcoreError)) return error;
  const name = fileName(path);
  return error.message.startsWith(`${name}: `) ? error : new InvalidError(name, { cause: error });
}
