import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readTasks } from '../../src/kernel/task.ts';
import { openVmcore } from '../../src/target/index.ts';
import { countOf, pagesOf, withPacked } from '../support/packed.ts';
import { runScenario, writeRun } from '../support/simulated.ts';

describe('maskComms', function () {
  this.timeout(60_000);

  it('leaves no name of a user, and all names of the kernel', async () => {
    const run = runScenario('nofs-only', {
      ...{ seed: 1, kmallocwd: 10, judgedBy: 0.1 },
      knobs: { ramMiB: 64 },
    });
    const folder = mkdtempSync(join(tmpdir(), 'stallcore-mask-'));
    try {
      const path = join(folder, 'vmcore');
      writeRun(run, path, { format: 'elf' });
      await withPacked([path], { maskComm: true, level: 'tasks' }, async (packed) => {
        const pages = await pagesOf(packed);
        const [before, after] = [await namesOf(path), await namesOf(packed.path)];
        assert.ok(before.user.length > 0 && before.kernel.includes('kswapd0'));
        assert.deepEqual(after.kernel, before.kernel);
        for (const name of before.user.filter(({ length }) => length >= 4)) {
          assert.equal(countOf(pages, `${name}\0`), 0, name);
        }
        const pairs = new Map(before.user.map((name, i) => [name, after.user[i]]));
        assert.deepEqual(
          after.user,
          before.user.map((name) => pairs.get(name)),
        );
        assert.equal(new Set(pairs.values()).size, pairs.size);
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** The names of tasks in the order of their pids. */
async function namesOf(path: string): Promise<{ user: string[]; kernel: string[] }> {
  const vmcore = await openVmcore([path]);
  try {
    const tasks = [...readTasks(vmcore).tasks].sort((a, b) => (a.pid ?? 0) - (b.pid ?? 0));
    const names = (isKernel: boolean): string[] =>
      tasks.filter(({ kthread }) => kthread === isKernel).map(({ comm = '' }) => comm);
    return { user: names(false), kernel: names(true) };
  } finally {
    vmcore.close();
  }
}
