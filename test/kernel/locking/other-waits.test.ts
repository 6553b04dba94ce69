import assert from 'node:assert/strict';
import type { FakeStruct } from '../../support/fake-memory.ts';
import { LockMachine, STRUCTS } from '../../support/lock-machine.ts';

const LOCK = 0x100;
const LIST = 'struct list_head';
const TASK = 'struct task_struct *';
const { task_struct: BARE_TASK } = STRUCTS;

/** A task_struct with more members. */
function taskWith(members: FakeStruct['members']): FakeStruct {
  return { size: BARE_TASK!.size, members: { ...BARE_TASK!.members, ...members } };
}

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

describe('BitWaitFinder', () => {
  const PAGE = 0x200;
  const QUEUE = 0x300;
  const structs: Record<string, FakeStruct> = {
    page: { size: 64, members: { flags: [0, 'unsigned long'] } },
    wait_queue_entry: { size: 40, members: { private: [8, 'void *'], entry: [24, LIST] } },
    wait_page_queue: {
      size: 56,
      members: {
        page: [0, 'struct page *'],
        bit_nr: [8, 'int'],
        wait: [16, 'struct wait_queue_entry'],
      },
    },
  };

  function machine(flags: bigint): LockMachine {
    const made = new LockMachine(structs);
    const nodes = [11, 12].map((pid) => {
      const { task, local } = made.task(pid, 'folio_wait_bit_common');
      made.pointer(local, PAGE);
      made.memory.u32(local + 8, 1);
      made.pointer(local + 24, task);
      return local + 40;
    });
    // They came in the other order.
    made.ring(QUEUE, ...nodes.reverse());
    made.word(PAGE, flags);
    return made;
  }

  it('finds the page and the bit, and who waits in the order of the queue', () => {
    const { locks, waits } = machine(2n).read();
    const [lock] = locks;
    assert.deepEqual(
      [lock?.kind, lock?.address, lock?.bit, lock?.waiters],
      ['page', '0xffff888000000200', { number: 1 }, [12, 11]],
    );
    assert.equal(lock?.owner, undefined);
    assert.equal(waits.length, 2);
  });

  it('does not wait for a bit that is clear', () => {
    const { locks, unproved } = machine(1n).read();
    assert.deepEqual(locks, []);
    assert.match(unproved[0]?.why ?? '', /bit 1, which it waits for, is clear/);
  });
});

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
    assert.deepEqual(
      locks.map(({ kind, owner, waiters }) => [kind, owner?.pid, waiters]),
      [['percpu_rw_semaphore', 11, [12, 11]]],
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

describe('LockdepBook', () => {
  it('names every reader, and not those that wait', () => {
    const machine = new LockMachine({
      lockdep_map: { size: 8, members: {} },
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
    const [lock] = machine.read().locks;
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
