import assert from 'node:assert/strict';
import { compareDumps, type CompareResult, type DumpState } from '../../../src/triage/compare.ts';
import type { TaskInDump } from '../../../src/triage/compare/dump-state.ts';
import type { Finding } from '../../../src/triage/finding.ts';
import { dumpState, recorded, taskInDump } from '../../support/task-in-dump.ts';

type Fields = Partial<DumpState>;

const LATE = { isOverdue: true, ageSeconds: 12 };

/** Tasks 1, 2 … with these requests begun, overdue where negative; null has none. */
function tasks(requests: readonly (number | null)[], seconds = 0): TaskInDump[] {
  return requests.map((begun, at) =>
    taskInDump({
      pid: at + 1,
      comm: `t${at + 1}`,
      state: 'D',
      switches: seconds,
      request:
        begun === null
          ? { kind: 'none' }
          : recorded(Math.abs(begun), begun < 0 ? LATE : { ageSeconds: 1 }),
    }),
  );
}

function compared(
  before: readonly (number | null)[],
  now: readonly (number | null)[],
  { seconds = 20, a = {}, b = {} }: { seconds?: number; a?: Fields; b?: Fields } = {},
): CompareResult {
  return compareDumps(
    dumpState(100, tasks(before), a),
    dumpState(100 + seconds, tasks(now, seconds), b),
  );
}

function finding(diagnosis: Finding['diagnosis'], confidence: Finding['confidence']): Finding {
  const texts = { sentence: 's', because: 'b', next: 'do that' };
  const lists = { evidence: [], against: [], missing: [], culprits: [] };
  return { diagnosis, name: 'a name', confidence, ...texts, ...lists };
}

const CASES: readonly (readonly [
  expected: string,
  before: readonly (number | null)[],
  now: readonly (number | null)[],
])[] = [
  ['stalled', [-5, -6], [-5, -6]],
  ['overload', [-5, -6], [-5, 7]],
  ['overload', [-5, -6], [-6, -7]],
  ['stall-begun', [null, 6], [null, -6]],
  ['recovered', [-5, -6], [6, null]],
  ['not-stalled', [5, null], [6, null]],
];

describe('pairVerdict', () => {
  it('says which of the dumps could not be read whole, once of both', () => {
    const { missing } = compared([5], [5], {
      a: { missing: ['its locks', 'its log'] },
      b: { missing: ['its log', 'its zones'] },
    }).verdict;
    assert.deepEqual(missing.slice(-3), [
      'in the first dump: its locks',
      'in both dumps: its log',
      'in the second dump: its zones',
    ]);
  });

  for (const [expected, before, now] of CASES) {
    it(`is ${expected} of requests ${before.join()} and then ${now.join()}`, () => {
      assert.equal(compared(before, now).verdict.class, expected);
    });
  }

  it('is partly stalled where some have ended, and triage knows what the others wait for', () => {
    const b = { finding: finding('D3', 'certain') };
    const { verdict } = compared([-5, -6], [-5, 7], { b });
    assert.deepEqual([verdict.class, verdict.diagnosis], ['partly-stalled', 'D3']);
    assert.match(verdict.sentence, /of 2 requests .* 1 has ended .* and 1 has not: 1 loops in it/);
  });

  it('is waiting where a request is the same and too young to be overdue', () => {
    const { verdict } = compared([5], [5], { seconds: 2 });
    assert.equal(verdict.class, 'waiting');
    assert.match(verdict.sentence, /^Too early to tell: 1 task is in the same request after the 2/);
  });

  it('takes a request that is the same for as old as the time between the dumps at least', () => {
    const { verdict } = compared([5], [5], { seconds: 20 });
    assert.equal(verdict.class, 'stall-begun');
  });

  it('gives the next step of a diagnosis that fits, and no diagnosis that does not', () => {
    const fits = compared([-5], [-5], { b: { finding: finding('D2', 'likely') } }).verdict;
    assert.deepEqual([fits.diagnosis, fits.next], ['D2', 'do that']);
    const refuted = compared([-5], [-5], { b: { finding: finding('D13', 'likely') } }).verdict;
    assert.equal(refuted.diagnosis, undefined);
    assert.match(refuted.against.join(), /triage says of the second dump alone: a name \(D13\)/);
    const unsure = compared([-5], [-5], { b: { finding: finding('D2', 'possible') } }).verdict;
    assert.equal(unsure.diagnosis, undefined);
  });

  it('is likely where less time than a timeout lies between the dumps', () => {
    const after = (seconds: number): unknown => {
      const { verdict } = compared([-5], [-5], { seconds });
      return [verdict.class, verdict.confidence, verdict.unsure];
    };
    const slow = 'who gets on slowly may have got on in none of these 1.0 s';
    assert.deepEqual(after(1), ['stalled', 'likely', slow]);
    assert.deepEqual(after(20), ['stalled', 'certain', undefined]);
  });

  it('says who else got memory while some stood still', () => {
    const { against } = compared([-5, 6], [-5, 9]).verdict;
    assert.deepEqual(against, ['1 other task got memory: t2(2)']);
  });

  it('says what it lacks to be sure', () => {
    const bare = { boot: { release: '6.1.0', physBase: 0 } };
    const { missing } = compared([5], [5], {
      seconds: 0.5,
      a: bare,
      b: { ...bare, isWhole: false, hasRecords: false },
    }).verdict;
    assert.deepEqual(missing, [
      'a proof that both dumps are of one boot',
      'a longer time: in 0.500 s a task may sleep for any reason',
      'tasks that a task list does not lead to',
      'since when requests wait: this kernel does not record it',
    ]);
  });

  it('is not surer than the requests that it rests on', () => {
    const byStack = (switches: number): TaskInDump =>
      taskInDump({
        switches,
        stack: { whole: 'a', caller: 'c' },
        request: { kind: 'by stack', isOverdue: true },
      });
    const bare = { hasRecords: false };
    const { verdict } = compareDumps(
      dumpState(100, [byStack(1)], bare),
      dumpState(120, [byStack(2)], bare),
    );
    assert.deepEqual([verdict.class, verdict.confidence], ['stalled', 'possible']);
  });

  it('does not know how much time has passed where neither clock was read', () => {
    const clock = { clock: {} };
    const { verdict, elapsed, tasks: all } = compared([-5], [-5], { a: clock, b: clock });
    assert.equal(elapsed, undefined);
    assert.equal(verdict.class, 'stalled');
    assert.match(verdict.missing.join(), /how much time lies between the dumps/);
    assert.equal(all[0]?.progress, 'livelocked');
  });
});
