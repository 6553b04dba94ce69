import assert from 'node:assert/strict';
import type { KernelLock, LocksResult } from '../../src/kernel/locking/lock.ts';
import { locksText } from '../../src/report/locks.ts';
import { HELD, LOOPS, result } from '../support/lock-result.ts';

describe('locksText', () => {
  it('tells of a lock who has it, what that task does, and who waits in order', () => {
    assert.equal(
      locksText(result([HELD])),
      'mutex 0xffff888000000100 i_mutex, 2 waiters\n' +
        '  owner    holder(10) R, at shrink_node+0x10, in the allocator (slow path)\n' +
        '  waiting  reader(11) D, at pipe_read+0x4e\n' +
        '           reader(12) D, at pipe_read+0x4e\n' +
        '\n' +
        '2 tasks waiting for 1 lock\n',
    );
  });

  it('says how sure it is of readers, and what the kernel does not keep', () => {
    const { owner: _, ...free } = HELD;
    const last = { pid: 10, comm: 'holder', address: '0x1', how: 'last reader', certain: false };
    const lock = { ...free, kind: 'rw_semaphore', readers: { count: 3, tasks: [last] } };
    const text = locksText(result([lock as KernelLock]));
    assert.match(text, /^rw semaphore 0x/);
    assert.match(text, /\n {2}read by {2}3 tasks\n/);
    assert.match(text, /came last \(it may be out again\): holder\(10\)/);
    assert.match(text, /does not keep who the others are\n/);
  });

  it('names the bit of a page, and the notes of a lock', () => {
    const { owner: _, name: __, ...free } = HELD;
    const bit = { number: 0, name: 'PG_locked' };
    const lock: KernelLock = { ...free, kind: 'page', bit, notes: ['nobody knows whose'] };
    const text = locksText(result([lock]));
    assert.match(text, /^page 0xffff888000000100 PG_locked, 2 waiters\n {2}nobody knows whose\n/);
  });

  it('tells of works who keeps them from being begun, and for how long', () => {
    const works = [LOOPS, { ...LOOPS, pool: '0x4', reason: 'worker is made' } as const];
    const { cpu: _, seconds: __, ...unbound } = { ...works[1]!, works: ['wb_workfn'] };
    assert.equal(
      locksText({ ...result([]), works: [LOOPS, unbound] }),
      'pool of CPU 0: 2 works wait (vmstat_update, vmstat_shepherd), none begun for 22.3 s\n' +
        '  behind    holder(10) R, at shrink_node+0x10, in the allocator (slow path)\n\n' +
        'unbound pool 0x4: 1 work waits (wb_workfn)\n' +
        '  until another worker is made by holder(10) R, at shrink_node+0x10, in the allocator ' +
        '(slow path)\n\n' +
        '0 tasks waiting for 0 locks; 3 works waiting for a worker\n',
    );
    const workers = [1, 2, 3, 4, 5, 6];
    assert.match(locksText({ ...result([]), works: [{ ...LOOPS, workers }] }), / and 2 more\n/);
  });

  it('shows sixteen waiters and counts the others', () => {
    const waiters = Array.from({ length: 20 }, (_, index) => 100 + index);
    const text = locksText(result([{ ...HELD, waiters }]));
    assert.match(text, / {11}\?\(115\) \?\n {11}and 4 more\n/);
  });

  it('puts circles first, and tells what is not known', () => {
    const links = [
      { pid: 11, lock: '0x1' },
      { pid: 12, lock: '0x2' },
    ];
    const why = 'its list is torn before it leads to a lock';
    const damaged: LocksResult = {
      ...result([]),
      cycles: [{ links, certain: false }],
      unproved: [{ pid: 12, function: '__mutex_lock', kind: 'mutex', why }],
    };
    assert.equal(
      locksText(damaged),
      'CYCLE (if the last reader still reads): reader(11) -> reader(12) -> reader(11)\n\n' +
        `reader(12) D, at pipe_read+0x4e: in __mutex_lock, lock not known: ${why}\n\n` +
        '0 tasks waiting for 0 locks; 1 cycle; 1 for a lock that is NOT KNOWN\n',
    );
  });
});
