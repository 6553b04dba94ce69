import assert from 'node:assert/strict';
import { schedule_timeout_uninterruptible } from '../../../src/sim/kernel/timer.ts';
import { sendSigkill } from '../../../src/sim/kernel/signal.ts';
import {
  down,
  down_killable,
  down_trylock,
  Semaphore,
  up,
} from '../../../src/sim/locking/semaphore.ts';
import { addThread, bareKernel, runBody } from '../../support/bare-kernel.ts';

describe('down', () => {
  it('lets as many in as the count says, the others in the order in which they came', () => {
    const k = bareKernel();
    const sem = new Semaphore('tested', 2);
    const got: string[] = [];
    for (const [at, comm] of ['a', 'b', 'c', 'd'].entries()) {
      addThread(k, comm, 1 + at, function* () {
        yield* down(k, sem);
        got.push(comm);
        yield* schedule_timeout_uninterruptible(k, 50);
        up(k, sem);
      });
    }
    k.sched.run(40_000);
    assert.deepEqual(got, ['a', 'b']);
    assert.deepEqual([sem.count, sem.waiters.length], [0, 2]);
    assert.deepEqual(
      sem.waiters.map(({ task }) => task.comm),
      ['c', 'd'],
    );
    assert.equal(sem.waiters[0]!.task.blockedOn, sem);
    assert.deepEqual(
      sem.holders().map(({ comm }) => comm),
      ['a', 'b'],
    );
    k.sched.run(2_000_000);
    assert.deepEqual(got, ['a', 'b', 'c', 'd']);
    assert.deepEqual([sem.count, sem.holders().length], [2, 0]);
  });
});

describe('up', () => {
  it('gives it to who waits, and nobody who comes later can take it first', () => {
    const k = bareKernel();
    const sem = new Semaphore('tested');
    const events: string[] = [];
    addThread(k, 'first', 0, function* () {
      yield* down(k, sem);
      yield* schedule_timeout_uninterruptible(k, 10);
      up(k, sem);
      events.push(`again: ${down_trylock(k, sem)}`);
    });
    addThread(k, 'waiter', 2, function* () {
      yield* down(k, sem);
      events.push('waiter');
    });
    k.sched.run(1_000_000);
    assert.deepEqual(events, ['again: false', 'waiter']);
  });

  it('lets another task give back what was taken', () => {
    const k = bareKernel();
    const sem = new Semaphore('tested');
    const taker = addThread(k, 'taker', 0, function* () {
      yield* down(k, sem);
    });
    addThread(k, 'giver', 5, function* () {
      assert.ok(taker.held.has(sem));
      up(k, sem);
      yield* schedule_timeout_uninterruptible(k, 1);
    });
    k.sched.run(1_000_000);
    assert.deepEqual([sem.count, sem.holders(), taker.held.size], [1, [], 0]);
  });
});

describe('down_killable', () => {
  it('gives up at a fatal signal, and leaves the queue to the others', () => {
    const k = bareKernel();
    const sem = new Semaphore('tested', 0);
    const results: string[] = [];
    const victim = addThread(k, 'victim', 0, function* () {
      results.push(`victim ${yield* down_killable(k, sem)}`);
    });
    addThread(k, 'other', 1, function* () {
      results.push(`other ${yield* down_killable(k, sem)}`);
    });
    k.sched.run(100_000);
    sendSigkill(k, victim.process);
    k.sched.run(200_000);
    assert.deepEqual(results, ['victim false']);
    assert.deepEqual(
      sem.waiters.map(({ task }) => task.comm),
      ['other'],
    );
    runBody(k, function* () {
      up(k, sem);
      yield* schedule_timeout_uninterruptible(k, 1);
    });
    assert.deepEqual(results, ['victim false', 'other true']);
  });
});
