import assert from 'node:assert/strict';
import type { Code } from '../../../src/sim/core/code.ts';
import { Kernel } from '../../../src/sim/core/kernel.ts';
import { FEATURES_DEFAULT, REMEDIES_NONE } from '../../../src/sim/core/options.ts';
import { schedule_timeout_uninterruptible } from '../../../src/sim/kernel/timer.ts';
import { RwSemaphore } from '../../../src/sim/locking/rw-semaphore.ts';
import { down_read, down_write, up_read, up_write } from '../../../src/sim/locking/rwsem.ts';
import { Prng } from '../../../src/util/prng.ts';

type Step = readonly [
  name: string,
  mode: 'read' | 'write',
  afterJiffies: number,
  forJiffies: number,
];

/** Runs tasks that take the lock; who had it when, in the order of getting it. */
function order(steps: readonly Step[]): { names: string[]; sem: RwSemaphore } {
  const options = { hz: 250, cpuCount: 2, ramBytes: 128 << 20, kmallocwd: 0 } as const;
  const k = new Kernel({ ...options, ...FEATURES_DEFAULT, ...REMEDIES_NONE }, new Prng(1));
  const sem = new RwSemaphore('tested');
  const names: string[] = [];
  for (const [comm, mode, after, during] of steps) {
    k.kthread({ comm }, function* locker(): Code {
      yield* schedule_timeout_uninterruptible(k, after);
      yield* mode === 'read' ? down_read(k, sem) : down_write(k, sem);
      names.push(comm);
      yield* schedule_timeout_uninterruptible(k, during);
      if (mode === 'read') up_read(k, sem);
      else up_write(k, sem);
      yield* schedule_timeout_uninterruptible(k, 100_000);
    });
  }
  k.sched.run(10_000_000);
  return { names, sem };
}

describe('down_read', () => {
  it('queues behind a writer that waits, and all readers get the lock together', () => {
    const { names, sem } = order([
      ['reader 1', 'read', 1, 50],
      ['writer', 'write', 10, 50],
      ['reader 2', 'read', 20, 50],
      ['reader 3', 'read', 30, 50],
    ]);
    assert.deepEqual(names, ['reader 1', 'writer', 'reader 2', 'reader 3']);
    assert.equal(sem.count, 0n);
    // The reader that was last stays in the word although it has gone.
    assert.equal(sem.owner?.isReader, true);
  });
});

describe('down_write', () => {
  it('waits for every reader, and leaves no owner', () => {
    const { names, sem } = order([
      ['reader 1', 'read', 1, 80],
      ['reader 2', 'read', 5, 20],
      ['writer', 'write', 10, 10],
    ]);
    assert.deepEqual(names, ['reader 1', 'reader 2', 'writer']);
    assert.deepEqual([sem.count, sem.owner], [0n, undefined]);
  });
});
