// Global variables of machines with more CPUs than a word has bits, as a reader finds them.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpuSets } from '../../../src/kernel/percpu.ts';
import type { FlavourName } from '../../../src/sim/flavour/flavours.ts';
import { checkAll } from '../../support/ledger-checks.ts';
import { runScenario, withRun, writeRun } from '../../support/simulated.ts';

describe('writeVariables', function () {
  this.timeout(60_000);
  const cases: readonly [flavour: FlavourName, cpus: number][] = [
    ['4.4', 129],
    ['6.1', 65],
    ['6.1-kmallocwd', 64],
  ];
  for (const [flavour, cpus] of cases) {
    it(`has ${cpus} CPUs in each mask of ${flavour}, and what belongs to each`, async () => {
      const knobs = { cpus, ramMiB: 192, dumpSeconds: 1 };
      const options = { seed: 1, kmallocwd: 1, judgedBy: 0.1, flavour, knobs };
      const run = runScenario('quiet', options);
      const folder = mkdtempSync(join(tmpdir(), 'stallcore-variables-'));
      try {
        const files = writeRun(run, join(folder, 'vmcore'), { format: 'kdump' });
        await withRun(files, (vmcore) => {
          const all = Array.from({ length: cpus }, (_, cpu) => cpu);
          assert.deepEqual(cpuSets(vmcore), { possible: all, online: all });
          checkAll(vmcore, run.ledger, flavour === '4.4' ? '4.4' : '6.1');
        });
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  }

  it('takes no more CPUs than the kernel has room for in its masks', () => {
    const knobs = { cpus: 65, ramMiB: 128, dumpSeconds: 1 };
    const options = { seed: 1, kmallocwd: 1, judgedBy: 0.1, knobs };
    assert.throws(() => runScenario('quiet', options), /65 CPUs in 8 bytes/);
  });
});
