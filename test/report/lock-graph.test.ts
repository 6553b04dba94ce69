import assert from 'node:assert/strict';
import type { KernelLock } from '../../src/kernel/locking/lock.ts';
import { WaitGraph } from '../../src/kernel/locking/wait-graph.ts';
import { lockGraphText } from '../../src/report/lock-graph.ts';
import { HELD, LOOPS, result } from '../support/lock-result.ts';

describe('lockGraphText', () => {
  it('has the one that must move first at the root', () => {
    assert.equal(
      lockGraphText(result([HELD])),
      'holder(10) R, at shrink_node+0x10, in the allocator (slow path)\n' +
        '  has mutex 0xffff888000000100 i_mutex\n' +
        '    reader(11) reader(12) D, at pipe_read+0x4e\n',
    );
  });

  it('goes on below a waiter that has a lock itself', () => {
    const owner = { pid: 11, comm: 'reader', address: '0x2', how: 'last reader', certain: false };
    const second = { ...HELD, address: '0x2', name: 'other', owner, waiters: [13] } as KernelLock;
    assert.equal(
      lockGraphText(result([{ ...HELD, waiters: [11] }, second])),
      'holder(10) R, at shrink_node+0x10, in the allocator (slow path)\n' +
        '  has mutex 0xffff888000000100 i_mutex\n' +
        '    reader(11) D, at pipe_read+0x4e\n' +
        '      may have (last reader) mutex 0x2 other\n' +
        '        ?(13) ?\n',
    );
  });

  it('has the works that wait below the worker that is in their way', () => {
    const is =
      '  is the worker of the pool of CPU 0: 2 works wait (vmstat_update, vmstat_shepherd)';
    assert.equal(
      lockGraphText({ ...result([]), works: [LOOPS] }),
      'holder(10) R, at shrink_node+0x10, in the allocator (slow path)\n' +
        `${is}, none begun for 22.3 s\n`,
    );
    const made = { ...LOOPS, workers: [11], reason: 'worker is made' } as const;
    assert.match(
      lockGraphText({ ...result([HELD]), works: [made] }),
      /\n {4}reader\(11\) D, [^\n]*\n {6}makes another worker for the pool of CPU 0: 2 works wait /,
    );
  });

  it('tells of a lock that nobody is known to have', () => {
    const { owner: _, ...free } = HELD;
    assert.match(lockGraphText(result([free])), /^not known who has mutex 0x.*\n {2}reader\(11\)/);
  });

  it('draws a circle once', () => {
    const first = { ...HELD, waiters: [11], owner: { ...HELD.owner!, pid: 12 } };
    const second = { ...HELD, address: '0x2', waiters: [12], owner: { ...HELD.owner!, pid: 11 } };
    const both = result([first, second]);
    const text = lockGraphText({ ...both, cycles: new WaitGraph(both).cycles() });
    assert.equal(
      text,
      'CYCLE: reader(11) -> reader(12) -> reader(11)\n' +
        'reader(11) D, at pipe_read+0x4e\n' +
        '  has mutex 0x2 i_mutex\n' +
        '    reader(12) D, at pipe_read+0x4e\n' +
        '      has mutex 0xffff888000000100 i_mutex\n' +
        '        reader(11) D, at pipe_read+0x4e\n' +
        '          has mutex 0x2 i_mutex, see above\n',
    );
  });
});
