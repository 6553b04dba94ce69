import assert from 'node:assert/strict';
import type { OomState } from '../../src/kernel/oom.ts';
import { checkedOf } from '../../src/triage/checked.ts';
import { diagnoseYoung } from '../../src/triage/diagnose.ts';
import type { Facts } from '../../src/triage/facts.ts';
import { tooEarly } from '../../src/triage/too-early.ts';
import type { Verdict } from '../../src/triage/verdict.ts';
import { triage } from '../../src/triage/triage.ts';
import { triageText } from '../../src/report/triage.ts';
import { facts, FAULT, MUTEX, RECLAIM, type TaskSketch } from '../support/facts-builder.ts';
import { historyOf } from '../support/history-builder.ts';
import { realDump, withVmcore } from '../support/real-dumps.ts';

const CLOSED: Verdict = {
  class: 'not-stalled',
  sentence: 'No task is stuck.',
  evidence: [],
  missing: [],
};
const YOUNG: TaskSketch = { pid: 7, state: 'R', calls: FAULT, young: true };
const OOM: OomState = { type: 'oom', victims: [], memcgs: [], memcgTasks: [], bits: [] };
const DISABLED = { oom: { ...OOM, killerDisabled: true } };

function early(all: Facts, verdict = CLOSED): Verdict | undefined {
  return tooEarly(verdict, all, checkedOf(all));
}

describe('tooEarly', () => {
  it('does not close the case where requests are in flight and a check failed', () => {
    const found = early(facts([YOUNG], DISABLED));
    assert.equal(found?.class, 'unknown');
    assert.match(
      found.sentence,
      /^Too early to tell: 1 task is in .*; but 1 check of memory failed/,
    );
    assert.match(String(found.next), /second dump .* --timeout/);
  });

  it('counts as failed what is marked, and the log alone is no reason', () => {
    const line = '[   70.000000] Out of memory: Killed process 47 (victim) total-vm:1kB';
    const history = historyOf([line], 72);
    const { sentence = '' } = early(facts([YOUNG], { ...DISABLED, history })) ?? {};
    assert.match(sentence, /; but 2 checks of memory failed/);
    assert.equal(early(facts([YOUNG], { oom: OOM, history })), undefined);
  });

  it('lets it be closed where nobody asks, or nothing failed', () => {
    assert.equal(early(facts([{ pid: 7, state: 'S' }], DISABLED)), undefined);
    assert.equal(early(facts([YOUNG], { oom: OOM })), undefined);
    assert.equal(early(facts([YOUNG], DISABLED), { ...CLOSED, class: 'stalled' }), undefined);
  });

  it('says so of a stall younger than the timeout, and what it could be', async function () {
    const path = realDump(this, 'k1-victim-wd10.kdump');
    const answer = await withVmcore(path, (vmcore) => triage(vmcore, { timeoutSeconds: 60 }));
    assert.equal(answer.verdict.class, 'unknown');
    assert.equal(answer.verdict.diagnosis, undefined);
    assert.match(answer.verdict.sentence, /^Too early to tell: 15 tasks .* longest nofs-holder/);
    assert.deepEqual(
      answer.findings.map(({ diagnosis, confidence }) => `${diagnosis} ${confidence}`),
      ['D3 possible'],
    );
    assert.doesNotMatch(String(answer.verdict.next), /--timeout/);
    const text = triageText(answer);
    assert.match(text, /\nIt could be:\n/);
    assert.match(text, /\n {2}- \(!\) zone DMA32 .* below min/);
    assert.doesNotMatch(text, /What this rests on|look for the trouble elsewhere/);
  });
});

describe('diagnoseYoung', () => {
  it('says of no more than that it is possible', () => {
    const holder: TaskSketch = { ...YOUNG, pid: 3 };
    const lock = { lock: 'mutex 0xf00', holders: [3], isCertain: true };
    const victim: TaskSketch = {
      pid: 2,
      victim: true,
      calls: `${MUTEX} < vfs_write`,
      waitsFor: lock,
    };
    const found = diagnoseYoung(facts([holder, victim]));
    assert.deepEqual(
      found.map(({ diagnosis, confidence }) => `${diagnosis} ${confidence}`),
      ['D3 possible'],
    );
    assert.match(
      String(found[0]?.because),
      /^if the requests in flight get older than .* are: each/,
    );
  });

  it('offers a proved chain to a request that may not kill, though all are young', () => {
    const waitsFor = { lock: 'mutex 0xf00', holders: [3], isCertain: true };
    const calls = `${MUTEX} < jbd2_journal_start < ${RECLAIM}`;
    const tasks: TaskSketch[] = [
      { pid: 3, comm: 'rm', state: 'R', calls: RECLAIM, young: true, youngGfp: 'GFP_NOFS' },
      { pid: 4, calls, young: true, waitsFor },
      { pid: 5, comm: 'kswapd0', kthread: true, calls: MUTEX, waitsFor },
    ];
    const [found] = diagnoseYoung(facts(tasks));
    assert.deepEqual([found?.diagnosis, found?.confidence], ['D2', 'possible']);
    assert.match(String(found?.sentence), /^rm\(3\) holds what kswapd0\(5\) and 1 other wait for/);
  });
});
