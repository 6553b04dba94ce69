import assert from 'node:assert/strict';
import { LOCK, WaitedFor } from '../../support/lock-machine.ts';

const LIST = 'struct list_head';
const TASK = 'struct task_struct *';

describe('MUTEX', () => {
  const old = {
    atomic_t: { size: 4, members: { counter: [0, 'int'] } },
    mutex: {
      size: 40,
      members: { count: [0, 'struct atomic_t'], wait_list: [8, LIST], owner: [24, TASK] },
    },
  } as const;

  it('has the owner of before 4.10', () => {
    const machine = new WaitedFor('__mutex_lock_slowpath', { list: 8, structs: old });
    machine.memory.u32(LOCK, -1);
    machine.word(LOCK + 24, machine.ownerWord);
    assert.equal(machine.lock().owner?.pid, 10);
  });

  it('says that one is taken whose owner is not written down', () => {
    const machine = new WaitedFor('__mutex_lock_slowpath', { list: 8, structs: old });
    machine.memory.u32(LOCK, -1);
    const lock = machine.lock();
    assert.equal(lock.owner, undefined);
    assert.match(lock.notes.join(), /no owner is written down/);
  });

  it('says that one was handed to a task that has not run since', () => {
    const machine = new WaitedFor('__mutex_lock', { list: 16 });
    machine.word(LOCK, machine.ownerWord | 5n);
    const lock = machine.lock();
    assert.deepEqual([lock.owner?.pid, lock.owner?.how], [10, 'handed over']);
  });
});
