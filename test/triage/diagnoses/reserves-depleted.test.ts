import assert from 'node:assert/strict';
import { reservesDepleted } from '../../../src/triage/diagnoses/reserves-depleted.ts';
import { facts, RECLAIM, type TaskSketch } from '../../support/facts-builder.ts';

describe('reservesDepleted', () => {
  const zones = [{ name: 'DMA32', free: 0, min: 301, freeNotAdded: 0 }];
  const oom = { type: 'oom', victims: [], bits: [] } as const;
  const throttled: TaskSketch = {
    pid: 1,
    gfp: 'GFP_KERNEL',
    calls: 'schedule < throttle_direct_reclaim < try_to_free_pages < __alloc_pages_slowpath',
  };
  const writer: TaskSketch = {
    pid: 13,
    comm: 'kworker/u4:0',
    kthread: true,
    calls: 'io_schedule_timeout < mempool_alloc < bio_alloc_bioset < ext4_writepages',
  };

  it('names those who do I/O without memory, and nobody where there are none', () => {
    const both = reservesDepleted(facts([throttled, writer], { zones }));
    assert.match(both?.sentence ?? '', /kworker\/u4:0\(13\) needs memory to get I\/O done\.$/);
    assert.deepEqual(both?.culprits, [13]);
    const alone = reservesDepleted(facts([throttled], { zones }));
    assert.match(alone?.sentence ?? '', /; 1 request waits\.$/);
  });

  it('says how many the OOM killer has killed since boot', () => {
    const of = (killCount: number): ReturnType<typeof reservesDepleted> =>
      reservesDepleted(facts([throttled], { zones, oom: { ...oom, killCount } }));
    assert.match(of(0)?.sentence ?? '', /the OOM killer has killed nobody since boot/);
    assert.deepEqual(of(0)?.against, []);
    assert.match(of(5)?.sentence ?? '', /no OOM victim is alive .*killed 5 since boot/);
    assert.match(of(5)?.against.join() ?? '', /may have been asked in this stall/);
  });

  it('is possible beside a victim whose memory was taken, and tells of it', () => {
    const reaped: TaskSketch = { pid: 9, victim: true, reaped: true, calls: RECLAIM };
    const finding = reservesDepleted(facts([throttled, reaped], { zones }));
    assert.equal(finding?.confidence, 'possible');
    assert.match(finding.sentence, /memory of the OOM killer's 1 victim was taken already/);
    assert.match(finding.against.join(), /it has chosen task-9\(9\)/);
    const unreaped = facts([throttled, { ...reaped, reaped: false }], { zones });
    assert.equal(reservesDepleted(unreaped), undefined);
  });
});
