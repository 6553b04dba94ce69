import assert from 'node:assert/strict';
import {
  butFor,
  chainFrom,
  circleOf,
  endsOf,
  endOf,
  leadsToMemory,
  sleepsForPage,
  sleepsInLock,
  unprovedSureness,
  wayToMemory,
  type Chain,
} from '../../src/triage/lock-waits.ts';
import { facts, FAULT, MUTEX, taskFacts, type TaskSketch } from '../support/facts-builder.ts';

function waiter(pid: number, ...holders: number[]): TaskSketch {
  return { pid, calls: MUTEX, waitsFor: { lock: 'mutex 0xf00', holders, isCertain: true } };
}

function chain(...tasks: TaskSketch[]): Chain {
  const all = facts(tasks);
  const [start] = all.tasks;
  assert.ok(start !== undefined);
  return chainFrom(all, start);
}

function pids({ links }: Chain): (number | undefined)[] {
  return links.map(({ task }) => task.pid);
}

describe('sleepsInLock', () => {
  it('goes by the innermost calls', () => {
    assert.ok(sleepsInLock(taskFacts({ pid: 1, calls: MUTEX })));
    const within = `__schedule < schedule < do_nanosleep < a < b < c < ${MUTEX}`;
    assert.ok(!sleepsInLock(taskFacts({ pid: 1, calls: within })));
  });

  it('is not so of a task that runs', () => {
    assert.ok(!sleepsInLock(taskFacts({ pid: 1, state: 'R', calls: MUTEX })));
    assert.ok(!sleepsInLock(taskFacts({ pid: 1, onCpu: true, calls: MUTEX })));
  });

  it('is so of a wait that was proved, whatever the stack', () => {
    assert.ok(sleepsInLock(taskFacts({ ...waiter(1, 2), calls: '' })));
  });
});

describe('sleepsForPage', () => {
  it('knows old names and new ones', () => {
    for (const name of ['wait_on_page_bit', 'folio_wait_bit_common']) {
      assert.ok(sleepsForPage(taskFacts({ pid: 1, calls: `__schedule < io_schedule < ${name}` })));
    }
  });
});

describe('endsOf', () => {
  it('has all that may keep the lock and ask for memory, the end of the chain first', () => {
    const readers = { lock: 'rwsem 0xf00', holders: [3, 4, 5], isCertain: false };
    const all = facts([
      { pid: 2, calls: MUTEX, waitsFor: readers },
      { pid: 3, state: 'R', calls: FAULT },
      { pid: 4, state: 'R', calls: FAULT },
      { pid: 5, state: 'S', calls: 'do_nanosleep' },
    ]);
    const ends = endsOf(all, chainFrom(all, all.tasks[0]!));
    assert.deepEqual(
      ends.map(({ task }) => task.pid),
      [3, 4],
    );
  });
});

describe('chainFrom', () => {
  it('ends at the one that waits for no lock', () => {
    const found = chain(waiter(1, 2), waiter(2, 3), { pid: 3, state: 'R' });
    assert.deepEqual(pids(found), [1, 2, 3]);
    assert.equal(endOf(found).task.pid, 3);
    assert.deepEqual([found.isProved, found.isCycle], [true, false]);
  });

  it('goes on from who is proved to wait and is on its way to sleep, and not from who runs', () => {
    const end: TaskSketch = { pid: 2, state: 'R' };
    assert.deepEqual(pids(chain({ ...waiter(1, 2), onCpu: true }, end)), [1, 2]);
    assert.deepEqual(pids(chain({ ...waiter(1, 2), onCpu: true, state: 'R' }, end)), [1]);
    assert.deepEqual(pids(chain({ pid: 1, calls: MUTEX, onCpu: true }, end)), [1]);
  });

  it('ends where it comes back to', () => {
    const found = chain(waiter(1, 2), waiter(2, 1));
    assert.deepEqual(pids(found), [1, 2]);
    assert.deepEqual([found.isProved, found.isCycle], [true, true]);
  });

  it('takes the holder that it has not met', () => {
    assert.deepEqual(pids(chain(waiter(1, 2), waiter(2, 1, 3), { pid: 3, state: 'R' })), [1, 2, 3]);
  });

  it('proves nothing where a holder is not known, or is no task', () => {
    assert.equal(chain(waiter(1)).isProved, false);
    assert.equal(chain(waiter(1, 99)).isProved, false);
    assert.equal(chain({ pid: 1, calls: MUTEX }).isProved, false);
  });
});

