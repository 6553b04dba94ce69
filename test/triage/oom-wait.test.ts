import assert from 'node:assert/strict';
import { reaperDefeated } from '../../src/triage/diagnoses/reaper-defeated.ts';
import { victimBlocked } from '../../src/triage/diagnoses/victim-blocked.ts';
import { diagnose } from '../../src/triage/diagnose.ts';
import { holdsOffOomKiller, victimDoubts } from '../../src/triage/oom-wait.ts';
import {
  facts,
  FAULT,
  MUTEX,
  RECLAIM,
  taskFacts,
  type TaskSketch,
} from '../support/facts-builder.ts';
import { realDump, withVmcore } from '../support/real-dumps.ts';
import { triage } from '../../src/triage/triage.ts';

const LOCK = { lock: 'mutex 0xf00', holders: [3], isCertain: true };
const VICTIM: TaskSketch = {
  pid: 2,
  comm: 'java',
  victim: true,
  calls: `${MUTEX} < vfs_write`,
  waitsFor: LOCK,
};
const HOLDER: TaskSketch = {
  pid: 3,
  comm: 'backup',
  state: 'R',
  calls: FAULT,
  gfp: 'GFP_HIGHUSER_MOVABLE',
};
const SYMBOLS = { symbols: ['oom_reaper'] };

describe('holdsOffOomKiller', () => {
  it('is so of a victim whose memory may still come free', () => {
    assert.ok(holdsOffOomKiller(taskFacts(VICTIM)));
    assert.ok(holdsOffOomKiller(taskFacts({ ...VICTIM, reaped: false })));
    assert.ok(!holdsOffOomKiller(taskFacts({ ...VICTIM, reaped: true })));
    assert.ok(!holdsOffOomKiller(taskFacts(HOLDER)));
  });
});

describe('a victim in a lock (D3)', () => {
  it('is not said of one whose memory was taken', () => {
    assert.equal(victimBlocked(facts([{ ...VICTIM, reaped: true }, HOLDER], SYMBOLS)), undefined);
  });

  it('is certain of one whose memory was not taken', () => {
    const finding = victimBlocked(facts([{ ...VICTIM, reaped: false }, HOLDER], SYMBOLS));
    assert.equal(finding?.confidence, 'certain');
    assert.deepEqual(finding.missing, []);
    assert.match(finding.because, /the OOM killer chooses no other/);
  });

  it('is likely where a reaper is there and what it has done is not known', () => {
    const finding = victimBlocked(facts([VICTIM, HOLDER], SYMBOLS));
    assert.equal(finding?.confidence, 'likely');
    assert.match(finding.missing.join(), /MMF_OOM_SKIP/);
    assert.equal(victimBlocked(facts([VICTIM, HOLDER]))?.confidence, 'certain');
  });

  it('is likely where another victim may exit, and names it', () => {
    const other: TaskSketch = { pid: 7, comm: 'httpd', victim: true, state: 'R', mm: '0x7000' };
    const finding = victimBlocked(facts([VICTIM, HOLDER, other]));
    assert.equal(finding?.confidence, 'likely');
    assert.match(finding.because, /besides it the OOM killer has chosen httpd\(7\)/);
    assert.match(finding.against.join(), /httpd\(7\) was chosen, too, and may exit/);
  });

  it('stays certain where the other victim waits for memory itself, which is no doubt', () => {
    const other: TaskSketch = { ...HOLDER, pid: 7, comm: 'httpd', victim: true, mm: '0x7000' };
    const finding = victimBlocked(facts([VICTIM, HOLDER, other]));
    assert.equal(finding?.confidence, 'certain');
    assert.deepEqual(finding.against, []);
    assert.match(finding.because, /has chosen httpd\(7\)/);
  });

  it('names the second victim of a real dump', async function () {
    const path = realDump(this, 'k1-victim-wd10.kdump');
    const [finding] = await withVmcore(path, (vmcore) => triage(vmcore).findings);
    assert.equal(finding?.diagnosis, 'D3');
    assert.match(finding.because, /has chosen killed-nofail\(56\)/);
  });
});

describe('the reaper kept out (D4)', () => {
  const writer: TaskSketch = {
    pid: 5,
    mm: '0x5000',
    calls: `${MUTEX} < ${RECLAIM} < pte_alloc_one < move_page_tables`,
    gfp: 'GFP_KERNEL',
  };
  const victim: TaskSketch = { ...VICTIM, mm: '0x5000', reaped: true };

  it('is not said of a victim whose memory was taken', () => {
    assert.equal(reaperDefeated(facts([writer, victim], SYMBOLS)), undefined);
    const unreaped = { ...victim, reaped: false };
    assert.equal(reaperDefeated(facts([writer, unreaped], SYMBOLS))?.diagnosis, 'D4');
  });

  it('tells a reaper that was there from one that comes', () => {
    const finding = (onReaperList: boolean): string => {
      const known = { reapQueued: true, skip: false, onReaperList, sharers: [] };
      const victims = [
        { source: 'signal->oom_mm', threads: [{ address: '0x2', pid: 2 }], ...known } as const,
      ];
      const oom = { type: 'oom', victims, bits: [], memcgTasks: [] } as const;
      const tasks = [writer, { ...victim, reaped: false }];
      return JSON.stringify(reaperDefeated(facts(tasks, { ...SYMBOLS, oom })));
    };
    assert.match(finding(false), /has not taken it/);
    assert.match(finding(true), /on oom_reaper_list/);
    assert.doesNotMatch(finding(true), /has not taken it/);
  });
});

describe('victimDoubts', () => {
  it('takes threads of one process for one victim', () => {
    const threads = [2, 4].map((pid) => ({ ...taskFacts({ ...VICTIM, pid }) }));
    const all = facts([]);
    const tasks = threads.map((fact) => ({ ...fact, task: { ...fact.task, signal: '0x1' } }));
    assert.deepEqual(victimDoubts({ ...all, tasks }, tasks[0]!).others, []);
  });
});

describe('diagnose of a dump with a victim that was reaped', () => {
  it('says no more than that memory is short of k61-press', async function () {
    const path = realDump(this, 'k61-press-d31.kdump');
    const names = await withVmcore(path, (vmcore) =>
      triage(vmcore).findings.map(({ diagnosis }) => diagnosis),
    );
    assert.ok(!names.includes('D3') && !names.includes('D4'), names.join());
  });

  it('says D2 where the OOM killer may go on and nobody calls it', () => {
    const nofs: TaskSketch = { pid: 11, state: 'R', gfp: 'GFP_NOFS', calls: RECLAIM };
    const stopped: TaskSketch = {
      ...HOLDER,
      state: 'D',
      calls: `${MUTEX} < jbd2_journal_start < ${RECLAIM}`,
    };
    const kswapd: TaskSketch = {
      pid: 30,
      comm: 'kswapd0',
      kthread: true,
      calls: `${MUTEX} < jbd2_journal_start < kswapd`,
    };
    const named = (reaped: boolean): boolean =>
      diagnose(facts([nofs, stopped, kswapd, { ...VICTIM, reaped }], SYMBOLS)).some(
        ({ diagnosis }) => diagnosis === 'D2',
      );
    assert.ok(named(true));
    assert.ok(!named(false));
  });
});
