import assert from 'node:assert/strict';
import { oomLockStarved } from '../../../src/triage/diagnoses/oom-lock-starved.ts';
import { facts, FAULT, type TaskSketch } from '../../support/facts-builder.ts';

describe('oomLockStarved', () => {
  const killer: TaskSketch = {
    pid: 20,
    comm: 'batch',
    state: 'R',
    policy: 5,
    staticPrio: 120,
    gfp: 'GFP_KERNEL',
    calls: `preempt_schedule < oom_kill_process < out_of_memory < ${FAULT}`,
  };
  const other: TaskSketch = { pid: 21, state: 'R', staticPrio: 120, gfp: 'GFP_KERNEL' };
  const held = { oomLockHolder: 20 };

  it('names who has the CPU before a SCHED_IDLE holder of oom_lock', () => {
    const finding = oomLockStarved(facts([killer, { ...other, onCpu: true }], held));
    assert.equal(finding?.confidence, 'likely');
    assert.match(finding.because, /SCHED_IDLE, and task-21\(21\) has the CPU before it/);
    assert.deepEqual(
      finding.evidence.slice(1).map(({ fact, verb }) => [fact, verb]),
      [
        ['batch(20) has the policy SCHED_IDLE', 'tasks'],
        ['1 other request in the slow path', 'bt --stalled'],
      ],
    );
    const waits = oomLockStarved(facts([killer, other], held));
    assert.match(waits?.because ?? '', /task-21\(21\) wants the CPU and comes before it/);
  });

  it('does not say that it gets no CPU where nobody else wants one', () => {
    const asleep: TaskSketch = { ...other, state: 'D' };
    assert.equal(oomLockStarved(facts([killer, asleep], held)), undefined);
    const alike: TaskSketch = { ...other, policy: 5 };
    assert.equal(oomLockStarved(facts([killer, alike], held)), undefined);
    const prints = { ...killer, calls: `vprintk_emit < dump_header < out_of_memory < ${FAULT}` };
    const finding = oomLockStarved(facts([prints, asleep], held));
    assert.equal(finding?.confidence, 'possible');
    assert.doesNotMatch(finding.sentence, /gets no CPU/);
    assert.match(finding.against.join(), /nobody who comes before batch\(20\) wants its CPU/);
  });

  it('counts those alone that want the same CPU', () => {
    const on = (cpu: number): TaskSketch => ({ ...other, onCpu: true, cpu });
    const here = { ...killer, cpu: 1 };
    assert.equal(oomLockStarved(facts([here, on(0)], held)), undefined);
    assert.equal(oomLockStarved(facts([here, on(1)], held))?.confidence, 'likely');
  });
});
