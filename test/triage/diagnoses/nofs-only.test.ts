import assert from 'node:assert/strict';
import { nofsOnly } from '../../../src/triage/diagnoses/nofs-only.ts';
import type { Finding } from '../../../src/triage/finding.ts';
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

describe('nofsOnly', () => {
  const waitsFor = { lock: 'mutex 0xf00', holders: [179], isCertain: true };
  const elsewhere = { lock: 'mutex 0xbad', holders: [], isCertain: true };
  const holder: TaskSketch = { pid: 179, comm: 'rm', calls: RECLAIM, gfp: 'GFP_NOFS' };
  const stopped = (pid: number, lock: TaskSketch['waitsFor'] = waitsFor): TaskSketch => ({
    pid,
    calls: `${MUTEX} < jbd2_journal_start < ${RECLAIM}`,
    gfp: 'GFP_KERNEL',
    waitsFor: lock,
  });
  const kswapd: TaskSketch = { pid: 30, comm: 'kswapd0', kthread: true, calls: MUTEX, waitsFor };

  it('names the holder first, and is certain where all that are blocked wait for it', () => {
    const alike: TaskSketch = { ...holder, pid: 4, comm: 'cron' };
    const finding = nofsOnly(facts([alike, holder, stopped(1), stopped(2), kswapd]));
    assert.equal(finding?.confidence, 'certain');
    assert.match(finding.sentence, /^rm\(179\) holds what kswapd0\(30\) and 2 others wait for, /);
    assert.match(finding.sentence, /without __GFP_FS, as does 1 more: /);
    assert.deepEqual(finding.culprits, [179]);
  });

  it('says where the holder asks, and with what lock held', () => {
    const next = (calls: string): string | undefined =>
      nofsOnly(facts([{ ...holder, calls: `${RECLAIM}${calls}` }, stopped(1), kswapd]))?.next;
    assert.equal(
      next(' < simfs_bread < simfs_evict_inode < do_unlinkat'),
      'look at rm(179) (stallcore bt VMCORE 179): simfs_bread() asks for memory under ' +
        `simfs_evict_inode() while it has ${waitsFor.lock}; ask before the lock is taken`,
    );
    assert.match(
      String(next(' < getblk < jbd2_journal_get_write_access')),
      /: getblk\(\) asks for memory under jbd2_\w+\(\) while .*; ask before the transaction is/,
    );
    assert.match(String(next('')), /179\): it asks for memory while it has /);
  });

  it('tells a mask that is not known from one of which this kernel alone knows', () => {
    const { gfp, ...unread } = holder;
    assert.equal(gfp, 'GFP_NOFS');
    const unknown = { ...unread, pid: 4, comm: 'cron', age: 20 };
    const nofail = { ...holder, pid: 5, comm: 'jbd2', gfp: 'GFP_NOFS|__GFP_NOFAIL' };
    const finding = nofsOnly(facts([holder, unknown, nofail, stopped(1), kswapd]));
    assert.deepEqual(finding?.missing, [
      'the masks of cron(4)',
      'whether this kernel kills for __GFP_NOFAIL without __GFP_FS, as jbd2(5) asks',
    ]);
    assert.equal(finding.evidence[0]?.fact, 'rm(179): requests that may not kill');
  });

  it('says how many of those blocked wait for it, and is not certain then', () => {
    const tasks = [holder, stopped(1, elsewhere), stopped(2, elsewhere), kswapd];
    const finding = nofsOnly(facts(tasks));
    assert.equal(finding?.confidence, 'likely');
    assert.match(finding.sentence, /what 1 of the 3 that are blocked \(kswapd0\(30\)\) waits for/);
    assert.match(finding.because, /of the 3 that are blocked 1 is proved/);
    assert.deepEqual(finding.missing, ['whom task-1(1) and task-2(2) wait for']);
  });

  it('holds those against itself that wait for somebody else', () => {
    const other: TaskSketch = { pid: 5, state: 'S', calls: '__schedule < do_nanosleep' };
    const lock = { ...elsewhere, holders: [5] };
    const finding = nofsOnly(facts([holder, other, stopped(1, lock), stopped(2), kswapd]));
    assert.equal(finding?.confidence, 'likely');
    assert.deepEqual(finding.against, ['task-1(1) waits for somebody else']);
  });

  it('names a holder that asks for one page after the other, and says that it is young', () => {
    const { gfp, ...young } = holder;
    const writer: TaskSketch = { ...young, young: true, youngGfp: gfp ?? '' };
    const old: TaskSketch = { ...holder, pid: 4, comm: 'cron' };
    const of = (writeback: number): Finding | undefined =>
      nofsOnly(facts([old, writer, stopped(1), kswapd], { writeback }));
    const finding = of(0);
    assert.deepEqual(finding?.culprits, [179]);
    assert.equal(finding.confidence, 'likely');
    assert.match(finding.sentence, /^rm\(179\) holds .*, as does 1 more: /);
    assert.match(finding.against.join(), /rm\(179\) has not waited for long/);
    assert.equal(of(40)?.confidence, 'possible');
  });

  it('is certain of several holders, where each blocked task waits for one of them', () => {
    const second: TaskSketch = { ...holder, pid: 180 };
    const lock = { lock: 'mutex 0xf10', holders: [180], isCertain: true };
    const finding = nofsOnly(facts([second, holder, stopped(1, lock), stopped(2), kswapd]));
    assert.equal(finding?.confidence, 'certain');
    assert.deepEqual(finding.culprits, [179]);
    assert.match(finding.because, /such requests, most of them to rm\(179\)/);
  });
});
