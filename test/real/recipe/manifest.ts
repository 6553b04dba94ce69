// dumps.json: what the recipe made.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One vmcore. */
export interface Dump {
  /** Name in the folder of the recipe. The other parts of a split set are in `parts`. */
  readonly file: string;
  readonly parts?: readonly string[];
  /** Its console is `<machine>.console`. */
  readonly machine: string;
}

/** All that the recipe made. */
export interface Manifest {
  /** The kernel's release, as `uname -r` says it. */
  readonly release: string;
  readonly dumps: readonly Dump[];
}

/** The manifest of a folder; undefined where the recipe has not run. */
export function readManifest(folder: string): Manifest | undefined {
  const path = join(folder, 'dumps.json');
  if (!existsSync(path)) return undefined;
  return JSON.parse(readFileSync(path, 'utf8')) as Manifest;
}
