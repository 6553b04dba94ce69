import assert from 'node:assert/strict';
import { mempoolEmpty } from '../../src/triage/diagnoses/mempool-empty.ts';
import { reservesDepleted } from '../../src/triage/diagnoses/reserves-depleted.ts';
import { carriesIo, waitsForElement } from '../../src/triage/mempool-waits.ts';
import { facts, RECLAIM, taskFacts, type TaskSketch } from '../support/facts-builder.ts';

const SLEEP = '__schedule < schedule < schedule_timeout < io_schedule_timeout < mempool_alloc';
const WRITER: TaskSketch = {
  pid: 13,
  comm: 'kworker/u4:0',
  kthread: true,
  calls: `${SLEEP} < bio_alloc_bioset < ext4_writepages < wb_workfn < process_one_work`,
};
const CARRIER: TaskSketch = {
  pid: 14,
  comm: 'kworker/u4:1',
  kthread: true,
  calls: `${SLEEP} < bio_alloc_bioset < kcryptd_crypt < process_one_work`,
};
/** It reclaims for its own element. */
const ASKS: TaskSketch = {
  ...CARRIER,
  state: 'R',
  calls: `${RECLAIM} < mempool_alloc < bio_alloc_bioset < kcryptd_crypt < process_one_work`,
};

describe('waitsForElement', () => {
  it('is a sleep in mempool_alloc(), and not in the allocator that it asks first', () => {
    assert.ok(waitsForElement(taskFacts(WRITER)));
    assert.ok(waitsForElement(taskFacts(CARRIER)));
    assert.ok(!waitsForElement(taskFacts({ ...ASKS, state: 'D' })));
  });
});

describe('carriesIo', () => {
  it('is so of a worker that writes nothing back on its own', () => {
    assert.ok(carriesIo(taskFacts(CARRIER)));
    assert.ok(carriesIo(taskFacts(ASKS)));
    assert.ok(!carriesIo(taskFacts(WRITER)));
    assert.ok(!carriesIo(taskFacts({ ...CARRIER, kthread: false })));
  });
});

describe('mempoolEmpty', () => {
  it('blames whoever carries the I/O of those that wait, and them where nobody does', () => {
    assert.deepEqual(mempoolEmpty(facts([WRITER, ASKS]))?.culprits, [14]);
    assert.deepEqual(mempoolEmpty(facts([WRITER]))?.culprits, [13]);
  });
});

describe('reservesDepleted', () => {
  it('blames those that wait for an element: their I/O would bring pages back', () => {
    const throttled: TaskSketch = {
      pid: 1,
      gfp: 'GFP_KERNEL',
      calls: 'schedule < throttle_direct_reclaim < try_to_free_pages < __alloc_pages_slowpath',
    };
    const zones = [{ name: 'DMA32', free: 0, min: 301, freeNotAdded: 0 }];
    const finding = reservesDepleted(facts([throttled, WRITER], { zones }));
    assert.equal(finding?.confidence, 'likely');
    assert.deepEqual(finding.culprits, [13]);
  });
});
