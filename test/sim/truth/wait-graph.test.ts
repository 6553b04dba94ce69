import assert from 'node:assert/strict';
import { addProgram } from '../../../src/sim/boot.ts';
import type { Code } from '../../../src/sim/core/code.ts';
import type { Kernel } from '../../../src/sim/core/kernel.ts';
import type { Task } from '../../../src/sim/kernel/task.ts';
import { schedule_timeout_uninterruptible } from '../../../src/sim/kernel/timer.ts';
import { Mutex, mutex_lock } from '../../../src/sim/locking/mutex.ts';
import { WAITS_FOR_MEMORY, type WaitTarget } from '../../../src/sim/locking/wait-target.ts';
import { __GFP_NOFAIL, __GFP_NORETRY, GFP_KERNEL, GFP_NOFS } from '../../../src/sim/mm/gfp.ts';
import { takeSnapshot } from '../../../src/sim/truth/truth.ts';
import { ISOLATED, RESERVES, WaitGraph, type WaitsFor } from '../../../src/sim/truth/wait-graph.ts';
import { addThread, bareKernel } from '../../support/bare-kernel.ts';

const LONG_JIFFIES = 1_000_000;
const US_PER_SECOND = 1_000_000;

function* sleepFor(k: Kernel, target: WaitTarget): Code {
  k.current.blockedOn = target;
  yield* schedule_timeout_uninterruptible(k, LONG_JIFFIES);
}

/** A program that asks for memory all day long. */
function asking(k: Kernel, gfp: number, body: () => Code): Task {
  return addProgram(k, { comm: 'asking' }, function* () {
    const { request } = k.current;
    request.depth = 1;
    request.gfp = gfp;
    request.start = k.jiffies;
    yield* body();
  }).leader;
}

/** The circle that a task is part of, once all threads have come to what they sleep for. */
function circleOf(k: Kernel, ...tasks: Task[]): readonly WaitsFor[] {
  k.sched.run(US_PER_SECOND);
  return new WaitGraph(k, takeSnapshot(k, 0)).cycleFrom(tasks);
}

