import assert from 'node:assert/strict';
import { exitingTask } from '../../../src/triage/diagnoses/exiting-task.ts';
import { facts, RECLAIM, type TaskSketch } from '../../support/facts-builder.ts';

describe('exitingTask', () => {
  it('knows that a kernel with an OOM reaper does not wait for tasks that exit', () => {
    const exits: TaskSketch = {
      pid: 7,
      state: 'R',
      exiting: true,
      gfp: 'GFP_KERNEL',
      calls: `${RECLAIM} < taskstats_exit < do_exit`,
    };
    assert.equal(exitingTask(facts([exits]))?.diagnosis, 'D5');
    assert.equal(exitingTask(facts([exits], { symbols: ['oom_reaper'] })), undefined);
  });
});
