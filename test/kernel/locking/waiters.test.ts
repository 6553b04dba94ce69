import assert from 'node:assert/strict';
import type { LocksResult } from '../../../src/kernel/locking/lock.ts';
import { chainOf } from '../../../src/kernel/locking/wait-graph.ts';
import { Prng } from '../../../src/util/prng.ts';
import { LockMachine, STRUCTS } from '../../support/lock-machine.ts';

const LOCK = 0x100;
/** Of struct mutex, as in {@link STRUCTS}. */
const WAIT_LIST = 16;
/** LIST_POISON1 and LIST_POISON2 (include/linux/poison.h). */
const POISON = [0xdead000000000100n, 0xdead000000000122n] as const;

/** Two tasks that wait for a mutex and one that has it. */
class HeldMutex extends LockMachine {
  readonly first = this.task(11, '__mutex_lock');
  readonly second = this.task(12, '__mutex_lock');
  readonly owner = this.task(10);

  constructor(structs = {}) {
    super(structs);
    this.ring(LOCK + WAIT_LIST, this.first.local, this.second.local);
    this.pointer(this.first.local + 16, this.first.task);
    this.pointer(this.second.local + 16, this.second.task);
    this.word(LOCK, this.memory.at(this.owner.task) | 1n);
  }
}

describe('WaiterFinder', () => {
  it('finds the lock that the list leads to, its owner behind the flags, and the order', () => {
    const machine = new HeldMutex();
    const result = machine.read();
    assert.deepEqual(shortly(result), ['mutex owner 10 <- 11 12']);
    assert.deepEqual(chainOf(result, 12), {
      links: [{ pid: 12, lock: '0xffff888000000100' }],
      last: 10,
      end: 'task',
      certain: true,
    });
    assert.deepEqual(result.waits[0]?.proof, {
      by: 'stack',
      type: 'mutex_waiter',
      waiter: `0x${machine.memory.at(machine.first.local).toString(16)}`,
      function: '__mutex_lock',
    });
    assert.ok(machine.problems.isEmpty);
  });

  it('does not believe a waiter that was taken off its list', () => {
    const machine = new HeldMutex();
    machine.ring(LOCK + WAIT_LIST, machine.second.local);
    machine.word(machine.first.local, POISON[0]);
    machine.word(machine.first.local + 8, POISON[1]);
    const result = machine.read();
    assert.deepEqual(shortly(result), ['mutex owner 10 <- 12']);
    assert.deepEqual(
      result.unproved.map(({ pid, function: name }) => [pid, name]),
      [[11, '__mutex_lock']],
    );
  });

  it('does not believe a waiter that its neighbours do not point back to', () => {
    const machine = new HeldMutex();
    // As if left from an older call: it points to the list, which points to others.
    machine.ring(LOCK + WAIT_LIST, machine.second.local);
    assert.deepEqual(shortly(machine.read()), ['mutex owner 10 <- 12']);
  });

  it('does not believe a waiter that names another task', () => {
    const machine = new HeldMutex();
    machine.pointer(machine.first.local + 16, machine.owner.task);
    const result = machine.read();
    assert.deepEqual(shortly(result), ['mutex owner 10 <- 12']);
    assert.deepEqual(result.locks[0]?.notes, ['1 of its waiters are of no task that we know']);
  });

  it('does not follow a list whose links back are gone', () => {
    const machine = new HeldMutex();
    machine.word(machine.second.local + 8, 0n);
    const result = machine.read();
    assert.deepEqual(shortly(result), []);
    assert.deepEqual(
      result.unproved.map(({ pid }) => pid),
      [11, 12],
    );
  });

  it('reads a torn list as far as it goes, and says so', () => {
    const machine = new HeldMutex();
    const lost = 0x180;
    machine.ring(LOCK + WAIT_LIST, machine.first.local, machine.second.local, lost);
    machine.word(lost, 0xffff999900000000n);
    const result = machine.read();
    assert.deepEqual(shortly(result), ['mutex owner 10 <- 11 12']);
    assert.match(result.locks[0]?.notes.join() ?? '', /torn/);
    assert.match(machine.problems.list[0]?.message ?? '', /wait list is torn at 0xffff8880/);
  });

  it('ends where the list goes round without the lock', () => {
    const machine = new HeldMutex();
    machine.ring(machine.first.local, machine.second.local);
    const result = machine.read();
    assert.deepEqual(result.locks, []);
    assert.deepEqual(result.waits, []);
    assert.equal(result.unproved.length, 2);
  });

  it('makes no edge to an owner that is no task', () => {
    const machine = new HeldMutex();
    machine.word(LOCK, 0xffff888012345641n);
    const result = machine.read();
    assert.deepEqual(shortly(result), ['mutex owner - <- 11 12']);
    assert.equal(chainOf(result, 11)?.end, 'owner not known');
    assert.match(result.locks[0]?.notes.join() ?? '', /0xffff888012345640 is no task/);
    assert.match(machine.problems.list[0]?.message ?? '', /have 0xffff888012345640/);
  });

  it('finds a circle of two that wait for each other', () => {
    const machine = new LockMachine();
    const one = machine.task(21, '__mutex_lock');
    const two = machine.task(22, '__mutex_lock');
    for (const [lock, waiter, owner] of [
      [LOCK, one, two],
      [LOCK + 0x80, two, one],
    ] as const) {
      machine.ring(lock + WAIT_LIST, waiter.local);
      machine.pointer(waiter.local + 16, waiter.task);
      machine.word(lock, machine.memory.at(owner.task) | 1n);
    }
    const result = machine.read();
    assert.deepEqual(
      result.cycles.map(({ links, certain }) => [links.map(({ pid }) => pid), certain]),
      [[[21, 22], true]],
    );
    assert.equal(chainOf(result, 22)?.end, 'cycle');
    assert.equal(chainOf(result, 22)?.links.length, 2);
  });

  it('finds the lock that points to a list without a head by what is on the stack', () => {
    const { mutex } = STRUCTS;
    const first = { ...mutex!.members, first_waiter: [16, 'struct mutex_waiter *'] as const };
    const { wait_list: _, ...members } = first as Record<string, readonly [number, string]>;
    const machine = new HeldMutex({ mutex: { size: 32, members } });
    machine.ring(machine.first.local, machine.second.local);
    machine.pointer(LOCK + 16, machine.second.local);
    assert.deepEqual(shortly(machine.read()), []);
    machine.pointer(machine.first.local + 0x80, LOCK);
    assert.deepEqual(shortly(machine.read()), ['mutex owner 10 <- 12 11']);
  });

  it('does not wait any more that was given the lock', () => {
    const machine = new HeldMutex();
    machine.word(LOCK, machine.memory.at(machine.first.task) | 5n);
    const result = machine.read();
    assert.deepEqual(shortly(result), ['mutex owner 11 <- 11 12']);
    assert.deepEqual(
      result.waits.map(({ pid }) => pid),
      [12],
    );
    assert.deepEqual(result.cycles, []);
    assert.equal(chainOf(result, 12)?.last, 11);
  });

  it('ends, and makes no edge that is not in memory, whatever words are damaged', () => {
    const prng = new Prng(16);
    let found = 0;
    for (let round = 0; round < 1000; round++) {
      const machine = new HeldMutex();
      const { first, second, owner } = machine;
      const nodes = [LOCK + WAIT_LIST, first.local, second.local];
      const places = [LOCK, ...nodes, ...nodes.map((node) => node + 8)];
      places.push(first.local + 16, second.local + 16);
      const targets = [0x180, ...nodes, first.task, second.task, owner.task].map((at) => {
        return machine.memory.at(at);
      });
      const values = [...targets, 0n, 1n, ...POISON, 0xffff999900000000n];
      for (let count = 1 + prng.below(4); count > 0; count--) {
        machine.word(prng.pick(places), prng.pick(values));
      }
      const result = machine.read();
      found += result.locks.length;
      for (const lock of result.locks) {
        assert.equal(lock.address, '0xffff888000000100', `round ${round}`);
        const word = machine.wordAt(LOCK) & ~7n;
        if (lock.owner !== undefined) assert.equal(BigInt(lock.owner.address), word);
        for (const pid of lock.waiters) {
          const { task, local } = pid === 11 ? first : second;
          assert.equal(machine.wordAt(local + 16), machine.memory.at(task));
        }
      }
    }
    // A word of damage leaves the rest to be found.
    assert.ok(found > 200, `${found} of 1000`);
  });
});

function shortly({ locks }: LocksResult): string[] {
  return locks.map(({ kind, owner, waiters }) => {
    return `${kind} owner ${owner?.pid ?? '-'} <- ${waiters.join(' ')}`;
  });
}
