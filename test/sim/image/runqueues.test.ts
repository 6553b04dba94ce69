// Who runs on which CPU, told alike by the run queues, the tasks and the registers, also while a
// CPU is between two tasks.

import assert from 'node:assert/strict';
import { tasksResult } from '../../../src/kernel/tasks-result.ts';
import type { Process } from '../../../src/sim/kernel/task.ts';
import { DumpedMachine, withInstant, type Instant } from '../../support/dump-instants.ts';

const OPTIONS = { scenario: 'overload', patch: 'v3', kmallocwd: 1, ramMiB: 96 } as const;
const FROM_SECONDS = 2.9;
/** Less than a switch takes. */
const STEP_SECONDS = 1e-6;
const STEPS_MAX = 300_000;
/** By then the leaky process is dead. */
const LEAK_SECONDS = 20;

describe('writeRunQueues', function () {
  this.timeout(180_000);

  it('leaves a task that goes to sleep to its CPU until the switch is over', async () => {
    const machine = new DumpedMachine(OPTIONS);
    const { sched } = machine.kernel;
    const isSwitching = (): boolean =>
      sched.cpus.some(({ task, switching }) => switching && task?.state !== 0);
    runUntil(machine, isSwitching);
    const instant = machine.dump();
    const { tasks } = instant.ledger;
    const leaves = tasks.filter(({ onCpu, functions }) => onCpu && functions[0] === '__schedule');
    assert.ok(leaves.some(({ stateBits }) => stateBits !== 0));
    await check(instant);
  });

  it('shows the idle task where the last one that ran is dead and gone', async () => {
    const machine = new DumpedMachine({ ...OPTIONS, scenario: 'leak-then-recover' });
    const { processes } = machine.kernel;
    const instants: Instant[] = [];
    // release_task(), whose caller has the CPU until its last switch.
    processes.splice = (...args: [number, number]) => {
      const removed = Array.prototype.splice.apply(processes, args) as Process[];
      if (instants.length === 0) instants.push(machine.dump());
      return removed;
    };
    machine.run(LEAK_SECONDS);
    assert.equal(instants.length, 1);
    await check(instants[0]!);
  });
});

/** Runs on to an instant that is `wanted`. */
function runUntil(machine: DumpedMachine, wanted: () => boolean): void {
  let step = 0;
  do {
    assert.ok(step < STEPS_MAX, 'there was no such instant');
    machine.run(FROM_SECONDS + step++ * STEP_SECONDS);
  } while (!wanted());
}

async function check(instant: Instant): Promise<void> {
  await withInstant(instant, (vmcore) => {
    const { tasks } = tasksResult(vmcore);
    assert.deepEqual(vmcore.problems.list, []);
    const running = instant.ledger.tasks.filter(({ onCpu }) => onCpu);
    assert.deepEqual(
      tasks.filter(({ onCpu }) => onCpu).map(({ pid }) => pid),
      running.map(({ pid }) => pid),
    );
    const { statuses, facts } = instant.image;
    const pids = statuses.map(({ pid }) => pid).filter((pid) => pid !== 0);
    assert.deepEqual(new Set(pids), new Set(running.map(({ pid }) => pid)));
    assert.equal(statuses.length, facts.cpuCount);
  });
}
