import assert from 'node:assert/strict';
import { nofsOnly } from '../../../src/triage/diagnoses/nofs-only.ts';
import { facts, MUTEX, RECLAIM, type TaskSketch } from '../../support/facts-builder.ts';

/** A kernel without records: neither mask nor start of a request is known. */
describe('nofsOnly of a kernel without records', () => {
  const waitsFor = { lock: 'mutex 0xf00', holders: [179], isCertain: true };
  const holder: TaskSketch = { pid: 179, comm: 'rm', state: 'R', calls: RECLAIM };
  const calls = `${MUTEX} < jbd2_journal_start < ${RECLAIM}`;
  const stopped: TaskSketch = { pid: 1, calls, waitsFor, age: 37 };
  const kswapd: TaskSketch = { pid: 30, comm: 'kswapd0', kthread: true, calls: MUTEX, waitsFor };

  it('is likely by a proved holder and others that have waited for long', () => {
    const finding = nofsOnly(facts([holder, stopped, kswapd]));
    assert.equal(finding?.confidence, 'likely');
    assert.deepEqual(finding.culprits, [179]);
    assert.match(finding.missing.join(), /masks/);
  });

  it('is possible where no wait is known to be long, or pages are being written', () => {
    const young = { ...stopped, age: 3 };
    assert.equal(nofsOnly(facts([holder, young, kswapd]))?.confidence, 'possible');
    const writes = facts([holder, stopped, kswapd], { writeback: 40 });
    assert.equal(nofsOnly(writes)?.confidence, 'possible');
  });

  it('is possible where the holder is not proved', () => {
    const { waitsFor: lock, ...unproved } = stopped;
    assert.equal(lock, waitsFor);
    const { waitsFor: same, ...sleeps } = kswapd;
    assert.equal(same, waitsFor);
    assert.equal(nofsOnly(facts([holder, unproved, sleeps]))?.confidence, 'possible');
  });
});
