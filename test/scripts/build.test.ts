// The code that the build keeps compiled, as bin/stallcore.js uses it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { skipWithReason } from '../support/bpftool.ts';
import { whyNotBuilt } from '../support/built.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BIN = join(ROOT, 'bin/stallcore.js');
const SAMPLE = join(ROOT, 'samples/oom-victim-mutex.vmcore');

/** What node prints, or why it printed nothing. */
function node(...words: string[]): string {
  const { stdout, stderr } = spawnSync(process.execPath, words, { cwd: ROOT, encoding: 'utf8' });
  return stdout === '' ? stderr : stdout;
}

describe('dist/, built by this node', function () {
  this.timeout(60_000);
  let folder: string | undefined;

  beforeEach(function () {
    const why = whyNotBuilt();
    if (why !== undefined) skipWithReason(this, why);
    folder = mkdtempSync(join(tmpdir(), 'stallcore-compiled-'));
  });

  afterEach(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
    folder = undefined;
  });

  it('has compiled code that this node takes', () => {
    const program = `
      import { readFileSync } from 'node:fs';
      import { CACHE, runBundle } from './bin/load-bundle.js';
      console.log(runBundle(readFileSync(CACHE)).script.cachedDataRejected);`;
    assert.equal(node('--input-type=module', '--eval', program), 'false\n');
  });

  it('runs without what it cannot take: other code is compiled anew', () => {
    const program = `
      import { runBundle } from './bin/load-bundle.js';
      const { exports, script } = runBundle(Buffer.alloc(100));
      console.log(script.cachedDataRejected, typeof exports.commandLine().main);`;
    assert.equal(node('--input-type=module', '--eval', program), 'true function\n');
  });

  it('gives a script the library that runs, by import and by require', () => {
    const path = join(folder!, 'script.mjs');
    writeFileSync(
      path,
      `import { createRequire } from 'node:module';
       import { Vmcore } from 'stallcore';
       const bundle = createRequire(${JSON.stringify(BIN)})('../dist/stallcore.cjs');
       export default ({ vmcore, print }) => {
         print(vmcore instanceof Vmcore);
         print(vmcore instanceof bundle.library().Vmcore);
       };`,
    );
    assert.equal(node(BIN, 'run', path, SAMPLE), 'true\ntrue\n');
  });

  it('says nothing of its own on standard error', () => {
    const { stderr, status } = spawnSync(process.execPath, [BIN, 'triage', SAMPLE]);
    assert.deepEqual([stderr.toString(), status], ['', 0]);
  });
});
