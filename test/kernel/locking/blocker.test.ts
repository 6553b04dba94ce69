import assert from 'node:assert/strict';
import { LOCK, LockMachine, taskWith } from '../../support/lock-machine.ts';

describe('blockerOf', () => {
  const structs = { task_struct: taskWith({ blocker: [0, 'unsigned long'] }) };

  it('names the lock where the waiter was not found', () => {
    const machine = new LockMachine(structs);
    const { task } = machine.task(11, 'rwsem_down_read_slowpath');
    const owner = machine.task(10).task;
    machine.word(LOCK, 3n);
    machine.pointer(LOCK + 8, owner);
    machine.ring(LOCK + 24);
    machine.word(task, machine.memory.at(LOCK) | 2n);
    const { locks, waits } = machine.read();
    assert.deepEqual(
      locks.map(({ kind, owner: by, waiters }) => [kind, by?.pid, waiters]),
      [['rw_semaphore', 10, [11]]],
    );
    assert.deepEqual([waits[0]?.proof.by, waits[0]?.wants], ['blocker', 'read']);
  });

  it('is not believed where it leads to nothing', () => {
    const machine = new LockMachine(structs);
    const { task } = machine.task(11, '__mutex_lock');
    machine.word(task, 0xffff999900000000n);
    const { locks, unproved } = machine.read();
    assert.deepEqual(locks, []);
    assert.match(unproved[0]?.why ?? '', /what it names is no lock/);
  });
});
