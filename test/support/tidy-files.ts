// Reads the project for the tidy checks.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProjectFile } from './tidy.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

// What git does not hold.
const OUTSIDE = new Set(['.git', 'node_modules', 'dist', 'docs', 'coverage']);

/** All files of the project. */
export function projectFiles(folder = ''): ProjectFile[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    if (OUTSIDE.has(entry.name)) return [];
    const path = folder + entry.name;
    if (entry.isDirectory()) return projectFiles(`${path}/`);
    if (!entry.isFile()) return [];
    const text = path.startsWith('samples/') ? '' : readFileSync(join(ROOT, path), 'utf8');
    return [{ path, text }];
  });
}
