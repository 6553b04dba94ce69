import assert from 'node:assert/strict';
import { OOM_LOCK_STARVED } from '../../../src/sim/scenarios/oom-lock-starved.ts';
import { runKernel } from '../../support/run-kernel.ts';

/** Memory is full at once. */
const SHORT = { seed: 1, timeoutSeconds: 2, knobs: { dumpSeconds: 10 } };

describe('OOM_LOCK_STARVED', function () {
  this.timeout(180_000);

  it('is a task without a CPU, and all others wait for its oom_lock', () => {
    const { truth } = runKernel(OOM_LOCK_STARVED, SHORT);
    assert.equal(truth.diagnosis, 'D8', JSON.stringify(truth));
    assert.deepEqual(truth.cycle.map(({ what }) => what).sort(), ['a CPU', 'oom_lock']);
  });

  it('is one that has no end of printing, where nobody takes the console over', () => {
    const features = { consoleHandover: false };
    const { kernel, truth } = runKernel(OOM_LOCK_STARVED, { ...SHORT, features });
    assert.equal(truth.diagnosis, 'D8', JSON.stringify(truth));
    const pid = kernel.oomLock.owner?.pid;
    assert.deepEqual(truth.cycle, [{ pid, what: 'the console', kind: 'console', onPid: pid }]);
    // Most of it is what the watchdog says of those who wait for oom_lock.
    const { records } = kernel.log;
    assert.ok(records.filter(({ callerPid }) => callerPid !== pid).length > records.length / 2);
  });
});
