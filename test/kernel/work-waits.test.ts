import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StackReader } from '../../src/kernel/stack.ts';
import { readTasks } from '../../src/kernel/task.ts';
import { readWorkWaits } from '../../src/kernel/work-waits.ts';
import { runScenario, withRun, writeRun } from '../support/simulated.ts';

describe('readWorkWaits', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-works-'));

  after(() => rmSync(folder, { recursive: true }));

  it('finds works behind a worker that loops in the allocator', async () => {
    const knobs = { dumpSeconds: 25 };
    const run = runScenario('kworker-holds-vmstat', { seed: 1, kmallocwd: 1, knobs });
    const files = writeRun(run, join(folder, 'works'), { format: 'elf' });
    await withRun(files, (vmcore) => {
      const { tasks } = readTasks(vmcore);
      const waits = readWorkWaits(vmcore, { tasks, stacks: new StackReader(vmcore) });
      const [first] = waits.filter(({ works }) => works.includes('vmstat_update'));
      assert.deepEqual([first?.cpu, first?.reason], [0, 'worker runs']);
      const worker = tasks.find(({ pid }) => pid === first?.workers[0]);
      assert.match(worker?.comm ?? '', /^kworker\/0:/);
      assert.ok((first?.seconds ?? 0) > 10, `${first?.seconds} s`);
    });
  });
});
