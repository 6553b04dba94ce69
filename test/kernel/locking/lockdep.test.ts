import assert from 'node:assert/strict';
import { LOCK, LockMachine, STRUCTS, taskWith } from '../../support/lock-machine.ts';

describe('LockdepBook', () => {
  it('names the lock and every reader, and not those that wait', () => {
    const machine = new LockMachine({
      lockdep_map: { size: 8, members: { name: [0, 'char *'] } },
      held_lock: {
        size: 16,
        members: { instance: [0, 'struct lockdep_map *'], read: [8, 'unsigned int'] },
      },
      rw_semaphore: {
        size: 48,
        members: { ...STRUCTS.rw_semaphore!.members, dep_map: [40, 'struct lockdep_map'] },
      },
      task_struct: taskWith({
        lockdep_depth: [0, 'int'],
        held_locks: [8, 'struct held_lock [4]'],
      }),
    });
    const waiter = machine.task(11, 'rwsem_down_write_slowpath');
    const readers = [machine.task(12), machine.task(13)];
    machine.ring(LOCK + 24, waiter.local);
    machine.pointer(waiter.local + 16, waiter.task);
    machine.word(LOCK, 0x202n);
    for (const { task } of [waiter, ...readers]) {
      machine.memory.u32(task, 1);
      machine.pointer(task + 8, LOCK + 40);
      machine.memory.u32(task + 16, task === waiter.task ? 0 : 2);
    }
    machine.pointer(LOCK + 40, 0x800);
    machine.word(0x800, 0x6d65735fn);
    const [lock] = machine.read().locks;
    assert.equal(lock?.name, '_sem');
    assert.equal(lock?.readers?.count, 2);
    assert.deepEqual(
      lock.readers.tasks.map(({ pid, how, certain }) => [pid, how, certain]),
      [
        [12, 'lockdep', true],
        [13, 'lockdep', true],
      ],
    );
    assert.deepEqual(lock.sources, ['waiter on a stack', 'lockdep']);
  });
});
