// What is rebuilt without the record against the record: the dumps of kernels that keep it have the
// truth about every request, and the rebuilding never looks at it.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAllocEvidence, type AllocationEvidence } from '../../src/kernel/alloc-evidence.ts';
import { readJiffies } from '../../src/kernel/jiffies.ts';
import { readTasks, type Task } from '../../src/kernel/task.ts';
import type { FlavourName } from '../../src/sim/flavour/flavours.ts';
import type { LedgerTask } from '../../src/sim/ledger.ts';
import type { Vmcore } from '../../src/target/index.ts';
import { realDump, truthFile, withVmcore } from '../support/real-dumps.ts';
import { runScenario, withRun, writeRun } from '../support/simulated.ts';
import type { MemallocTruth } from '../support/memalloc-truth.ts';

/** Dumps of kernels with the patch, and of how many of their requests what is known. */
const PATCHED: readonly PatchedDump[] = [
  { name: 'k1-victim-wd10', inFlight: 15, reclaiming: 10, learned: 5, aged: 10 },
  { name: 'k2-pair-a', inFlight: 15, reclaiming: 14, learned: 1, aged: 12 },
  { name: 'k2-pair-b', inFlight: 15, reclaiming: 11, learned: 4, aged: 13 },
];

/** __GFP_MOVABLE; MIGRATE_MOVABLE is 1. */
const GFP_MOVABLE = 0x8;

/** jiffies are rounded down to the last tick, in seconds: those of HZ=250 are the longest. */
const TICK = 0.004;

interface PatchedDump {
  readonly name: string;
  readonly inFlight: number;
  /** Their scan_control says the mask and the order. */
  readonly reclaiming: number;
  /** They lie where those others have them. */
  readonly learned: number;
  readonly aged: number;
}

/** Kernels with records and without. */
const SIMULATED: readonly [scenario: string, flavour: FlavourName][] = [
  ['nofs-only', '6.1-kmallocwd'],
  ['nofs-only', '6.1'],
  ['reaper-defeated', '4.4'],
];

describe('readAllocEvidence', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-evidence-'));

  after(() => rmSync(folder, { recursive: true }));

  for (const { name, ...expected } of PATCHED) {
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
        const counts = { inFlight: requests.length, reclaiming: 0, learned: 0, aged: 0 };
        for (const { pid, memalloc } of requests) {
          const { gfpMask, order, age } = found.get(pid) ?? {};
          assert.equal(Number(gfpMask?.value), memalloc.gfp, `gfp of pid ${pid}`);
          assert.equal(order?.value, memalloc.order, `order of pid ${pid}`);
          if (gfpMask?.kind === 'recorded') counts.reclaiming++;
          else counts.learned++;
          if (age === undefined) continue;
          counts.aged++;
          const seconds = (truth.jiffies - memalloc.start) / truth.hz;
          assert.ok(age.value <= seconds, `pid ${pid}: ${age.value} s, truly ${seconds} s`);
        }
        assert.deepEqual(counts, expected);
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
      const learned = inSlowPath.filter(({ gfpMask }) => gfpMask?.kind === 'derived');
      // Two of them ask for what nobody who reclaims does: sockbuf for a socket's, labstress.
      assert.deepEqual(
        [...new Set(learned.map(({ gfpMask }) => gfpMask?.value))],
        ['0x140dca', '0x400dc0', '0x400cc0', '0x140cca'],
      );
      // PF_MEMALLOC is set for the same time as reclaim_state is.
      for (const { reclaim, flags } of inSlowPath) {
        assert.equal(reclaim !== undefined, flags?.value.memalloc);
        assert.equal(flags?.value.kswapd, false);
      }
      assert.equal(reclaiming.length, 45);
      // alloc_context was made from the mask: __GFP_MOVABLE is its migratetype.
      for (const { gfpMask, context } of inSlowPath) {
        assert.equal(context?.migratetype === 1, (Number(gfpMask?.value) & GFP_MOVABLE) !== 0);
      }
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

  for (const [scenario, flavour] of SIMULATED) {
    it(`finds the requests of ${scenario} on the simulated ${flavour}`, async () => {
      const knobs = { ramMiB: 64, dumpSeconds: 12 };
      const run = runScenario(scenario, { flavour, seed: 2, kmallocwd: 1, knobs });
      const files = writeRun(run, join(folder, flavour), { format: 'elf' });
      await withRun(files, (vmcore) => {
        const found = evidenceByPid(vmcore);
        const requests = run.ledger.tasks.filter(({ functions }) =>
          functions.includes('__alloc_pages_slowpath'),
        );
        assert.ok(requests.length > 0);
        const rebuilt = [...found].filter(([, { place }]) => place?.value === 'slow path');
        assert.deepEqual(
          rebuilt.map(([pid]) => pid),
          requests.map(({ pid }) => pid),
        );
        for (const task of requests) {
          checkAgainstLedger(task, run.ledger.hz, found.get(task.pid) ?? {});
        }
      });
    });
  }
});

/** Where the kernel keeps no record, the ledger has the functions that have not returned. */
function checkAgainstLedger(
  { pid, comm, record, functions }: LedgerTask,
  hz: number,
  { reclaim, gfpMask, order, age }: AllocationEvidence,
): void {
  const about = `${comm}(${pid})`;
  assert.equal(reclaim !== undefined, functions.includes('do_try_to_free_pages'), about);
  assert.equal(gfpMask !== undefined, reclaim !== undefined, about);
  if (record === undefined) return;
  assert.ok(record.depth > 0, about);
  assert.ok((age?.value ?? 0) <= Number(record.delay) / hz + TICK, about);
  if (gfpMask === undefined) return;
  assert.deepEqual([gfpMask.value, order?.value], [record.gfpMask, record.order], about);
}

function evidenceByPid(vmcore: Vmcore): Map<number, AllocationEvidence> {
  const { tasks } = readTasks(vmcore);
  const found = readAllocEvidence(vmcore, tasks, readJiffies(vmcore));
  const pid = (task: Task): number => task.pid ?? -1;
  return new Map(tasks.map((task) => [pid(task), found.get(task.address) ?? {}]));
}
