import assert from 'node:assert/strict';
import type { KernelLock, LocksResult, Wait } from '../../src/kernel/locking/lock.ts';
import type { WorkqueuesResult } from '../../src/kernel/workqueue.ts';
import { chainsOf, lockWords, type WaitChain } from '../../src/triage/chains.ts';
import { checkedOf } from '../../src/triage/checked.ts';
import type { Facts } from '../../src/triage/facts.ts';
import { facts, FAULT, MUTEX, type TaskSketch } from '../support/facts-builder.ts';

/** Who has which mutex, and who waits for it. */
type Held = readonly [address: string, owner: number | undefined, waiters: readonly number[]];

function locks(...held: readonly Held[]): LocksResult {
  return {
    type: 'locks',
    locks: held.map(([address, owner, waiters]): KernelLock => {
      const how = { how: 'owner', certain: true } as const;
      const named = owner === undefined ? {} : { owner: { pid: owner, address: '0x1', ...how } };
      return { kind: 'mutex', address, ...named, waiters, notes: [], sources: [] };
    }),
    waits: held.flatMap(([lock, , waiters]) =>
      waiters.map((pid): Wait => ({ pid, lock, kind: 'mutex', proof: { by: 'stack' } })),
    ),
    unproved: [],
    cycles: [],
    chains: [],
    tasks: [],
  };
}

function chains(tasks: readonly TaskSketch[], others: Partial<Facts>): WaitChain[] {
  const all = facts(tasks, others);
  return chainsOf(all, checkedOf(all));
}

const VICTIM: TaskSketch = { pid: 1, comm: 'java', victim: true, calls: `${MUTEX} < vfs_write` };
const HOLDER: TaskSketch = { pid: 2, comm: 'backup', state: 'R', calls: FAULT };
const WAITER: TaskSketch = { pid: 3, comm: 'cat', calls: `${MUTEX} < vfs_read` };

