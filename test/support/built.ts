// Whether dist/ is there and is that of these sources.

import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The newest change below a folder, in milliseconds. */
function newest(folder: string): number {
  const times = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs);
  return Math.max(0, ...times);
}

/** Why dist/ cannot stand for what would be published now. */
export function whyNotBuilt(): string | undefined {
  const built = join(ROOT, 'dist/index.js');
  if (!existsSync(built)) return 'dist/ is not built: npm run build';
  const isOld = statSync(built).mtimeMs < newest(join(ROOT, 'src'));
  return isOld ? 'dist/ is older than src/: npm run build' : undefined;
}
