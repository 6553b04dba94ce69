import assert from 'node:assert/strict';
import { btResult, foldStacks, type SharedStack } from '../../src/kernel/bt.ts';
import { realDump, withVmcore } from '../support/real-dumps.ts';

const PRESS = 'k61-press-d31.kdump';

describe('btResult', () => {
  it('leaves out who merely sleeps, and counts them', async function () {
    await withVmcore(realDump(this, PRESS), (vmcore) => {
      const some = btResult(vmcore, {});
      const all = btResult(vmcore, { all: true });
      assert.equal(some.method, 'ORC');
      assert.ok(some.asleep > 0);
      assert.equal(some.taskCount + some.asleep, all.taskCount);
      assert.equal(all.taskCount, 284);
      assert.equal(all.unreadable.length, 0);
    });
  });

  it('takes the tasks that a filter lets through', async function () {
    await withVmcore(realDump(this, PRESS), (vmcore) => {
      const { stacks } = btResult(vmcore, { filter: { comms: ['pipemtx-rd'] }, fold: true });
      assert.deepEqual(
        stacks.map(({ tasks }) => tasks.map(({ pid }) => pid)),
        [[204, 217, 218]],
      );
      assert.ok(stacks[0]?.stack.frames.some(({ name }) => name?.startsWith('__mutex_lock')));
    });
  });

  it('finds all whose stack has the slow path of the allocator', async function () {
    await withVmcore(realDump(this, PRESS), (vmcore) => {
      const { stacks } = btResult(vmcore, { stalled: true });
      const slow = stacks.filter(({ allocator }) => allocator === 'slow path');
      // README of the dumps: 68 of them in __alloc_pages_slowpath.
      assert.equal(slow.length, 68);
    });
  });
});

describe('foldStacks', () => {
  const stackOf = (pid: number, state: string, ...pcs: string[]): SharedStack => ({
    stack: {
      type: 'stack',
      source: 'switched out',
      frames: pcs.map((pc) => ({ pc, sp: '0x0' })),
      end: 'user',
    },
    tasks: [{ address: '0x0', pid, state }],
  });

  it('makes one of those with the same frames, most tasks first', () => {
    const folded = foldStacks([
      stackOf(1, 'D', '0x1', '0x2'),
      stackOf(2, 'D', '0x1', '0x3'),
      stackOf(3, 'D', '0x1', '0x3'),
    ]);
    assert.deepEqual(
      folded.map(({ tasks }) => tasks.map(({ pid }) => pid)),
      [[2, 3], [1]],
    );
  });

  it('puts who asks for memory before who blocks, and who sleeps last', () => {
    const folded = foldStacks([
      stackOf(1, 'S', '0x1'),
      stackOf(2, 'R', '0x2'),
      stackOf(3, 'D', '0x3'),
      { ...stackOf(4, 'R', '0x4'), allocator: 'memory cgroup' },
      { ...stackOf(5, 'R', '0x5'), allocator: 'slow path' },
    ]);
    assert.deepEqual(
      folded.map(({ tasks }) => tasks[0]?.pid),
      [5, 4, 3, 2, 1],
    );
  });

  it('keeps apart what was guessed from what is certain', () => {
    const certain = stackOf(1, 'D', '0x1');
    const guessed = stackOf(2, 'D', '0x1');
    const frames = guessed.stack.frames.map((frame) => ({ ...frame, guessed: true as const }));
    const folded = foldStacks([certain, { ...guessed, stack: { ...guessed.stack, frames } }]);
    assert.equal(folded.length, 2);
  });
});