describe('WaitGraph', () => {
  it('follows who naps between two requests that fail to who keeps memory from it', () => {
    const k = bareKernel();
    const lock = new Mutex('balloon_lock');
    const worker = addThread(k, 'worker', 0, function* () {
      yield* mutex_lock(k, lock);
      k.current.request.gfp = GFP_KERNEL | __GFP_NORETRY;
      yield* sleepFor(k, { name: 'a page', kind: WAITS_FOR_MEMORY, holders: () => [] });
    });
    const caller = addThread(k, 'caller', 10, function* () {
      yield* mutex_lock(k, k.oomLock);
      yield* mutex_lock(k, lock);
    });
    assert.deepEqual(circleOf(k, caller), [
      { pid: worker.pid, what: 'oom_lock', kind: 'mutex', onPid: caller.pid },
      { pid: caller.pid, what: 'balloon_lock', kind: 'mutex', onPid: worker.pid },
    ]);
  });

  it('finds no circle among those who sleep in the same queue for the reserves', () => {
    const k = bareKernel();
    const reserves: WaitTarget = { name: RESERVES, kind: RESERVES, holders: () => [] };
    const tasks = [1, 2].map(() => asking(k, GFP_KERNEL, () => sleepFor(k, reserves)));
    assert.deepEqual(circleOf(k, ...tasks), []);
  });

  it('follows who sleeps for the reserves to kswapd, and that to a lock', () => {
    const k = bareKernel();
    const journal = new Mutex('journal');
    const kswapd = addThread(k, 'kswapd0', 10, () => mutex_lock(k, journal));
    const reserves: WaitTarget = { name: RESERVES, kind: RESERVES, holders: () => [kswapd] };
    const holder = asking(k, GFP_NOFS, function* () {
      yield* mutex_lock(k, journal);
      yield* sleepFor(k, reserves);
    });
    const others = [1, 2].map(() => asking(k, GFP_KERNEL, () => sleepFor(k, reserves)));
    const circle = circleOf(k, ...others);
    assert.ok(circle.some(({ pid, onPid }) => pid === kswapd.pid && onPid === holder.pid));
  });

  it('follows who asks with GFP_NOFS to who could kill, unless the kernel kills for it', () => {
    const waitsOf = (gfp: number, nofailInvokesOom: boolean): readonly (string | undefined)[] => {
      const k = bareKernel({ nofailInvokesOom });
      const journal = new Mutex('journal');
      const holder = asking(k, gfp, function* () {
        yield* mutex_lock(k, journal);
        yield* schedule_timeout_uninterruptible(k, LONG_JIFFIES);
      });
      const other = asking(k, GFP_KERNEL, () => mutex_lock(k, journal));
      return circleOf(k, holder).map(({ pid, what }) => (pid === other.pid ? what : undefined));
    };
    assert.ok(waitsOf(GFP_NOFS, true).includes('journal'));
    assert.ok(waitsOf(GFP_NOFS | __GFP_NOFAIL, false).includes('journal'));
    assert.deepEqual(waitsOf(GFP_NOFS | __GFP_NOFAIL, true), []);
  });

  it('lets the request of a victim end by itself, unless it must not fail or did not', () => {
    const circleWith = (gfp: number, isNew: boolean): number => {
      const k = bareKernel();
      const sleeper: WaitTarget = { name: 'a page', kind: WAITS_FOR_MEMORY, holders: () => [] };
      const victim = asking(k, gfp, () => sleepFor(k, sleeper));
      victim.process.oomMm = victim.mm;
      k.sched.run(US_PER_SECOND);
      const snapshot = takeSnapshot(k, 0);
      k.sched.run(3 * US_PER_SECOND);
      if (isNew) victim.request.start = k.jiffies;
      return new WaitGraph(k, snapshot).cycleFrom([victim]).length;
    };
    assert.equal(circleWith(GFP_NOFS, true), 0);
    assert.equal(circleWith(GFP_NOFS | __GFP_NOFAIL, true), 1);
    assert.equal(circleWith(GFP_NOFS, false), 1, 'reclaim tells it of progress for ever');
  });

  it('follows who waits for isolated pages to who sleeps with some, not to who is at work', () => {
    const k = bareKernel();
    const journal = new Mutex('journal');
    const atWork = addThread(k, 'at work', 0, function* () {
      k.current.isolated = 32;
      yield* schedule_timeout_uninterruptible(k, LONG_JIFFIES);
    });
    const holder = asking(k, GFP_NOFS, function* () {
      yield* mutex_lock(k, journal);
      yield* sleepFor(k, isolated);
    });
    const kswapd = addThread(k, 'kswapd0', 10, function* () {
      k.current.isolated = 9;
      yield* mutex_lock(k, journal);
    });
    const isolated: WaitTarget = {
      ...{ name: 'isolated pages', kind: ISOLATED, since: 0 },
      holders: () => [atWork, kswapd],
    };
    const waiter = asking(k, GFP_KERNEL, () => sleepFor(k, isolated));
    assert.deepEqual(circleOf(k, waiter), [
      { pid: holder.pid, what: 'isolated pages', kind: ISOLATED, onPid: kswapd.pid },
      { pid: kswapd.pid, what: 'journal', kind: 'mutex', onPid: holder.pid },
    ]);
    kswapd.blockedOn = undefined;
    const self = { pid: waiter.pid, what: 'isolated pages', kind: ISOLATED, onPid: waiter.pid };
    assert.deepEqual(circleOf(k, waiter), [self], 'others come and go');
  });

  it('takes whom the loop lets pass time and again for one who asks for memory', () => {
    const whatHolderWaitsFor = (since: number): string | undefined => {
      const k = bareKernel();
      const journal = new Mutex('journal');
      const kswapd = addThread(k, 'kswapd0', 10, function* () {
        k.current.isolated = 9;
        yield* mutex_lock(k, journal);
      });
      const isolated: WaitTarget = {
        ...{ name: 'isolated pages', kind: ISOLATED, since },
        holders: () => [kswapd],
      };
      const holder = asking(k, GFP_NOFS, function* () {
        yield* mutex_lock(k, journal);
        yield* sleepFor(k, isolated);
      });
      k.sched.run(US_PER_SECOND);
      const snapshot = takeSnapshot(k, 0);
      k.sched.run(11 * US_PER_SECOND);
      const circle = new WaitGraph(k, snapshot).cycleFrom([holder]);
      return circle.find(({ pid }) => pid === holder.pid)?.what;
    };
    assert.equal(whatHolderWaitsFor(US_PER_SECOND), 'isolated pages');
    assert.equal(whatHolderWaitsFor(10 * US_PER_SECOND), 'memory');
  });
});
