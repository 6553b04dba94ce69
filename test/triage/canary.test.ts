import assert from 'node:assert/strict';
import { canaryEvidence } from '../../src/triage/canary.ts';
import { diagnose } from '../../src/triage/diagnose.ts';
import { namesOf } from '../../src/triage/facts.ts';
import { facts, MUTEX, RECLAIM, taskFacts, type TaskSketch } from '../support/facts-builder.ts';

const CANARY: TaskSketch = {
  pid: 8,
  comm: 'kworker/0:1',
  kthread: true,
  state: 'R',
  gfp: 'GFP_NOIO',
  calls:
    `${RECLAIM} < bio_alloc_bioset < scsi_execute_cmd < sr_check_events < cdrom_check_events < ` +
    'disk_check_events < disk_events_workfn < process_one_work < worker_thread < kthread',
};
const NOFS: TaskSketch = { pid: 179, comm: 'rm', state: 'R', gfp: 'GFP_NOFS', calls: RECLAIM };
const STOPPED: TaskSketch = {
  pid: 1,
  comm: 'systemd',
  gfp: 'GFP_KERNEL',
  calls: `${MUTEX} < jbd2_journal_start < ${RECLAIM}`,
};
const KSWAPD: TaskSketch = {
  pid: 30,
  comm: 'kswapd0',
  kthread: true,
  calls: `${MUTEX} < jbd2_journal_start < kswapd`,
};
const LOW = { name: 'DMA32', free: 100, min: 101 };

describe('the worker that polls a drive', () => {
  it('is named after the others, and said to be what it is', () => {
    const [finding] = diagnose(facts([CANARY, NOFS, STOPPED, KSWAPD]));
    assert.equal(finding?.diagnosis, 'D2');
    assert.match(finding.sentence, /^rm\(179\) and kworker\/0:1\(8\) ask/);
    assert.deepEqual(finding.culprits, [179]);
    assert.ok(finding.evidence.some(({ fact }) => /kworker.* polls a drive/.test(fact)));
  });

  it('is not blamed for being the one that gets on', () => {
    const found = diagnose(facts([CANARY, STOPPED, KSWAPD]));
    assert.deepEqual(
      found.map(({ diagnosis }) => diagnosis),
      ['D13'],
    );
  });

  it('is blamed for what waits behind it where counters prove it, or it is overdue itself', () => {
    const pendingWorks = new Map([['vmstat_update', 1]]);
    const { gfp, ...unknown } = CANARY;
    assert.ok(gfp !== undefined);
    const named = (canary: TaskSketch, freeNotAdded: number): string[] =>
      diagnose(facts([canary], { pendingWorks, zones: [{ ...LOW, freeNotAdded }] })).map(
        ({ diagnosis, confidence }) => `${diagnosis} ${confidence}`,
      );
    assert.deepEqual(named(unknown, 0), ['D13 possible']);
    assert.deepEqual(named(CANARY, 0), ['D6 possible', 'D13 possible']);
    assert.deepEqual(named(CANARY, 40), ['D6 likely']);
  });

  it('any other worker is blamed for what waits behind it', () => {
    const calls = CANARY.calls?.replace('disk_events_workfn', 'wb_workfn') ?? '';
    const other = { ...CANARY, calls: calls.replace(/sr_check_.*disk_check_events < /, '') };
    const pendingWorks = new Map([['vmstat_update', 1]]);
    assert.equal(diagnose(facts([other], { pendingWorks }))[0]?.diagnosis, 'D6');
  });
});

describe('namesOf', () => {
  it('has whoever polls a drive last', () => {
    const names = namesOf([CANARY, NOFS, STOPPED].map(taskFacts));
    assert.equal(names, 'rm(179), systemd(1) and kworker/0:1(8)');
  });
});

describe('canaryEvidence', () => {
  it('is about those alone', () => {
    assert.deepEqual(
      canaryEvidence([CANARY, NOFS].map(taskFacts)).map(({ verb }) => verb),
      ['bt 8'],
    );
  });
});
