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
import { vaddr } from '../../src/util/address.ts';
import { overlayOf } from '../support/overlay.ts';
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
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-workqueue-'));

  after(() => rmSync(folder, { recursive: true }));

  it('keeps the other pools where the list of one is damaged', async function () {
    await withVmcore(realDump(this, 'k1-victim-wd10.kdump'), (vmcore) => {
      const before = readAll(vmcore).pools;
      const [first, second] = before.map(({ address }) => {
        return vmcore.object('worker_pool', vaddr(BigInt(address)));
      });
      assert.ok(first !== undefined && second !== undefined);
      // Its works go on in nowhere, and its idle workers with those of another pool.
      const write = overlayOf(vmcore);
      write(first.member('worklist.next'), 0x8n);
      const runsInto = second.member('idle_list.next').pointer();
      write(first.member('idle_list.next'), runsInto);
      const after = readAll(vmcore).pools;
      assert.deepEqual(after.slice(2), before.slice(2));
      assert.deepEqual(after[0]?.pending, []);
      assert.deepEqual(after[0]?.idle, []);
      const said = vmcore.problems.list.map(({ message }) => message);
      assert.ok(said.some((message) => message.includes('0x8: ')));
      assert.ok(said.some((message) => /pool: expected 0x\w+, whose list/.test(message)));
    });
  });

  it('ends where a worker is busy again after itself', async function () {
    await withVmcore(realDump(this, 'k1-victim-wd10.kdump'), (vmcore) => {
      const busy = readAll(vmcore).pools.flatMap((pool) => pool.busy);
      const [worker] = busy;
      assert.ok(worker !== undefined);
      const node = vmcore.object('worker', vaddr(BigInt(worker.address))).member('hentry');
      overlayOf(vmcore)(node.member('next'), node.address);
      assert.deepEqual(
        readAll(vmcore).pools.flatMap((pool) => pool.busy),
        busy,
      );
      assert.match(vmcore.problems.list[0]?.message ?? '', /is circular/);
    });
  });

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

  // 6.1 with what each scenario needs: as it was released, nothing waits.
  const SIMULATED = [
    ['6.1', 'kworker-holds-vmstat', {}, false],
    ['4.4', 'seed-000', { flavour: '4.4' }, true],
  ] as const;
  for (const [name, scenario, flavour, hasManager] of SIMULATED) {
    it(`reads what the simulated ${name} has in its pools and rescuers: ${scenario}`, async () => {
      const run = runScenario(scenario, { ...flavour, seed: 1, kmallocwd: 1 });
      const files = writeRun(run, join(folder, name), { format: 'elf' });
      await withRun(files, (vmcore) => {
        const result = readAll(vmcore);
        assert.deepEqual(vmcore.problems.list, []);
        assert.deepEqual(poolsOf(result), expectedPools(run.ledger));
        assert.ok(result.pools.some(({ pending }) => pending.length > 0));
        assert.equal(
          result.pools.some(({ manager }) => manager !== undefined),
          hasManager,
        );
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
    ...pools.flatMap(({ busy, idle, others }) => [...busy, ...idle, ...others]),
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
  readonly managerPid: number | undefined;
}

function poolsOf({ pools }: WorkqueuesResult): PoolTruth[] {
  const found = pools.map(({ id, cpu, nrRunning, pending, busy, idle, manager }) => ({
    ...{ id, cpu, nrRunning },
    pending: pending.map(({ func, wq }) => ({ func, wq })),
    busy: byPid(
      busy.map(({ task, current }) => {
        return { pid: task?.pid, func: current?.func, wq: current?.wq };
      }),
    ),
    idlePids: idle.map(({ task }) => task?.pid),
    managerPid: manager?.task?.pid,
  }));
  return found.sort((a, b) => (a.id ?? -1) - (b.id ?? -1));
}

function expectedPools({ pools }: Ledger): PoolTruth[] {
  return pools.map(({ id, cpu, nrRunning, pending, busy, idlePids, managerPid }) => {
    return { id, cpu, nrRunning, pending, busy: byPid([...busy]), idlePids, managerPid };
  });
}

/** Workers at work are in a hash table. */
function byPid<T extends { readonly pid: number | undefined }>(workers: T[]): T[] {
  return workers.sort((a, b) => (a.pid ?? 0) - (b.pid ?? 0));
}
