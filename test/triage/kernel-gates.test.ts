import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { balloonDeadlock } from '../../src/triage/diagnoses/balloon-deadlock.ts';
import { cryptThrottled } from '../../src/triage/diagnoses/crypt-throttled.ts';
import { exitingTask } from '../../src/triage/diagnoses/exiting-task.ts';
import { facts, FAULT, MUTEX, RECLAIM, type TaskSketch } from '../support/facts-builder.ts';

/** What cannot happen on a kernel is not offered: by what it has, never by its release. */
describe('diagnoses of kernels that have the change', () => {
  it('D5: a kernel with an OOM reaper does not wait for tasks that exit', () => {
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

  it('D10: kernel threads do not sleep in reclaim_throttle()', () => {
    const worker = (throttle: string): TaskSketch => ({
      pid: 8,
      kthread: true,
      calls: `schedule_timeout < ${throttle} < ${RECLAIM} < mempool_alloc < kcryptd_crypt`,
    });
    assert.equal(cryptThrottled(facts([worker('reclaim_throttle')])), undefined);
    const limit = cryptThrottled(facts([worker('congestion_wait < throttle_vm_writeout')]));
    assert.match(limit?.next ?? '', /bf48438354a7/);
    const congested = cryptThrottled(facts([worker('congestion_wait')]));
    assert.doesNotMatch(congested?.next ?? 'bf48438354a7', /bf48438354a7/);
  });

  describe('D11: a kernel with balloon_page_alloc() takes pages before the lock', () => {
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

    it('is not offered there by stacks alone', () => {
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
  });
});

describe('the next step of a finding', () => {
  it('names no release: the tool does not know which one would be newer than the dump', () => {
    const folder = new URL('../../src/triage/diagnoses/', import.meta.url);
    for (const name of readdirSync(folder)) {
      const text = readFileSync(new URL(name, folder), 'utf8');
      const next = /\bnext:([\s\S]*?)culprits:/.exec(text)?.[1] ?? text;
      assert.doesNotMatch(next, /kernels? (since|before|of|older)|\bv?[2-7]\.\d+\b/, name);
    }
  });
});
