import assert from 'node:assert/strict';
import { LOCK, WaitedFor } from '../../support/lock-machine.ts';

const LIST = 'struct list_head';
const TASK = 'struct task_struct *';

const RWSEM_LIST = 24;
const WRITER = 1n;
const WAITERS = 2n;
const READER = 1n << 8n;

function rwsem(count: bigint, owner?: (machine: WaitedFor) => bigint): WaitedFor {
  const machine = new WaitedFor('rwsem_down_write_slowpath', { list: RWSEM_LIST });
  machine.word(LOCK, count);
  if (owner !== undefined) machine.word(LOCK + 8, owner(machine));
  return machine;
}

describe('RW_SEMAPHORE', () => {
  it('has its writer as its owner', () => {
    const lock = rwsem(WRITER | WAITERS, ({ ownerWord }) => ownerWord).lock();
    assert.deepEqual([lock.owner?.pid, lock.owner?.certain], [10, true]);
    assert.equal(lock.readers, undefined);
  });

  it('counts readers, and is not certain of the last one', () => {
    const lock = rwsem(WAITERS | (2n * READER), ({ ownerWord }) => ownerWord | 1n).lock();
    assert.equal(lock.owner, undefined);
    assert.equal(lock.readers?.count, 2);
    assert.deepEqual(
      lock.readers.tasks.map(({ pid, how, certain }) => [pid, how, certain]),
      [[10, 'last reader', false]],
    );
  });

  it('does not take for a reader who waits for it', () => {
    const lock = rwsem(
      WAITERS | READER,
      ({ memory, waiter }) => memory.at(waiter.task) | 1n,
    ).lock();
    assert.deepEqual(lock.readers, { count: 1, tasks: [] });
  });

  it('knows no reader where the last one is no task any more', () => {
    const machine = rwsem(WAITERS | READER, () => 0xffff888099999903n);
    assert.deepEqual(machine.lock().readers, { count: 1, tasks: [] });
    assert.ok(machine.problems.isEmpty);
  });

  it('has no owner while it is handed over', () => {
    const lock = rwsem(WAITERS | 4n, ({ ownerWord }) => ownerWord).lock();
    assert.equal(lock.owner, undefined);
    assert.deepEqual(lock.notes, ['to be handed to the first waiter', 'nobody has it']);
  });

  it('leaves a problem for a writer that is no task', () => {
    const machine = rwsem(WRITER | WAITERS, () => 0xffff888099999900n);
    assert.equal(machine.lock().owner, undefined);
    assert.match(machine.problems.list[0]?.message ?? '', /expected a task_struct/);
  });

  const old = {
    rw_semaphore: {
      size: 40,
      members: { count: [0, 'unsigned long'], wait_list: [8, LIST], owner: [32, TASK] },
    },
  } as const;

  for (const [what, count, writes, reads] of [
    ['a writer', -0x1_ffff_ffffn, 10, undefined],
    ['three readers', -0x1_0000_0000n + 3n, undefined, 3],
  ] as const) {
    it(`reads the count of before 5.3: ${what}`, () => {
      const machine = new WaitedFor('rwsem_down_write_failed', { list: 8, structs: old });
      machine.word(LOCK, count);
      machine.word(LOCK + 32, writes === undefined ? 1n : machine.ownerWord);
      const lock = machine.lock();
      assert.equal(lock.owner?.pid, writes);
      assert.equal(lock.readers?.count, reads);
    });
  }
});
