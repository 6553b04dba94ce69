import assert from 'node:assert/strict';
import { addProgram } from '../../../src/sim/boot.ts';
import { RECEIVE_RING } from '../../../src/sim/drivers/e1000.ts';
import type { Process, Task } from '../../../src/sim/kernel/task.ts';
import { GFP_KERNEL, GFP_NOFS } from '../../../src/sim/mm/gfp.ts';
import { classify, type Found } from '../../../src/sim/truth/classify.ts';
import type { WaitsFor } from '../../../src/sim/truth/wait-graph.ts';
import { addThread, bareKernel } from '../../support/bare-kernel.ts';
import { takeAllMemory } from '../../support/simulated-machine.ts';

const kernel = bareKernel();
const [one, other] = ['one', 'other'].map((comm) => {
  return addThread(kernel, comm, 0, function* () {
    // It is enough that it is there.
  });
}) as [Task, Task];

function found(some: Partial<Found>): Found {
  return { kernel, stuck: [], stalling: [], oldest: 0, cycle: [], ...some };
}

function waits(task: Task, what: string, on: Task): WaitsFor {
  return { pid: task.pid, what, kind: 'mutex', onPid: on.pid };
}

describe('classify', () => {
  it('is overload where all got on, and else what the circle is', () => {
    const cycle = [waits(one, 'memory', other), waits(other, 'journal', one)];
    assert.equal(classify(found({ stalling: [one, other], cycle })), 'D13');
    assert.equal(classify(found({ stalling: [one, other], stuck: [one], cycle })), 'D2');
  });

  it('is overload where the last that has not moved stands in the queue of a disk', () => {
    const k = bareKernel();
    const some = { kernel: k, stalling: [one], stuck: [one] };
    assert.equal(classify(found(some)), 'unknown');
    k.fs.disk.wait.tasks.push(one);
    assert.equal(classify(found(some)), 'D13');
  });

  it('finds the reserves gone beside a victim that has nothing to do with it', () => {
    const k = bareKernel();
    const [napi, kswapd, victim] = ['napi', 'kswapd0', 'java'].map((comm) =>
      addProgram(k, { comm }, function* () {
        // It is enough that it is there.
      }),
    ) as [Process, Process, Process];
    victim.oomMm = victim.mm;
    const ring = { ...waits(napi.leader, 'ring', kswapd.leader), kind: RECEIVE_RING };
    const cycle = (on: Process): WaitsFor[] => [ring, waits(on.leader, 'x', napi.leader)];
    const judged = (on: Process): string =>
      classify(found({ kernel: k, stuck: [kswapd.leader], cycle: cycle(on) }));
    assert.notEqual(judged(kswapd), 'D7');
    takeAllMemory(k);
    assert.equal(judged(kswapd), 'D7');
    assert.notEqual(judged(victim), 'D7');
  });

  it('is a stall of requests that may not kill, where nobody else asks', () => {
    const k = bareKernel();
    const task = addThread(k, 'nofs', 0, function* () {
      // It is enough that it is there.
    });
    const judged = (gfp: number): string => {
      Object.assign(task.request, { gfp, depth: 1 });
      return classify(found({ kernel: k, stuck: [task] }));
    };
    assert.equal(judged(GFP_NOFS), 'D2');
    assert.equal(judged(GFP_KERNEL), 'unknown');
  });

  it('does not know where somebody did not, and nobody is known to hold it up', () => {
    assert.equal(classify(found({ stuck: [one] })), 'unknown');
    assert.equal(classify(found({ stuck: [one], stalling: [one] })), 'unknown');
  });

  it('finds nothing wrong where nobody waits for long', () => {
    assert.equal(classify(found({})), 'D14');
    assert.equal(classify(found({ stalling: [one] })), 'D13');
  });
});
