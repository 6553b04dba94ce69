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

  const exits: TaskSketch = {
    pid: 7,
    state: 'R',
    exiting: true,
    gfp: 'GFP_KERNEL',
    calls: `${RECLAIM} < taskstats_exit < do_exit`,
  };
  const asks: TaskSketch = { pid: 1, state: 'R', gfp: 'GFP_KERNEL', calls: RECLAIM };

  it('is likely where an old request is that of who exits, and another may kill', () => {
    const finding = exitingTask(facts([exits, asks]));
    assert.equal(finding?.confidence, 'likely');
    assert.match(finding.sentence, /^task-7\(7\) is in do_exit\(\) .*, and waits for memory/);
    assert.equal(finding.evidence.at(-1)?.verb, "symbols '*oom_reap*'");
    const two = exitingTask(facts([exits, { ...exits, pid: 8 }, asks]));
    assert.match(two?.sentence ?? '', /are in do_exit\(\) .*, and wait for memory/);
  });

  it('is possible where the exiting task has not asked for long, or it is not known', () => {
    const { gfp, ...others } = exits;
    assert.equal(gfp, 'GFP_KERNEL');
    const young = exitingTask(facts([{ ...others, young: true }, asks]));
    assert.equal(young?.confidence, 'possible');
    assert.deepEqual(young.missing, []);
    const unknown = exitingTask(facts([others, asks]));
    assert.equal(unknown?.confidence, 'possible');
    assert.match(unknown.missing.join(), /since when they ask/);
    assert.equal(exitingTask(facts([{ ...others, age: 12 }, asks]))?.confidence, 'likely');
  });

  it('is possible where no other request may invoke the OOM killer, and says so', () => {
    const nofs = exitingTask(facts([exits, { ...asks, gfp: 'GFP_NOFS' }]));
    assert.equal(nofs?.confidence, 'possible');
    assert.match(nofs.against.join(), /none of the other requests may invoke/);
    assert.doesNotMatch(nofs.sentence, /chooses nobody/);
    const unknown: TaskSketch = { pid: 1, state: 'R', calls: RECLAIM };
    const unread = exitingTask(facts([exits, unknown]));
    assert.equal(unread?.confidence, 'possible');
    assert.deepEqual(unread.against, []);
    assert.match(unread.missing.join(), /whether another request may invoke/);
  });

  it('says how many were killed since boot', () => {
    const oom = { type: 'oom', victims: [], bits: [], killCount: 3 } as const;
    const { because } = exitingTask(facts([exits, asks], { oom })) ?? {};
    assert.match(because ?? '', /has killed 3 since boot/);
  });
});
