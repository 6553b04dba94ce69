import assert from 'node:assert/strict';
import type { KernelLock } from '../../../src/kernel/locking/lock.ts';
import { LockMachine, STRUCTS } from '../../support/lock-machine.ts';
import type { FakeStruct } from '../../support/fake-memory.ts';

const LOCK = 0x100;
const LIST = 'struct list_head';
const TASK = 'struct task_struct *';

/** A lock that task 11 waits for, and task 10, which may have it. */
class WaitedFor extends LockMachine {
  readonly waiter: { task: number; local: number };
  readonly owner: { task: number };

  constructor(
    called: string,
    { list, structs = {} }: { list: number; structs?: Readonly<Record<string, FakeStruct>> },
  ) {
    super(structs);
    this.waiter = this.task(11, called);
    this.owner = this.task(10);
    this.ring(LOCK + list, this.waiter.local);
    this.pointer(this.waiter.local + 16, this.waiter.task);
  }

  /** The address of the owner's task_struct. */
  get ownerWord(): bigint {
    return this.memory.at(this.owner.task);
  }

  lock(): KernelLock {
    const { locks, unproved } = this.read();
    assert.equal(locks.length, 1, unproved[0]?.why);
    return locks[0]!;
  }
}

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
    assert.equal(lock.owner?.pid, 10);
    assert.deepEqual(lock.notes, ['handed over, the owner has not run since']);
  });
});

describe('SEMAPHORE', () => {
  it('has no owner', () => {
    const lock = new WaitedFor('__down', { list: 8 }).lock();
    assert.equal(lock.kind, 'semaphore');
    assert.equal(lock.owner, undefined);
    assert.deepEqual(lock.notes, ['a semaphore has no owner']);
  });

  it('remembers who took one last, who may have given it back', () => {
    const { members } = STRUCTS.semaphore!;
    const semaphore: FakeStruct = {
      size: 32,
      members: { ...members, last_holder: [24, 'unsigned long'] },
    };
    const machine = new WaitedFor('__down', { list: 8, structs: { semaphore } });
    machine.word(LOCK + 24, machine.ownerWord);
    const { owner } = machine.lock();
    assert.deepEqual([owner?.pid, owner?.how, owner?.certain], [10, 'last holder', false]);
  });
});
