import assert from 'node:assert/strict';
import { balloonDeadlock } from '../../../src/triage/diagnoses/balloon-deadlock.ts';
import type { LockWait } from '../../../src/triage/facts.ts';
import { facts, FAULT, MUTEX, RECLAIM, type TaskSketch } from '../../support/facts-builder.ts';

describe('balloonDeadlock', () => {
  const killer: TaskSketch = {
    pid: 2,
    calls: `${MUTEX} < leak_balloon < virtballoon_oom_notify < out_of_memory < ${FAULT}`,
  };
  const filler: TaskSketch = {
    pid: 3,
    kthread: true,
    gfp: 'GFP_HIGHUSER_MOVABLE',
    calls: `${RECLAIM} < fill_balloon < update_balloon_size_func`,
  };
  const symbols = ['balloon_page_alloc'];

  it('is not offered by stacks alone where pages are taken before the lock', () => {
    assert.equal(balloonDeadlock(facts([killer, filler], { symbols })), undefined);
    const finding = balloonDeadlock(facts([killer, filler]));
    assert.equal(finding?.confidence, 'likely');
    assert.match(finding.next, /c7cdff0e8647/);
  });

  it('is where the filler is seen to have the lock, and no update is advised', () => {
    const waitsFor = { lock: 'mutex 0xf00', holders: [3], isCertain: true };
    const finding = balloonDeadlock(facts([{ ...killer, waitsFor }, filler], { symbols }));
    assert.equal(finding?.confidence, 'certain');
    assert.doesNotMatch(finding.next, /c7cdff0e8647/);
  });

  it('is as sure as is known of the one whom the filler waits for in its request', () => {
    const waitsFor = (pid: number): LockWait => {
      return { lock: `mutex 0xf0${pid}`, holders: [pid], isCertain: true };
    };
    const stuck = { ...killer, waitsFor: waitsFor(3) };
    const waits = { ...filler, calls: `${MUTEX} < ${filler.calls}`, waitsFor: waitsFor(4) };
    const unaged: TaskSketch = { pid: 4, comm: 'rsyslogd', state: 'R', calls: FAULT };
    const finding = balloonDeadlock(facts([stuck, waits, unaged], { symbols }));
    assert.equal(finding?.confidence, 'likely');
    assert.match(finding.because, /but for how long rsyslogd\(4\) has waited is not known/);
    const aged = { ...unaged, gfp: 'GFP_KERNEL' };
    assert.equal(balloonDeadlock(facts([stuck, waits, aged], { symbols }))?.confidence, 'certain');
  });
});
