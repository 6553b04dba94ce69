// The benchmark with tiny inputs, so that it cannot rot. No figure is checked.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { threeStallsPath } from '../support/three-stalls.ts';
import { bench } from './main.ts';

describe('bench', () => {
  it('prints a figure for each thing that it measures', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'stallcore-bench-'));
    const lines: string[] = [];
    const argv = ['quiet', '--dump-at', '1', '--kmallocwd', '1', '--ram', '64', '--cpus', '1'];
    try {
      await bench({
        dump: threeStallsPath(),
        vmlinux: undefined,
        runs: 1,
        noiseBytes: 1 << 20,
        pageCount: 20,
        stackDumps: [
          { path: threeStallsPath(), idleTasks: 0, limit: { seconds: 9, memoryMib: 512 } },
          { path: undefined, idleTasks: 30 },
        ],
        simulations: [
          { name: 'one', argv, limit: { seconds: 60, memoryMib: 1024 } },
          { name: 'other', argv: ['noisy'], limit: { seconds: 5 } },
        ],
        folder,
        print: (line) => lines.push(line),
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    const text = lines.join('\n');
    for (const codec of ['zlib', 'lzo', 'snappy', 'zstd']) {
      assert.match(text, new RegExp(`^${codec}: \\d+ pages/s`, 'm'));
    }
    assert.match(text, /^structs export of DWARF: skipped, no vmlinux given/m);
    assert.match(text, /^\S+ packed: \d+ bytes of \d+$/m);
    assert.match(text, /^raw image .* searched at \d+\.\d\d GiB\/s$/m);
    assert.match(text, /^(stallcore tasks.*: \d+\.\d+ s|whole programs: skipped)/m);
    if (!text.includes('stacks: skipped, ')) {
      const figures = /: \S+ s \(limit 9 s\), CPU \S+ s, \d+ MiB \(limit 512 MiB\)$/m;
      assert.match(text, new RegExp(`^stallcore bt --all, .*${figures.source}`, 'm'));
      assert.match(text, /^stallcore bt --all, simulated-30\.kdump.*: \S+ s, CPU/m);
      assert.match(text, /^crash foreach bt: skipped, /m);
    }
    if (!text.includes('simulations: skipped, ')) {
      const figures =
        /^simulate: one.*: \S+ s \(limit 60 s\), CPU \S+ s, \d+ MiB \(limit 1024 MiB\)$/m;
      assert.match(text, figures);
      assert.match(text, /^simulate: other.*: no answer$/m);
    }
    assert.match(text, /^(crash ps|whole programs): skipped, /m);
  });
});
