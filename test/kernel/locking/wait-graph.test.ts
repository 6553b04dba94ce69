import assert from 'node:assert/strict';
import type { KernelLock, LockOwner } from '../../../src/kernel/locking/lock.ts';
import { chainOf, WaitGraph } from '../../../src/kernel/locking/wait-graph.ts';
import { HELD, result } from '../../support/lock-result.ts';

const { owner: OWNER, ...FREE } = HELD;

function reader(pid: number, certain: boolean): LockOwner {
  return { pid, address: '0x1', how: certain ? 'lockdep' : 'last reader', certain };
}

/** A lock that some tasks may read, and one that the last of its waiters waits for. */
function readBy(...tasks: LockOwner[]): KernelLock {
  return { ...FREE, address: '0x2', kind: 'rw_semaphore', readers: { tasks }, waiters: [20] };
}

describe('chainOf', () => {
  it('is undefined for a task that waits for no lock', () => {
    assert.equal(chainOf(result([HELD]), 10), undefined);
  });

  it('goes on to the reader that waits itself', () => {
    const chain = chainOf(result([HELD, readBy(reader(30, true), reader(11, true))]), 20);
    assert.deepEqual(
      chain?.links.map(({ pid }) => pid),
      [20, 11],
    );
    assert.deepEqual([chain?.last, chain?.end, chain?.certain], [10, 'task', true]);
  });

  it('takes a certain reader before one that may be out again', () => {
    const chain = chainOf(result([HELD, readBy(reader(11, false), reader(30, true))]), 20);
    assert.deepEqual([chain?.last, chain?.certain], [30, true]);
  });

  it('is not certain behind a reader that may be out again', () => {
    const chain = chainOf(result([HELD, readBy(reader(11, false))]), 20);
    assert.deepEqual([chain?.last, chain?.certain], [10, false]);
  });

  it('ends where nobody is known to have the lock', () => {
    const chain = chainOf(result([readBy()]), 20);
    assert.deepEqual([chain?.last, chain?.end], [undefined, 'owner not known']);
  });
});

describe('WaitGraph', () => {
  it('has one chain for tasks that begin it alike, the longest first', () => {
    const chains = new WaitGraph(result([HELD, readBy(reader(11, true))])).chains();
    assert.deepEqual(
      chains.map(({ pids, last }) => [pids, last]),
      [
        [[20], 10],
        [[12], 10],
      ],
    );
  });

  it('finds a circle that others only lead to', () => {
    const first = { ...HELD, waiters: [11, 13], owner: { ...OWNER!, pid: 12 } };
    const second = { ...HELD, address: '0x2', waiters: [12], owner: { ...OWNER!, pid: 11 } };
    const graph = new WaitGraph(result([first, second]));
    assert.deepEqual(
      graph.cycles().map(({ links }) => links.map(({ pid }) => pid)),
      [[11, 12]],
    );
    assert.equal(graph.chain(13)?.end, 'cycle');
  });

  it('finds who waits for a lock that it has itself', () => {
    const graph = new WaitGraph(result([{ ...HELD, waiters: [10] }]));
    assert.deepEqual(graph.cycles(), [{ links: [{ pid: 10, lock: HELD.address }], certain: true }]);
    assert.equal(graph.chain(10)?.end, 'cycle');
  });

  it('does not hold up a writer that waits for readers by itself', () => {
    const owner: LockOwner = { ...OWNER!, how: 'writer' };
    const graph = new WaitGraph(result([{ ...HELD, owner, waiters: [10] }]));
    assert.deepEqual(graph.cycles(), []);
    assert.equal(graph.chain(10)?.end, 'owner not known');
  });
});
