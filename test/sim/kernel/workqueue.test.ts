import assert from 'node:assert/strict';
import { call, type Code, type KernelFunction } from '../../../src/sim/core/code.ts';
import { Kernel } from '../../../src/sim/core/kernel.ts';
import { FEATURES_DEFAULT, REMEDIES_NONE } from '../../../src/sim/core/options.ts';
import { flush_work } from '../../../src/sim/kernel/flush-work.ts';
import { kthreadd } from '../../../src/sim/kernel/kthread.ts';
import { cond_resched, schedule } from '../../../src/sim/kernel/sched.ts';
import { TASK_UNINTERRUPTIBLE } from '../../../src/sim/kernel/task-bits.ts';
import { schedule_timeout_uninterruptible } from '../../../src/sim/kernel/timer.ts';
import {
  WQ_HIGHPRI,
  WQ_MEM_RECLAIM,
  WQ_UNBOUND,
  type Workqueue,
} from '../../../src/sim/kernel/worker-pool.ts';
import {
  alloc_workqueue,
  cancel_delayed_work,
  INIT_DELAYED_WORK,
  INIT_WORK,
  mod_delayed_work,
  queue_delayed_work,
  queue_work,
  queue_work_on,
  workqueue_init,
} from '../../../src/sim/kernel/workqueue.ts';
import { mutex_trylock } from '../../../src/sim/locking/mutex.ts';
import { Prng } from '../../../src/util/prng.ts';

const MS = 1_000;
const SECOND = 1_000_000;

/** A machine that runs nothing but kthreadd and workers. */
function machine(cpuCount = 2): Kernel {
  const options = { hz: 1000 as const, cpuCount, ramBytes: 64 << 20, kmallocwd: 0 };
  const k = new Kernel({ ...options, ...FEATURES_DEFAULT, ...REMEDIES_NONE }, new Prng(1));
  k.kthread({ comm: 'init' }, sleeper);
  k.kthread({ comm: 'kthreadd' }, kthreadd);
  workqueue_init(k);
  return k;
}

function* sleeper(k: Kernel): Code {
  k.current.state = TASK_UNINTERRUPTIBLE;
  yield* call(k, schedule);
}

/** Remembers who ran what; which worker of its pool does not matter. */
class Diary {
  readonly lines: string[] = [];

  /** A work that notes its beginning and, after so many milliseconds asleep, its end. */
  sleeps(name: string, ms: number): KernelFunction<[], void> {
    const { lines } = this;
    return function* napping(k) {
      lines.push(`${name} by ${poolOf(k)}`);
      yield* call(k, schedule_timeout_uninterruptible, ms);
      lines.push(`${name} done`);
    };
  }

  /** A work that computes so long without sleeping. */
  computes(name: string, ms: number): KernelFunction<[], void> {
    const { lines } = this;
    return function* computing(k) {
      lines.push(`${name} by ${poolOf(k)}`);
      for (let i = 0; i < ms; i++) {
        k.spend(MS);
        yield* cond_resched(k);
      }
      lines.push(`${name} done`);
    };
  }
}

/** `kworker/0` of `kworker/0:1`. */
function poolOf(k: Kernel): string {
  return k.current.comm.replace(/:\d+/, '');
}

/** Runs for ever, and keeps the CPU to itself as far as the scheduler lets it. */
function* spin(k: Kernel): Code {
  for (;;) {
    k.spend(MS);
    yield* cond_resched(k);
  }
}

/** Queues works from a task, as the kernel does, at once. */
function queueAll(k: Kernel, wq: Workqueue, works: readonly KernelFunction<[], void>[]): void {
  for (const work of works) queue_work_on(k, 0, { wq, work: INIT_WORK(work) });
}

/** Leaves no page, and nobody who could kill for one. */
function useUpMemory(k: Kernel): void {
  for (const zone of k.node.zones) while (zone.take(0) !== undefined);
  k.kthread({ comm: 'holder' }, function* holding(kernel) {
    mutex_trylock(kernel, kernel.oomLock);
    yield* sleeper(kernel);
  });
}

