// What is rebuilt without the record against the record: the dumps of kernels that keep it have the
// truth about every request, and the rebuilding never looks at it.

import assert from 'node:assert/strict';
import { readAllocEvidence, type AllocationEvidence } from '../../src/kernel/alloc-evidence.ts';
import { readJiffies } from '../../src/kernel/jiffies.ts';
import { readTasks, type Task } from '../../src/kernel/task.ts';
import type { Vmcore } from '../../src/target/index.ts';
import { realDump, truthFile, withVmcore } from '../support/real-dumps.ts';
import type { MemallocTruth } from '../support/memalloc-truth.ts';

/** Dumps of kernels with the patch: requests in flight, and how many of them say what they ask. */
const PATCHED: readonly [dump: string, inFlight: number, withMask: number, withAge: number][] = [
  ['k1-victim-wd10', 15, 10, 10],
  ['k2-pair-a', 15, 14, 12],
  ['k2-pair-b', 15, 11, 13],
];

describe('readAllocEvidence', function () {
  this.timeout(20_000);

  for (const [name, inFlight, withMask, withAge] of PATCHED) {
    it(`agrees with the records that ${name} keeps`, async function () {
      const truth = JSON.parse(truthFile(this, `${name}/memalloc.json`)) as MemallocTruth;
      await withVmcore(realDump(this, `${name}.kdump`), (vmcore) => {
        const found = evidenceByPid(vmcore);
        const requests = truth.tasks.filter(({ memalloc }) => memalloc.valid > 0);
        const rebuilt = [...found].filter(([, { place }]) => place?.value === 'slow path');
        assert.deepEqual(
          rebuilt.map(([pid]) => pid),
          requests.map(({ pid }) => pid),
        );
        let masks = 0;
        let ages = 0;
        for (const { pid, memalloc } of requests) {
          const { gfpMask, order, age } = found.get(pid) ?? {};
          if (gfpMask !== undefined && order !== undefined) {
            masks++;
            assert.equal(Number(gfpMask.value), memalloc.gfp, `gfp of pid ${pid}`);
            assert.equal(order.value, memalloc.order, `order of pid ${pid}`);
          }
          if (age !== undefined) {
            ages++;
            const seconds = (truth.jiffies - memalloc.start) / truth.hz;
            assert.ok(age.value <= seconds, `pid ${pid}: ${age.value} s, truly ${seconds} s`);
          }
        }
        assert.deepEqual([requests.length, masks, ages], [inFlight, withMask, withAge]);
      });
    });
  }

  it('knows who waits for memory on a kernel that was never patched', async function () {
    await withVmcore(realDump(this, 'k61-press-d31.kdump'), (vmcore) => {
      const all = [...evidenceByPid(vmcore).values()];
      const inSlowPath = all.filter(({ place }) => place?.value === 'slow path');
      const reclaiming = inSlowPath.filter(({ reclaim }) => reclaim !== undefined);
      assert.equal(inSlowPath.length, 68);
      assert.deepEqual(
        [...new Set(reclaiming.map(({ gfpMask, order }) => `${gfpMask?.value} ${order?.value}`))],
        ['0x140dca 0', '0x400dc0 0'],
      );
      // PF_MEMALLOC is set for the same time as reclaim_state is.
      for (const { reclaim, flags } of inSlowPath) {
        assert.equal(reclaim !== undefined, flags?.value.memalloc);
        assert.equal(flags?.value.kswapd, false);
      }
      assert.equal(reclaiming.length, 45);
    });
  });

  it('finds nobody in the allocator of a machine that is at rest', async function () {
    await withVmcore(realDump(this, 'k61-quiet-d31-zstd.kdump'), (vmcore) => {
      const all = [...evidenceByPid(vmcore).values()];
      assert.deepEqual(
        all.filter(({ place, reclaim }) => place?.value === 'slow path' || reclaim !== undefined),
        [],
      );
    });
  });
});

function evidenceByPid(vmcore: Vmcore): Map<number, AllocationEvidence> {
  const { tasks } = readTasks(vmcore);
  const found = readAllocEvidence(vmcore, tasks, readJiffies(vmcore));
  const pid = (task: Task): number => task.pid ?? -1;
  return new Map(tasks.map((task) => [pid(task), found.get(task.address) ?? {}]));
}
