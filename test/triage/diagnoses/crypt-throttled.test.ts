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

  describe('of a worker under a limit', () => {
    const worker: TaskSketch = {
      pid: 8,
      kthread: true,
      young: true,
      calls: `congestion_wait < throttle_vm_writeout < ${RECLAIM} < mempool_alloc < kcryptd_crypt`,
    };
    const late: TaskSketch = { pid: 1, calls: RECLAIM, gfp: 'GFP_KERNEL' };
    const young = (pid: number): TaskSketch => ({ pid, calls: RECLAIM, young: true });
    const late2 = { ...late, pid: 2 };

    it('is likely where a few requests are overdue, and slow', () => {
      const finding = cryptThrottled(facts([worker, late, young(2), young(3)], { writeback: 5 }));
      assert.equal(finding?.confidence, 'likely');
      assert.match(finding.sentence, /3 others ask for memory\.$/);
      assert.match(finding.because, /only 1 of 3 requests is older/);
      assert.ok(finding.evidence.some(({ fact }) => fact === '5 pages under writeback'));
    });

    it('is possible where most are overdue, where none is known to be, or the worker is', () => {
      const most = cryptThrottled(facts([worker, late, late2, young(3)]));
      assert.equal(most?.confidence, 'possible');
      assert.match(most.sentence, /3 others ask for memory: slow or dead, a second dump tells\.$/);
      assert.match(most.because, /2 of 3 requests are older .* nothing gets on/);
      assert.equal(cryptThrottled(facts([worker, young(3)]))?.confidence, 'possible');
      const { young: flag, ...old } = worker;
      assert.equal(flag, true);
      const all = [{ ...old, gfp: 'GFP_NOIO' }, late, young(2), young(3)];
      const dead = cryptThrottled(facts(all));
      assert.equal(dead?.confidence, 'possible');
      assert.match(dead.against.join(), /rather dead than slow/);
    });

    it('holds it against itself that nothing is being written', () => {
      const against = (writeback: number | undefined): string =>
        String(cryptThrottled(facts([worker, late], { writeback }))?.against);
      assert.match(against(0), /no page is being written/);
      assert.equal(against(undefined), '');
    });
  });
});
