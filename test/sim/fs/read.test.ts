import assert from 'node:assert/strict';
import { call } from '../../../src/sim/core/code.ts';
import { Inode } from '../../../src/sim/fs/file-system.ts';
import { __x64_sys_read } from '../../../src/sim/fs/read.ts';
import { bootedMachine, SECOND_US, startTestThread } from '../../support/simulated-machine.ts';

describe('__x64_sys_read', () => {
  it('reads a page once, and lets the second reader sleep for its lock', () => {
    const k = bootedMachine();
    k.fs.disk.usPerPage = SECOND_US;
    const inode = new Inode(k, 'file');
    let done = 0;
    const readers = [0, 1].map(() =>
      startTestThread(k, function* (kernel) {
        yield* call(kernel, __x64_sys_read, { inode, index: 7, pages: 1 });
        done++;
      }),
    );
    k.sched.run(SECOND_US / 2);
    assert.deepEqual([done, inode.reading.size, k.fs.disk.inFlight], [0, 1, 1]);
    for (const { blockedOn } of readers) assert.equal(blockedOn?.kind, 'PG_locked');
    assert.deepEqual(readers[1]?.blockedOn?.holders(), []);
    k.sched.run(2 * SECOND_US);
    assert.deepEqual([done, inode.reading.size, k.pageWaits.locked.size], [2, 0, 0]);
  });
});