describe('chainsOf', () => {
  it('leads from an OOM victim over a lock to who waits for memory', () => {
    const [chain] = chains([VICTIM, HOLDER], { locks: locks(['0xf00', 2, [1]]) });
    assert.deepEqual(chain, {
      start: 'OOM victim',
      from: 'java(1)',
      pids: [1],
      steps: [{ waitsFor: 'mutex 0xf00', pid: 2, name: 'backup(2)' }],
      end: { kind: 'memory' },
    });
  });

  it('tells memory of the machine from that of a cgroup, and from a page that is written', () => {
    const ends = (calls: string): unknown =>
      chains([VICTIM, { ...HOLDER, state: 'D', calls }], { locks: locks(['0xf00', 2, [1]]) })[0]
        ?.end?.kind;
    const charge = 'try_to_free_mem_cgroup_pages < try_charge_memcg < charge_memcg';
    assert.equal(ends(`shrink_lruvec < ${charge}`), 'memory cgroup');
    const writeback = 'io_schedule < folio_wait_bit_common < folio_wait_writeback';
    assert.equal(ends(`${writeback} < shrink_folio_list < ${charge}`), 'writeback');
    assert.equal(ends(`${writeback} < truncate_inode_partial_folio`), 'does');
  });

  it('has one chain for those that wait alike, the victims first, and others last', () => {
    const held = locks(['0xf00', 2, [3, 4, 1]]);
    const found = chains([WAITER, { ...WAITER, pid: 4 }, VICTIM, HOLDER], { locks: held });
    assert.deepEqual(
      found.map(({ start, pids }) => [start, pids]),
      [
        ['OOM victim', [1]],
        ['other', [3, 4]],
      ],
    );
  });

  it('says of a victim that its memory was taken', () => {
    const all = facts([VICTIM, HOLDER], { locks: locks(['0xf00', 2, [1]]) });
    const tasks = all.tasks.map((fact) => ({ ...fact, isReaped: fact.task.pid === 1 }));
    const [chain] = chainsOf({ ...all, tasks }, checkedOf(all));
    assert.equal(chain?.from, 'java(1) (reaped)');
  });

  it('follows holders that wait themselves, and tells a circle', () => {
    const held = locks(['0xa', 2, [1]], ['0xb', 1, [2]]);
    const blocked = { ...HOLDER, calls: `${MUTEX} < ${FAULT}`, state: 'D' };
    const [chain] = chains([VICTIM, blocked], { locks: held });
    assert.deepEqual(
      chain?.steps.map(({ pid }) => pid),
      [2, 1],
    );
    assert.deepEqual(chain.end, { kind: 'cycle' });
  });

  it('tells a circle once, from outside of it where somebody waits there', () => {
    const held = locks(['0xa', 1, [2, 4]], ['0xb', 2, [1]]);
    const task = (pid: number): TaskSketch => ({ ...WAITER, pid, comm: `t${pid}` });
    const from = (...tasks: TaskSketch[]): string[] =>
      chains(tasks, { locks: held }).map(({ from: first }) => first);
    assert.deepEqual(from(task(1), task(2), task(4)), ['t4(4)']);
    assert.deepEqual(from(VICTIM, task(2), task(4)), ['java(1)', 't4(4)']);
    // Each is a request, and none waits from outside.
    const asks = (pid: number): TaskSketch => ({ ...task(pid), calls: `${MUTEX} < ${FAULT}` });
    const inside = locks(['0xa', 1, [2]], ['0xb', 2, [1]]);
    assert.equal(chains([asks(1), asks(2)], { locks: inside }).length, 1);
  });

  it('ends where it is not known who has the lock', () => {
    const [chain] = chains([VICTIM], { locks: locks(['0xa', undefined, [1]]) });
    assert.deepEqual(chain?.steps, [{ waitsFor: 'mutex 0xa' }]);
    assert.equal(chain.end, undefined);
  });

  it('leads from works that nobody begins over their worker', () => {
    const worker = { ...HOLDER, comm: 'kworker/0:1', calls: `${FAULT} < process_one_work` };
    const found = chains([worker], { workqueues: pool(2) });
    assert.deepEqual(found, [
      {
        start: 'work',
        from: 'work vmstat_update',
        pids: [],
        steps: [{ waitsFor: 'the worker of CPU 0', pid: 2, name: 'kworker/0:1(2)' }],
        end: { kind: 'memory' },
      },
    ]);
  });

  it('says nothing of a worker that merely has much to do', () => {
    const worker = { ...HOLDER, calls: 'copy_page < wb_workfn < process_one_work' };
    assert.deepEqual(chains([worker], { workqueues: pool(2) }), []);
  });
});

/** CPU 0's pool, in which that worker runs and one work waits. */
function pool(pid: number): WorkqueuesResult {
  const task = { address: `0x${pid.toString(16)}`, pid };
  const worker = { address: '0xe', task, flags: [], scheduled: [] };
  const pending = [{ address: '0xd', func: 'vmstat_update' }];
  const pools = [
    { address: '0xc', cpu: 0, nrRunning: 1, busy: [worker], idle: [], others: [], pending },
  ];
  return { type: 'workqueues', pools, workqueues: [] };
}

describe('lockWords', () => {
  const lock: KernelLock = {
    kind: 'rw_semaphore',
    address: '0xf00',
    waiters: [],
    notes: [],
    sources: [],
  };

  it('names a lock by its kind and its name, else by its address', () => {
    assert.equal(lockWords(lock), 'rw semaphore 0xf00');
    assert.equal(lockWords({ ...lock, kind: 'mutex', name: 'oom_lock' }), 'mutex oom_lock');
    assert.equal(lockWords({ ...lock, name: 'mmap_lock of a(1)' }), 'mmap_lock of a(1)');
    const bit = { number: 0, name: 'PG_locked' };
    assert.equal(lockWords({ ...lock, kind: 'page', bit }), 'page 0xf00 PG_locked');
  });
});