describe('leadsToMemory', () => {
  const asks: TaskSketch = { pid: 3, state: 'R', calls: FAULT };

  it('is so where the last is another who asks for memory', () => {
    assert.ok(leadsToMemory(chain(waiter(1, 3), asks)));
    assert.ok(!leadsToMemory(chain(asks)));
    assert.ok(!leadsToMemory(chain(waiter(1, 3), { ...asks, calls: 'do_nanosleep' })));
  });

  it('is not so in a circle, though one of it is in a request', () => {
    const inRequest = { ...waiter(2, 1), calls: `${MUTEX} < ${FAULT}` };
    assert.ok(!leadsToMemory(chain(waiter(1, 2), inRequest)));
  });
});

describe('wayToMemory', () => {
  const asks: TaskSketch = { pid: 3, state: 'R', calls: FAULT };

  it('names the holder of the first lock, and then whom that one waits for', () => {
    assert.equal(
      wayToMemory(chain(waiter(1, 3), asks)),
      'waits for mutex 0xf00, which task-3(3) has, and that waits for memory',
    );
    assert.match(
      wayToMemory(chain(waiter(1, 2), waiter(2, 3), asks)),
      /which task-2\(2\) has; task-2/,
    );
    const long = wayToMemory(chain(waiter(1, 2), waiter(2, 4), waiter(4, 3), asks));
    assert.match(long, /which task-2\(2\) has; task-2\(2\) waits for a lock \(over task-4\(4\)\)/);
  });
});

describe('circleOf', () => {
  it('has those who wait for each other, and not who waits for one of them', () => {
    const pidsIn = (found: Chain): unknown[] => circleOf(found).map(({ task: { pid } }) => pid);
    assert.deepEqual(pidsIn(chain(waiter(1, 2), waiter(2, 3), waiter(3, 2))), [2, 3]);
    assert.deepEqual(pidsIn(chain(waiter(1, 2), { pid: 2, state: 'R' })), []);
  });

  it('is not proved where the wait that closes it is not', () => {
    const unsure = { ...waiter(2, 1), waitsFor: { lock: 'x', holders: [1], isCertain: false } };
    const found = chain(waiter(1, 2), unsure);
    assert.deepEqual([found.isProved, found.isCycle], [false, true]);
  });
});

describe('butFor', () => {
  it('adds what lowers a reason', () => {
    assert.equal(butFor('a', []), 'a');
    assert.equal(butFor('a', ['b', 'c']), 'a, but b, and c');
  });
});

describe('unprovedSureness', () => {
  const slept = (offCpu: number): TaskSketch => ({ pid: 5, calls: MUTEX, offCpu });
  const asks: TaskSketch = { pid: 6, state: 'R', calls: FAULT };
  const sure = (tasks: readonly TaskSketch[], writeback = 0): string => {
    const all = facts(tasks, { writeback });
    return unprovedSureness(all, all.tasks.slice(0, 1));
  };

  it('is never certain, and possible where nobody has waited for long', () => {
    assert.equal(sure([slept(30), asks]), 'likely');
    assert.equal(sure([slept(0.5), asks]), 'possible');
    assert.equal(sure([slept(0.5), { ...asks, gfp: 'GFP_KERNEL' }]), 'likely');
    assert.equal(sure([slept(30), { ...asks, young: true }]), 'possible');
    // The young one may be the holder.
    const old: TaskSketch = { ...asks, pid: 7, gfp: 'GFP_KERNEL' };
    assert.equal(sure([slept(30), old, { ...asks, young: true }]), 'possible');
  });

  it('is possible while pages are being written', () => {
    assert.equal(sure([slept(30), asks], 3), 'possible');
  });
});
