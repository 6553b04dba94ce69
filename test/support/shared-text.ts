// Texts beside the project that are never committed: mails and references.

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { skipWithReason } from './bpftool.ts';

const SHARED = fileURLToPath(new URL('../../../shared/', import.meta.url));

/** The path of such a file; skips the running test where it is absent. */
export function sharedPath(context: Parameters<typeof skipWithReason>[0], name: string): string {
  if (!existsSync(SHARED + name)) skipWithReason(context, `../shared/${name} is not here`);
  return SHARED + name;
}

/** Its text. */
export function sharedText(context: Parameters<typeof skipWithReason>[0], name: string): string {
  return readFileSync(sharedPath(context, name), 'utf8');
}
