// npm's `prepare`: builds dist/ after `npm ci` in a clone. JavaScript, because it also runs where
// the development packages, tsx among them, were left out (`npm ci --omit=dev`): nothing can be
// built there, and that must not fail the installation of a tree that has its dist/.

import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Whether the packages that a build takes are installed. */
function canBuild() {
  const { resolve } = createRequire(import.meta.url);
  try {
    for (const name of ['tsx', 'esbuild', 'typescript']) resolve(name);
    return true;
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    return false;
  }
}

if (canBuild()) {
  const args = ['--import=tsx', 'src/scripts/build.ts'];
  const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
  process.exitCode = status ?? 1;
} else {
  console.error('stallcore: development packages are absent, dist/ is left as it is');
}
