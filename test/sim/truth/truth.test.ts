import assert from 'node:assert/strict';
import type { Code } from '../../../src/sim/core/code.ts';
import type { Kernel } from '../../../src/sim/core/kernel.ts';
import { schedule_timeout_uninterruptible } from '../../../src/sim/kernel/timer.ts';
import type { Task } from '../../../src/sim/kernel/task.ts';
import { GFP_NOFS } from '../../../src/sim/mm/gfp.ts';
import { findTruth, takeSnapshot, type Truth } from '../../../src/sim/truth/truth.ts';
import { addThread, bareKernel } from '../../support/bare-kernel.ts';

const SECOND_US = 1_000_000;
const TIMEOUT_SECONDS = 2;

/** A request that takes so long. */
function asking(k: Kernel, seconds: number): Task {
  return addThread(k, 'asking', 0, function* (): Code {
    const { request } = k.current;
    request.depth = 1;
    request.gfp = GFP_NOFS;
    request.start = k.jiffies;
    k.current.blockedOn = { name: 'a slow disk', kind: 'disk', holders: () => [] };
    yield* schedule_timeout_uninterruptible(k, seconds * k.options.hz);
    k.current.blockedOn = undefined;
    request.depth = 0;
  });
}

/** A dump after five seconds, and ten timeouts of two. */
function truthOf(...seconds: readonly number[]): { truth: Truth; tasks: readonly Task[] } {
  const k = bareKernel({ cascadingTimers: true });
  const tasks = seconds.map((each) => asking(k, each));
  k.sched.run(5 * SECOND_US);
  const snapshot = takeSnapshot(k, TIMEOUT_SECONDS * k.options.hz);
  k.sched.run((5 + 10 * TIMEOUT_SECONDS) * SECOND_US);
  return { truth: findTruth(k, snapshot), tasks };
}

describe('findTruth', () => {
  it('judges after ten timeouts where all have moved by then', () => {
    const { truth } = truthOf(20, 10);
    assert.deepEqual([truth.diagnosis, truth.stuck, truth.furtherSeconds], ['D13', [], undefined]);
  });

  it('runs on while some have not moved and nobody holds them', () => {
    const { truth, tasks } = truthOf(10, 40.5);
    assert.deepEqual([truth.diagnosis, truth.stuck, truth.furtherSeconds], ['D13', [], 16]);
    assert.equal(truth.recovered.length, tasks.length);
  });

  it('calls nothing overload that has not moved in ten minutes more', () => {
    const { truth, tasks } = truthOf(10, 1_000);
    const { diagnosis, stuck, furtherSeconds } = truth;
    assert.deepEqual([diagnosis, stuck, furtherSeconds], ['unknown', [tasks[1]?.pid], 600]);
  });
});
