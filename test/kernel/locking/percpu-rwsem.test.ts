import assert from 'node:assert/strict';
import type { FakeStruct } from '../../support/fake-memory.ts';
import { LOCK, LockMachine } from '../../support/lock-machine.ts';

const LIST = 'struct list_head';
const TASK = 'struct task_struct *';

describe('PERCPU_RWSEM', () => {
  const structs: Record<string, FakeStruct> = {
    rcuwait: { size: 8, members: { task: [0, TASK] } },
    wait_queue_head: { size: 24, members: { head: [8, LIST] } },
    wait_queue_entry: {
      size: 40,
      members: { flags: [0, 'unsigned int'], private: [8, 'void *'], entry: [24, LIST] },
    },
    atomic_t: { size: 4, members: { counter: [0, 'int'] } },
    percpu_rw_semaphore: {
      size: 96,
      members: {
        read_count: [48, 'unsigned int *'],
        writer: [56, 'struct rcuwait'],
        waiters: [64, 'struct wait_queue_head'],
        block: [88, 'struct atomic_t'],
      },
    },
  };

  it('is held up by the writer that waits for its readers', () => {
    const machine = new LockMachine(structs);
    const writer = machine.task(11, 'percpu_down_write');
    const reader = machine.task(12, 'percpu_rwsem_wait');
    machine.pointer(writer.local, LOCK);
    machine.pointer(LOCK + 56, writer.task);
    machine.memory.u32(LOCK + 88, 1);
    machine.memory.u32(reader.local, 4);
    machine.pointer(reader.local + 8, reader.task);
    machine.ring(LOCK + 72, reader.local + 24);
    const { locks, waits } = machine.read();
    // It is on no list, and before all that are.
    assert.deepEqual(
      locks.map(({ kind, owner, waiters }) => [kind, owner?.pid, waiters]),
      [['percpu_rw_semaphore', 11, [11, 12]]],
    );
    assert.deepEqual(
      waits.map(({ pid, wants }) => [pid, wants]),
      [
        [11, 'write'],
        [12, 'read'],
      ],
    );
  });
});
