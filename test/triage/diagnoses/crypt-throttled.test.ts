import assert from 'node:assert/strict';
import { cryptThrottled } from '../../../src/triage/diagnoses/crypt-throttled.ts';
import { facts, RECLAIM, type TaskSketch } from '../../support/facts-builder.ts';

describe('cryptThrottled', () => {
  it('knows that kernel threads do not sleep in reclaim_throttle()', () => {
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
});
