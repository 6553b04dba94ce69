// Loads dist/stallcore.cjs with what the build has kept of its compiled code: to compile it anew
// takes longer than to read a small dump.

import { existsSync, readFileSync } from 'node:fs';
import module from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';

const FILE = fileURLToPath(new URL('../dist/stallcore.cjs', import.meta.url));

/** Only the V8 that has made such code takes it; another one finds no file of its name. */
export const CACHE = `${FILE}.${process.versions.v8}-${process.arch}.cache`;

/** What dist/stallcore.cjs exports (src/scripts/build.ts). */
export function loadBundle() {
  if (existsSync(CACHE)) return runBundle(readFileSync(CACHE)).exports;
  // Node 22.8 and later keep compiled code themselves, from the second run on.
  module.enableCompileCache?.();
  return module.createRequire(FILE)(FILE);
}

/**
 * Runs the bundle as `require` does, and leaves it where `require` and `import` look for it: a
 * user's script that imports stallcore gets the classes of the copy that runs.
 *
 * @param {Buffer} [cachedData] what createCachedData() of the script has given
 */
export function runBundle(cachedData) {
  const require = module.createRequire(FILE);
  // esbuild writes ASCII, which is read fastest so.
  const script = new vm.Script(module.wrap(readFileSync(FILE, 'latin1')), {
    filename: FILE,
    cachedData,
  });
  const bundle = new module.Module(FILE);
  script.runInThisContext()(bundle.exports, require, bundle, FILE, dirname(FILE));
  bundle.filename = FILE;
  bundle.loaded = true;
  require.cache[FILE] = bundle;
  return { exports: bundle.exports, script };
}
