import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allocatorPlace, type AllocatorPlace } from '../../src/kernel/alloc-frames.ts';
import { readJiffies } from '../../src/kernel/jiffies.ts';
import { StackReader } from '../../src/kernel/stack.ts';
import { readTasks } from '../../src/kernel/task.ts';
import { poolStalls, type PoolStall } from '../../src/kernel/workqueue-stalls.ts';
import { readWorkqueues, type WorkerPool } from '../../src/kernel/workqueue.ts';
import type { Worker } from '../../src/kernel/worker.ts';
import type { Vmcore } from '../../src/target/index.ts';
import { realDump, withVmcore } from '../support/real-dumps.ts';
import { runScenario, withRun, writeRun } from '../support/simulated.ts';

const NOWHERE = (): undefined => undefined;

describe('poolStalls', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-pools-'));

  after(() => rmSync(folder, { recursive: true }));

  it('names the kworker in the allocator that vmstat_update waits behind', async () => {
    const run = runScenario('kworker-holds-vmstat', { seed: 1, kmallocwd: 1 });
    const files = writeRun(run, join(folder, 'vmcore'), { format: 'elf' });
    await withRun(files, (vmcore) => {
      const [stall, ...others] = stallsOf(vmcore);
      assert.ok(stall !== undefined);
      assert.equal(stall.reason, 'worker runs');
      assert.ok(stall.pool.pending.some(({ func }) => func === 'vmstat_update'));
      const [first] = stall.behind;
      assert.equal(first?.allocator, 'slow path');
      const busy = run.ledger.pools.find(({ id }) => id === stall.pool.id)?.busy;
      assert.equal(first.worker.task?.pid, busy?.[0]?.pid);
      assert.deepEqual(others, []);
    });
  });

  it('names the manager that gets no memory for another worker', async () => {
    const run = runScenario('nofs-only', { seed: 1, kmallocwd: 1 });
    const files = writeRun(run, join(folder, 'nofs'), { format: 'elf' });
    await withRun(files, (vmcore) => {
      const stalls = stallsOf(vmcore);
      assert.ok(stalls.length > 0);
      for (const { pool, reason, manager } of stalls) {
        const truth = run.ledger.pools.find(({ id }) => id === pool.id);
        assert.equal(manager?.worker.task?.pid, truth?.managerPid);
        assert.equal(reason, truth?.nrRunning === 0 ? 'worker is made' : 'worker runs');
      }
      assert.ok(stalls.some(({ reason }) => reason === 'worker is made'));
    });
  });

  it('says of a real machine what runs before the works that wait', async function () {
    await withVmcore(realDump(this, 'k61-press-d31.kdump'), (vmcore) => {
      const stalls = stallsOf(vmcore);
      assert.deepEqual(
        stalls.map(({ pool, reason, behind }) => ({
          ...{ cpu: pool.cpu, reason, hung: pool.hungJiffies },
          funcs: pool.pending.map(({ func }) => func),
          behind: behind.map(({ worker }) => worker.task?.comm),
        })),
        [
          {
            cpu: 0,
            reason: 'worker runs',
            hung: '113',
            funcs: [
              'vmpressure_work_fn',
              'kernfs_notify_workfn',
              'vmpressure_work_fn',
              'free_work',
            ],
            behind: ['kworker/0:2'],
          },
        ],
      );
    });
  });

  const CASES: readonly (readonly [what: string, pool: Partial<WorkerPool>, reason: string])[] = [
    ['a worker that runs', { nrRunning: 1, busy: [worker('R')] }, 'worker runs'],
    ['workers that all sleep', { busy: [worker('D'), worker('D')] }, 'workers sleep'],
    ['an idle worker besides', { busy: [worker('D')], idle: [worker('I')] }, 'worker is woken'],
    ['a manager', { busy: [worker('D')], manager: worker('D') }, 'worker is made'],
    ['an unbound pool whose worker runs', { busy: [worker('R')] }, 'worker is woken'],
  ];
  for (const [what, pool, reason] of CASES) {
    it(`says "${reason}" of ${what}`, () => {
      const [stall] = stallsOfPool({ nrRunning: 0, ...pool });
      assert.equal(stall?.reason, reason);
    });
  }

  it('says nothing of a pool without works that wait', () => {
    assert.deepEqual(stallsOfPool({ nrRunning: 1, busy: [worker('R')], pending: [] }), []);
  });

  it('calls a pool locked up as the kernel does, where that has a threshold', () => {
    const hung = (hungJiffies: string, watchdogThreshSeconds?: number): boolean | undefined =>
      stallsOfPool({ hungJiffies }, watchdogThreshSeconds)[0]?.isLockup;
    assert.equal(hung('7501', 30), true);
    assert.equal(hung('7500', 30), false);
    assert.equal(hung('7501'), undefined);
  });
});

function stallsOf(vmcore: Vmcore): PoolStall[] {
  const { tasks } = readTasks(vmcore);
  const { jiffies, hz } = readJiffies(vmcore);
  const reader = new StackReader(vmcore);
  const allocator = (address: string): AllocatorPlace | undefined => {
    const task = tasks.find((each) => each.address === address);
    return task && allocatorPlace(reader.read(task)?.frames ?? []);
  };
  return poolStalls(readWorkqueues(vmcore, { tasks, jiffies }), { allocator, hz });
}

function worker(state: string): Worker {
  return { address: '0x1000', task: { address: '0x10', state }, flags: [], scheduled: [] };
}

/** Of a machine with one pool and HZ=250. */
function stallsOfPool(pool: Partial<WorkerPool>, watchdogThreshSeconds?: number): PoolStall[] {
  const works = [{ address: '0x3000', func: 'vmstat_update' }];
  const pools = [{ address: '0x1', busy: [], idle: [], others: [], pending: works, ...pool }];
  const result = {
    ...{ type: 'workqueues' as const, pools, workqueues: [] },
    ...(watchdogThreshSeconds === undefined ? {} : { watchdogThreshSeconds }),
  };
  return poolStalls(result, { allocator: NOWHERE, hz: 250 });
}