describe('queue_work', () => {
  it('has the work called by a worker of the CPU that it was queued on', () => {
    const k = machine();
    const wq = alloc_workqueue(k, { name: 'test' });
    const stacks: string[][] = [];
    const work = INIT_WORK(function* noteStack(kernel) {
      stacks.push([poolOf(kernel), ...kernel.current.frames.map(({ name }) => name)]);
      yield* cond_resched(kernel);
    });
    queue_work_on(k, 1, { wq, work });
    k.sched.run(SECOND);
    const stack = ['ret_from_fork', 'kthread', 'worker_thread', 'process_one_work', 'noteStack'];
    assert.deepEqual(stacks, [['kworker/1', ...stack]]);
  });

  it('names workers after CPU or pool, and after their priority', () => {
    const k = machine();
    const diary = new Diary();
    const plans = [{ flags: WQ_HIGHPRI }, { flags: WQ_UNBOUND }];
    for (const plan of plans) {
      queueAll(k, alloc_workqueue(k, { name: 'test', ...plan }), [diary.sleeps('it', 1)]);
    }
    k.sched.run(SECOND);
    // Pools 0 to 3 are those of the two CPUs.
    const by = diary.lines.filter((line) => line.includes('by')).sort();
    assert.deepEqual(by, ['it by kworker/0H', 'it by kworker/u4']);
  });

  it('queues a work that is pending only once', () => {
    const k = machine();
    const wq = alloc_workqueue(k, { name: 'test' });
    const diary = new Diary();
    const work = INIT_WORK(diary.sleeps('it', 1));
    assert.deepEqual([queue_work(k, wq, work), queue_work(k, wq, work)], [true, false]);
    k.sched.run(SECOND);
    assert.deepEqual(diary.lines, ['it by kworker/0', 'it done']);
  });

  it('goes on with the next work while one sleeps', () => {
    const k = machine();
    const diary = new Diary();
    const works = [diary.sleeps('first', 50), diary.sleeps('second', 50)];
    queueAll(k, alloc_workqueue(k, { name: 'test' }), works);
    k.sched.run(SECOND);
    assert.deepEqual(diary.lines.slice(0, 2), ['first by kworker/0', 'second by kworker/0']);
    assert.ok(k.wq.pools[0]!.workers.length > 1);
  });

  it('leaves the next work waiting while one computes, though the CPU is shared', () => {
    const k = machine();
    const diary = new Diary();
    const works = [diary.computes('first', 50), diary.computes('second', 1)];
    queueAll(k, alloc_workqueue(k, { name: 'test' }), works);
    k.sched.run(SECOND);
    assert.deepEqual(
      diary.lines.map((line) => line.split(' ')[0]),
      ['first', 'first', 'second', 'second'],
    );
  });

  it('never gets to a work behind one that never sleeps', () => {
    const k = machine();
    const diary = new Diary();
    queueAll(k, alloc_workqueue(k, { name: 'test' }), [spin, diary.computes('second', 1)]);
    k.sched.run(20 * SECOND);
    assert.deepEqual(diary.lines, []);
    const [pool] = k.wq.pools;
    assert.deepEqual([pool?.nrRunning, pool?.worklist.length], [1, 1]);
  });

  it('goes past one that never sleeps in a pool that counts nobody', () => {
    const k = machine();
    const diary = new Diary();
    const wq = alloc_workqueue(k, { name: 'test', flags: WQ_UNBOUND });
    queueAll(k, wq, [spin, diary.computes('second', 1)]);
    k.sched.run(SECOND);
    assert.deepEqual(diary.lines, ['second by kworker/u4', 'second done']);
  });

  it('hands out no more works of a workqueue than its limit', () => {
    const k = machine();
    const diary = new Diary();
    const wq = alloc_workqueue(k, { name: 'test', maxActive: 1 });
    queueAll(k, wq, [diary.sleeps('first', 5), diary.sleeps('second', 5)]);
    assert.deepEqual(wq.pwqs[0]?.inactiveWorks.length, 1);
    k.sched.run(SECOND);
    assert.deepEqual(
      diary.lines.map((line) => line.replace(/ by.*/, '')),
      ['first', 'first done', 'second', 'second done'],
    );
    assert.deepEqual([wq.pwqs[0]?.nrActive, wq.pwqs[0]?.nrInFlight, wq.pwqs[0]?.refcnt], [0, 0, 1]);
  });

  it('never lets two workers have the same work in hand', () => {
    const k = machine();
    const wq = alloc_workqueue(k, { name: 'test' });
    let running = 0;
    let most = 0;
    let count = 0;
    const work = INIT_WORK(function* overlapping(kernel) {
      most = Math.max(most, ++running);
      // Queued again from its own function, as kernel code may do.
      if (++count < 3) queue_work(kernel, wq, work);
      yield* call(kernel, schedule_timeout_uninterruptible, 10);
      running--;
    });
    queue_work(k, wq, work);
    k.sched.run(SECOND);
    assert.deepEqual([count, most], [3, 1]);
  });
});

