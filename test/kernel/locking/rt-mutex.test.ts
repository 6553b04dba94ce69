import assert from 'node:assert/strict';
import type { FakeStruct } from '../../support/fake-memory.ts';
import { LOCK, LockMachine, taskWith } from '../../support/lock-machine.ts';

const TASK = 'struct task_struct *';

describe('rtMutexWait', () => {
  const RB_NODE = 'struct rb_node';
  const structs: Record<string, FakeStruct> = {
    rb_node: {
      size: 24,
      members: { rb_right: [8, 'struct rb_node *'], rb_left: [16, 'struct rb_node *'] },
    },
    rb_root: { size: 8, members: { rb_node: [0, 'struct rb_node *'] } },
    rb_root_cached: { size: 16, members: { rb_root: [0, 'struct rb_root'] } },
    rt_mutex_base: {
      size: 32,
      members: { waiters: [8, 'struct rb_root_cached'], owner: [24, TASK] },
    },
    rt_mutex_waiter: {
      size: 64,
      members: { tree_entry: [0, RB_NODE], task: [48, TASK], lock: [56, 'struct rt_mutex_base *'] },
    },
    task_struct: taskWith({ pi_blocked_on: [0, 'struct rt_mutex_waiter *'] }),
  };

  function machine(): LockMachine & { waiter: number; owner: number } {
    const made = new LockMachine(structs);
    const { task, local } = made.task(11, 'rt_mutex_slowlock');
    const owner = made.task(10).task;
    made.pointer(task, local);
    made.pointer(local + 48, task);
    made.pointer(local + 56, LOCK);
    made.pointer(LOCK + 8, local);
    made.word(LOCK + 24, made.memory.at(owner) | 1n);
    return Object.assign(made, { waiter: local, owner });
  }

  it('goes from the task to the waiter, to the lock, to the owner behind bit 0', () => {
    const { locks, waits } = machine().read();
    assert.deepEqual(
      locks.map(({ kind, owner, waiters }) => [kind, owner?.pid, waiters]),
      [['rt_mutex', 10, [11]]],
    );
    assert.equal(waits[0]?.proof.by, 'pi_blocked_on');
  });

  it('does not believe a waiter of another task', () => {
    const made = machine();
    made.pointer(made.waiter + 48, made.owner);
    const { locks, unproved } = made.read();
    assert.deepEqual([locks.length, unproved.length], [0, 1]);
    assert.match(made.problems.list[0]?.message ?? '', /pi_blocked_on 0x.*: expected task 0x/);
  });

  it('does not believe a waiter that is not in the tree of its lock', () => {
    const made = machine();
    made.word(LOCK + 8, 0n);
    assert.deepEqual(made.read().locks, []);
    assert.match(made.problems.list[0]?.message ?? '', /not in its tree/);
  });

  it('ends in a tree that goes round', () => {
    const made = machine();
    made.pointer(made.waiter + 8, made.waiter);
    made.pointer(made.waiter + 16, made.waiter);
    assert.equal(made.read().locks.length, 1);
    assert.match(made.problems.list[0]?.message ?? '', /comes twice/);
  });
});
