import assert from 'node:assert/strict';
import { readTasks, type Task } from '../../src/kernel/task.ts';
import { registerAreas } from '../../src/pack/user-registers.ts';
import { openVmcore, type Vmcore } from '../../src/target/index.ts';
import { withPacked } from '../support/packed.ts';
import { realDump, withVmcore } from '../support/real-dumps.ts';

function everyTask(vmcore: Vmcore): Task[] {
  const { tasks, idle } = readTasks(vmcore);
  return [...idle, ...tasks];
}

describe('registerAreas', function () {
  this.timeout(60_000);

  for (const level of ['bytes', 'pages', 'tasks'] as const) {
    it(`are left out at level ${level}`, async function () {
      const path = realDump(this, 'k61-press-d31.kdump');
      const places = await withVmcore(path, (vmcore) =>
        registerAreas(vmcore, everyTask(vmcore)).flatMap(({ address, size }) =>
          [0, 64, size - 1].flatMap(
            (offset) => vmcore.space.findTranslation((address + BigInt(offset)) as never) ?? [],
          ),
        ),
      );
      assert.ok(places.length > 800, String(places.length));
      await withPacked([path], { level }, async (packed) => {
        const vmcore = await openVmcore([packed.path]);
        try {
          const kept = places.filter((paddr) => vmcore.memory.stateOf(paddr) === 'present');
          assert.deepEqual(kept, []);
        } finally {
          vmcore.close();
        }
      });
    });
  }
});