describe('alloc_workqueue', () => {
  it('gives a rescuer to a workqueue that memory is reclaimed with', () => {
    const k = machine();
    const wq = alloc_workqueue(k, { name: 'xfs-data/sda1-long', flags: WQ_MEM_RECLAIM });
    assert.equal(wq.rescuer?.task?.comm, 'xfs-data/sda1-l');
    assert.equal(alloc_workqueue(k, { name: 'other' }).rescuer, undefined);
  });

  for (const flags of [WQ_MEM_RECLAIM, 0]) {
    const does = flags === 0 ? 'leaves works lying' : 'has the rescuer do the works';
    it(`${does} where no worker can be made for want of memory, flags ${flags}`, () => {
      const k = machine();
      const diary = new Diary();
      const wq = alloc_workqueue(k, { name: 'end_io', flags });
      // There are two workers afterwards: one to work, one that may make another.
      queueAll(k, wq, [diary.sleeps('before', 1)]);
      k.sched.run(SECOND);
      useUpMemory(k);
      diary.lines.length = 0;
      queueAll(k, wq, [diary.sleeps('first', 60_000), diary.sleeps('second', 1)]);
      k.sched.run(5 * SECOND);
      const rescued = flags === 0 ? [] : ['second by end_io', 'second done'];
      assert.deepEqual(diary.lines, ['first by kworker/0', ...rescued]);
      assert.equal(k.wq.pools[0]!.workers.length, 2);
    });
  }
});

describe('queue_delayed_work', () => {
  it('queues when the time is over, not before', () => {
    const k = machine();
    const diary = new Diary();
    const dwork = INIT_DELAYED_WORK(diary.sleeps('it', 1));
    queue_delayed_work(k, dwork, { wq: alloc_workqueue(k, { name: 'test' }), delay: 500 });
    k.sched.run(499 * MS);
    assert.deepEqual(diary.lines, []);
    k.sched.run(600 * MS);
    assert.deepEqual(diary.lines, ['it by kworker/0', 'it done']);
  });

  it('does not queue what was called off', () => {
    const k = machine();
    const diary = new Diary();
    const dwork = INIT_DELAYED_WORK(diary.sleeps('it', 1));
    queue_delayed_work(k, dwork, { wq: alloc_workqueue(k, { name: 'test' }), delay: 500 });
    assert.deepEqual([cancel_delayed_work(dwork), cancel_delayed_work(dwork)], [true, false]);
    k.sched.run(SECOND);
    assert.deepEqual(diary.lines, []);
  });
});

describe('mod_delayed_work', () => {
  it('moves the time of a work that is pending', () => {
    const k = machine();
    const diary = new Diary();
    const wq = alloc_workqueue(k, { name: 'test' });
    const dwork = INIT_DELAYED_WORK(diary.sleeps('it', 1));
    queue_delayed_work(k, dwork, { wq, delay: 5_000 });
    assert.equal(mod_delayed_work(k, dwork, { wq, delay: 0 }), true);
    k.sched.run(10 * SECOND);
    assert.deepEqual(diary.lines, ['it by kworker/0', 'it done']);
  });
});

describe('flush_work', () => {
  it('returns when the work is done, and waits for who has it in hand', () => {
    const k = machine();
    const diary = new Diary();
    const wq = alloc_workqueue(k, { name: 'test' });
    const work = INIT_WORK(diary.sleeps('it', 100));
    queue_work_on(k, 1, { wq, work });
    const waiter = k.kthread({ comm: 'waiter' }, function* waiting(kernel) {
      const waited = yield* call(kernel, flush_work, work);
      diary.lines.push(`waited: ${waited}`);
      yield* sleeper(kernel);
    });
    k.sched.run(50 * MS);
    const holders = waiter.blockedOn?.holders().map(({ comm }) => comm.replace(/:.*/, ''));
    assert.deepEqual([waiter.blockedOn?.name, holders], ['work napping', ['kworker/1']]);
    k.sched.run(SECOND);
    assert.deepEqual(diary.lines, ['it by kworker/1', 'it done', 'waited: true']);
  });

  it('waits for the work before it in a pool that is held up', () => {
    const k = machine();
    const wq = alloc_workqueue(k, { name: 'test' });
    const work = INIT_WORK(spin);
    queueAll(k, wq, [spin]);
    queue_work_on(k, 0, { wq, work });
    const waiter = k.kthread({ comm: 'waiter' }, function* waitingLong(kernel) {
      yield* call(kernel, flush_work, work);
    });
    k.sched.run(SECOND);
    const busy = k.wq.pools[0]!.busy.map(({ task }) => task);
    assert.deepEqual([waiter.blockedOn?.holders(), busy.length], [busy, 1]);
  });

  it('does not wait for a work that is not queued', () => {
    const k = machine();
    const seen: boolean[] = [];
    k.kthread({ comm: 'waiter' }, function* notWaiting(kernel) {
      seen.push(yield* call(kernel, flush_work, INIT_WORK(spin)));
      yield* sleeper(kernel);
    });
    k.sched.run(SECOND);
    assert.deepEqual(seen, [false]);
  });
});
