import assert from 'node:assert/strict';
import { nofsAlone } from '../../../src/triage/diagnoses/nofs-alone.ts';
import { facts, RECLAIM, type TaskSketch } from '../../support/facts-builder.ts';

const OLD: TaskSketch = { pid: 1, comm: 'systemd', state: 'R', calls: RECLAIM, gfp: 'GFP_NOFS' };
const YOUNG: TaskSketch = { pid: 2, state: 'R', calls: RECLAIM, young: true, youngGfp: 'GFP_NOIO' };
const KSWAPD: TaskSketch = {
  pid: 30,
  comm: 'kswapd0',
  kthread: true,
  state: 'S',
  calls: '__schedule < schedule < kswapd_try_to_sleep < kswapd < kthread',
};

describe('nofsAlone', () => {
  it('is likely where no request may have somebody killed, and kswapd sleeps', () => {
    const finding = nofsAlone(facts([OLD, YOUNG, KSWAPD]));
    assert.equal(finding?.diagnosis, 'D2');
    assert.equal(finding.confidence, 'likely');
    assert.match(finding.sentence, /^systemd\(1\) waits .* for none of the 2 requests/);
    assert.deepEqual(finding.culprits, []);
  });

  it('is possible while pages are being written, or kswapd is at work', () => {
    const written = nofsAlone(facts([OLD, KSWAPD], { writeback: 7 }));
    assert.equal(written?.confidence, 'possible');
    assert.match(written.against.join(), /7 pages being written/);
    const busy = { ...KSWAPD, state: 'R', calls: 'shrink_node < balance_pgdat < kswapd' };
    assert.equal(nofsAlone(facts([OLD, busy]))?.confidence, 'possible');
  });

  it('says which masks are not known; who sleeps so in reclaim has __GFP_FS', () => {
    const throttled = `throttle_direct_reclaim < try_to_free_pages < ${RECLAIM}`;
    const unknown: TaskSketch = { pid: 4, state: 'S', calls: throttled };
    const finding = nofsAlone(facts([OLD, unknown, KSWAPD]));
    assert.equal(finding?.confidence, 'possible');
    assert.match(finding.sentence, /none of the 1 request in the slow path whose masks are known/);
    assert.deepEqual(finding.missing, ['the mask of task-4(4)']);
    assert.equal(nofsAlone(facts([OLD, { ...unknown, state: 'D' }, KSWAPD])), undefined);
  });

  it('is none where somebody may kill, is to die, or nobody has waited for long', () => {
    const able: TaskSketch = { ...YOUNG, youngGfp: 'GFP_KERNEL' };
    assert.equal(nofsAlone(facts([OLD, able, KSWAPD])), undefined);
    assert.equal(nofsAlone(facts([OLD, { pid: 3, victim: true }, KSWAPD])), undefined);
    assert.equal(nofsAlone(facts([YOUNG, KSWAPD])), undefined);
  });
});
