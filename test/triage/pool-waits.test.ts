import assert from 'node:assert/strict';
import type { Work, Worker } from '../../src/kernel/worker.ts';
import type { WorkerPool, WorkqueuesResult } from '../../src/kernel/workqueue.ts';
import { diagnose } from '../../src/triage/diagnose.ts';
import { staleCounters } from '../../src/triage/diagnoses/stale-counters.ts';
import { victimBlocked } from '../../src/triage/diagnoses/victim-blocked.ts';
import type { Facts } from '../../src/triage/facts.ts';
import { flushWaits, hungPools, poolEvidence } from '../../src/triage/pool-waits.ts';
import { facts, FAULT, RECLAIM, type TaskSketch } from '../support/facts-builder.ts';

const HZ = 250;

function work(func: string, flusher?: number): Work {
  const task = flusher === undefined ? {} : { flusher: { address: '0x1', pid: flusher } };
  return { address: '0xf', func, ...task };
}

function worker(pid: number, func?: string, scheduled: readonly Work[] = []): Worker {
  const task = { address: `0x${pid.toString(16)}`, pid, state: 'R' };
  const current = func === undefined ? {} : { current: work(func) };
  return { address: '0xe', task, flags: [], scheduled, ...current };
}

function queues(pool: Partial<WorkerPool>, rescuer?: Worker): WorkqueuesResult {
  const none = { busy: [], idle: [], others: [], pending: [] };
  const wq = { address: '0xd', name: 'xfs-data/sda1', flags: ['WQ_MEM_RECLAIM'], inactive: [] };
  return {
    type: 'workqueues',
    pools: [{ address: '0xc', cpu: 1, ...none, ...pool }],
    workqueues: rescuer === undefined ? [] : [{ ...wq, rescuer, mayday: [] }],
    watchdogThreshSeconds: 30,
  };
}

function machine(tasks: readonly TaskSketch[], workqueues: WorkqueuesResult): Facts {
  const all = facts(tasks, { workqueues });
  return { ...all, memalloc: { ...all.memalloc, hz: HZ } };
}

const LOOPER: TaskSketch = {
  pid: 27,
  comm: 'kworker/1:0',
  kthread: true,
  state: 'R',
  gfp: 'GFP_NOIO',
  calls: `${RECLAIM} < wb_workfn < process_one_work`,
};
const RUNS = {
  nrRunning: 1,
  busy: [worker(27, 'wb_workfn')],
  pending: [work('vmstat_update'), work('wb_workfn')],
};

describe('flushWaits', () => {
  it('says who waits for the end of a work, and who has that', () => {
    const busy = [worker(27, 'wb_workfn', [work('wq_barrier_func', 2)])];
    assert.deepEqual(
      [...flushWaits(queues({ busy }))],
      [[2, { lock: 'the end of wb_workfn', holders: [27], isCertain: true }]],
    );
  });

  it('is not sure who will take a work that nobody has begun', () => {
    const pending = [work('wb_workfn'), work('wq_barrier_func', 2)];
    const waits = flushWaits(queues({ ...RUNS, pending }));
    assert.deepEqual(waits.get(2)?.holders, [27]);
    assert.equal(waits.get(2)?.isCertain, false);
    const made = flushWaits(queues({ ...RUNS, pending, manager: worker(30) }));
    assert.deepEqual(made.get(2)?.holders, [30]);
  });

  it('leads from a victim that flushes a work to the worker that asks for memory', () => {
    const waitsFor = { lock: 'the end of wb_workfn', holders: [27], isCertain: true };
    const calls = '__schedule < schedule_timeout < wait_for_completion < __flush_work < sync';
    const victim: TaskSketch = { pid: 2, comm: 'java', victim: true, calls, waitsFor };
    const finding = victimBlocked(facts([victim, LOOPER]));
    assert.match(finding?.sentence ?? '', /java\(2\) .* the end of wb_workfn, which kworker/);
    assert.deepEqual(finding?.culprits, [27]);
  });
});

describe('hungPools', () => {
  it('has those that have begun no work for so long, or nobody knows for how long', () => {
    const of = (pool: Partial<WorkerPool>): (number | undefined)[] =>
      hungPools(machine([LOOPER], queues({ ...RUNS, ...pool })), 10).map(({ seconds }) => seconds);
    assert.deepEqual(of({ hungJiffies: '9500' }), [38]);
    assert.deepEqual(of({ hungJiffies: '250' }), []);
    assert.deepEqual(of({}), [undefined]);
  });

  it('has none that is about to begin', () => {
    const idle = { nrRunning: 0, idle: [worker(28)], hungJiffies: '9500' };
    assert.deepEqual(hungPools(machine([LOOPER], queues({ ...RUNS, ...idle }))), []);
  });
});

describe('poolEvidence', () => {
  it('names the works, since when, and what the worker does instead', () => {
    const workqueues = queues({ ...RUNS, hungJiffies: '9500' });
    assert.deepEqual(
      poolEvidence(machine([LOOPER], workqueues)).map(({ fact }) => fact),
      [
        'pool of CPU 1: 2 works wait (vmstat_update first), none begun for 38.0 s (lockup): ' +
          'a worker does not sleep; kworker/1:0(27) runs wb_workfn and asks for memory',
      ],
    );
  });

  it('names who makes another worker', () => {
    const manager = worker(30);
    const tasks = [LOOPER, { pid: 30, comm: 'kworker/1:2', kthread: true, calls: FAULT }];
    const [evidence] = poolEvidence(machine(tasks, queues({ ...RUNS, nrRunning: 0, manager })));
    assert.match(evidence?.fact ?? '', /kworker\/1:2\(30\) makes another one, and asks for memory/);
  });

  it('names a rescuer that has a work in hand, and none that has not', () => {
    const rescuer = worker(451, 'xfs_end_io');
    const tasks: TaskSketch[] = [
      { pid: 451, comm: 'xfs-data/sda1', kthread: true, calls: RECLAIM },
    ];
    const [evidence] = poolEvidence(machine(tasks, queues({}, rescuer)));
    assert.match(evidence?.fact ?? '', /the rescuer of xfs-data.*\(451\) runs xfs_end_io and asks/);
    assert.deepEqual(poolEvidence(machine(tasks, queues({}, worker(451)))), []);
  });
});

describe('a work item that loops (D6)', () => {
  const found = (pool: Partial<WorkerPool>): string | undefined =>
    staleCounters(machine([LOOPER], queues({ ...RUNS, ...pool })))?.confidence;

  it('is found by what its own pool keeps waiting', () => {
    assert.equal(found({ hungJiffies: '9500' }), 'possible');
    assert.equal(found({}), 'possible');
  });

  it('is none where the pool has begun a work a moment ago, or waits for another worker', () => {
    assert.equal(found({ hungJiffies: '250' }), undefined);
    assert.equal(found({ hungJiffies: '2125' }), 'possible', 'a work came to the empty pool later');
    assert.equal(found({ hungJiffies: '9500', busy: [worker(99, 'wb_workfn')] }), undefined);
  });

  it('is no likeness of a busy machine where works have waited for long behind it', () => {
    const zones = [{ name: 'DMA32', free: 90, min: 100, freeNotAdded: 50 }] as const;
    const of = (hungJiffies: string): string | undefined => {
      const { gfp, ...unaged } = LOOPER;
      assert.ok(gfp !== undefined);
      const all = machine([{ ...unaged, offCpu: 0.1 }], queues({ ...RUNS, hungJiffies }));
      return diagnose({ ...all, zones })[0]?.confidence;
    };
    assert.equal(of('9500'), 'likely');
    assert.equal(of('250'), 'possible');
  });
});
