import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readJiffies } from '../../src/kernel/jiffies.ts';
import { readTasks } from '../../src/kernel/task.ts';
import type { Worker } from '../../src/kernel/worker.ts';
import { readWorkqueues, type WorkqueuesResult } from '../../src/kernel/workqueue.ts';
import type { Ledger } from '../../src/sim/ledger.ts';
import type { Vmcore } from '../../src/target/index.ts';
import { realDump, truthFile, withVmcore } from '../support/real-dumps.ts';
import { runScenario, withRun, writeRun } from '../support/simulated.ts';
import { parseTruthStacks } from '../support/truth-stacks.ts';

const REAL: readonly (readonly [dump: string, truth: string, busy: number])[] = [
  ['k61-press-d31.kdump', 'k61-press', 1],
  ['k61-quiet-d31-zstd.kdump', 'k61-quiet', 0],
  ['k1-victim-wd10.kdump', 'k1-victim-wd10', 1],
  ['k2-pair-a.kdump', 'k2-pair-a', 1],
  ['k2-pair-b.kdump', 'k2-pair-b', 1],
];

/** PF_WQ_WORKER (include/linux/sched.h). */
const PF_WQ_WORKER = 0x20;

describe('readWorkqueues', function () {
  this.timeout(20_000);
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-workqueue-'));

  after(() => rmSync(folder, { recursive: true }));

  for (const [dump, truth, busyCount] of REAL) {
    it(`finds every worker, and what it executes is on its stack: ${dump}`, async function () {
      const path = realDump(this, dump);
      const stacks = parseTruthStacks(truthFile(this, `${truth}/stacks.txt`));
      await withVmcore(path, (vmcore) => {
        const result = readAll(vmcore);
        assert.deepEqual(vmcore.problems.list, []);
        const workers = allWorkers(result);
        const known = new Set(workers.map(({ task }) => task?.address));
        const { tasks } = readTasks(vmcore);
        for (const { address, comm, flags = 0 } of tasks) {
          assert.equal(known.has(address), (flags & PF_WQ_WORKER) !== 0, comm);
        }
        const busy = workers.filter(({ current }) => current !== undefined);
        assert.equal(busy.length, busyCount);
        for (const { task, current } of busy) {
          const frames = stacks.get(task?.pid ?? -1) ?? [];
          assert.ok(
            frames.some(({ name }) => name === current?.func),
            current?.func,
          );
        }
      });
    });
  }

  it('finds works whose timer has not fired, on the wheel of each CPU', async function () {
    await withVmcore(realDump(this, 'k61-press-d31.kdump'), (vmcore) => {
      const { delayed = [] } = readAll(vmcore);
      // mm/vmstat.c: each CPU folds its counters once a second, and one looks who does not.
      const updates = delayed.filter(({ func }) => func === 'vmstat_update');
      assert.deepEqual(
        updates.map(({ wq, cpu }) => ({ wq, cpu })),
        [0, 1].map((cpu) => ({ wq: 'mm_percpu_wq', cpu })),
      );
      assert.ok(delayed.some(({ func, wq }) => func === 'vmstat_shepherd' && wq === 'events'));
      for (const { func, inJiffies = -1 } of delayed) {
        // The longest is that of fs/fs-writeback.c: twelve hours at HZ=250.
        assert.ok(inJiffies >= 0 && inJiffies <= 12 * 3600 * 250, `${func} in ${inJiffies}`);
      }
    });
  });

  // 6.1 as it was released has nothing that waits; with what the scenario needs it does.
  for (const [name, flavour] of [
    ['6.1', {}],
    ['4.4', { flavour: '4.4' }],
  ] as const) {
    it(`reads what the simulated ${name} has in its pools and rescuers`, async () => {
      const run = runScenario('kworker-holds-vmstat', { ...flavour, seed: 1, kmallocwd: 2 });
      const files = writeRun(run, join(folder, name), { format: 'elf' });
      await withRun(files, (vmcore) => {
        const result = readAll(vmcore);
        assert.deepEqual(vmcore.problems.list, []);
        assert.deepEqual(poolsOf(result), expectedPools(run.ledger));
        assert.ok(result.pools.some(({ pending }) => pending.length > 0));
        assert.deepEqual(
          result.workqueues.flatMap(({ name, rescuer }) => {
            return rescuer === undefined ? [] : [[name, rescuer.task?.pid, rescuer.current?.func]];
          }),
          run.ledger.rescuers.map(({ wq, pid, func }) => [wq, pid, func]),
        );
      });
    });
  }
});

function readAll(vmcore: Vmcore): WorkqueuesResult {
  const { tasks } = readTasks(vmcore);
  return readWorkqueues(vmcore, { tasks, jiffies: readJiffies(vmcore).jiffies });
}

function allWorkers({ pools, workqueues }: WorkqueuesResult): Worker[] {
  return [
    ...pools.flatMap(({ busy, idle }) => [...busy, ...idle]),
    ...workqueues.flatMap(({ rescuer }) => rescuer ?? []),
  ];
}

interface PoolTruth {
  readonly id: number | undefined;
  readonly cpu: number | undefined;
  readonly nrRunning: number | undefined;
  readonly pending: readonly object[];
  readonly busy: readonly object[];
  readonly idlePids: readonly (number | undefined)[];
}

function poolsOf({ pools }: WorkqueuesResult): PoolTruth[] {
  const found = pools.map(({ id, cpu, nrRunning, pending, busy, idle }) => ({
    ...{ id, cpu, nrRunning },
    pending: pending.map(({ func, wq }) => ({ func, wq })),
    busy: byPid(
      busy.map(({ task, current }) => {
        return { pid: task?.pid, func: current?.func, wq: current?.wq };
      }),
    ),
    idlePids: idle.map(({ task }) => task?.pid),
  }));
  return found.sort((a, b) => (a.id ?? -1) - (b.id ?? -1));
}

function expectedPools({ pools }: Ledger): PoolTruth[] {
  return pools.map(({ id, cpu, nrRunning, pending, busy, idlePids }) => {
    return { id, cpu, nrRunning, pending, busy: byPid([...busy]), idlePids };
  });
}

/** Workers at work are in a hash table. */
function byPid<T extends { readonly pid: number | undefined }>(workers: T[]): T[] {
  return workers.sort((a, b) => (a.pid ?? 0) - (b.pid ?? 0));
}
