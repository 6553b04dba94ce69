import assert from 'node:assert/strict';
import { call } from '../../../src/sim/core/code.ts';
import { Inode, simfs_error, __x64_sys_write } from '../../../src/sim/fs/file-system.ts';
import { __x64_sys_fsync } from '../../../src/sim/fs/fsync.ts';
import { bootedMachine, SECOND_US, startTestThread } from '../../support/simulated-machine.ts';

describe('simfs_error', () => {
  it('makes the file system read-only once, and writes fail from then on', () => {
    const k = bootedMachine();
    const inode = new Inode(k, 'file');
    startTestThread(k, function* (kernel) {
      simfs_error(kernel);
      simfs_error(kernel);
      yield* call(kernel, __x64_sys_write, { inode, pages: 4, extends: true, dirty: true });
    });
    k.sched.run(SECOND_US);
    const lines = k.log.records.filter(({ text }) => text.includes('read-only'));
    assert.deepEqual([lines.length, k.fs.readOnlyErrors, k.node.nrDirty], [1, 1, 0]);
  });
});

describe('__x64_sys_fsync', () => {
  it('returns when the pages and the transaction are on the disk', () => {
    const k = bootedMachine();
    const inode = new Inode(k, 'file');
    let isDone = false;
    startTestThread(k, function* (kernel) {
      yield* call(kernel, __x64_sys_write, { inode, pages: 4, extends: true, dirty: true });
      assert.equal(inode.dirty.size, 4);
      yield* call(kernel, __x64_sys_fsync, inode);
      assert.deepEqual([inode.dirty.size, kernel.node.nrWriteback], [0, 0]);
      isDone = true;
    });
    k.sched.run(SECOND_US);
    assert.ok(isDone);
    assert.equal(k.fs.jbd2.hasUpdates, false);
  });
});
