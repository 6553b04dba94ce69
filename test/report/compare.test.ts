import assert from 'node:assert/strict';
import { compareDetails, compareText } from '../../src/report/compare.ts';
import { compareDumps, type CompareResult, type DumpState } from '../../src/triage/compare.ts';
import { dumpState, recorded, taskInDump } from '../support/task-in-dump.ts';

const LATE = { isOverdue: true, ageSeconds: 12 };

/** A pair 20 s apart in which one request stands still. */
function pair(a: Partial<DumpState> = {}, b: Partial<DumpState> = {}): CompareResult {
  const task = taskInDump({ state: 'D', request: recorded(5, LATE) });
  return compareDumps(dumpState(100, [task], a), dumpState(120, [task], b));
}

describe('compareText', () => {
  it('says what was seen, on which machine, and what to do next', () => {
    assert.equal(
      compareText(pair()),
      `Stalled: the overdue request has not ended in the 20.0 s between the dumps: 1 is blocked.
(Linux 6.1.0, up 120.0 s; the first dump at 100.0 s)

What this rests on:
  - in the same request, overdue in both: java(42)

Next step: look at what they wait for (stallcore triage of the second dump).
`,
    );
  });

  it('says that dumps are swapped, that a boot is not proved, and how sure it is', () => {
    const bare = { boot: { release: '6.1.0', physBase: 0 }, hasRecords: false };
    const request = { kind: 'by stack', isOverdue: true } as const;
    const [a, b] = [1, 2].map((switches) => taskInDump({ switches, stack: CALLER, request }));
    const text = compareText(compareDumps(dumpState(120, [b!], bare), dumpState(100, [a!], bare)));
    assert.match(text, /^The dump that was named first is the later one: they are swapped\.$/m);
    assert.match(
      text,
      /^That both are of one boot is not proved, and nothing speaks against it\.$/m,
    );
    assert.match(text, /^\(possible: this kernel does not record requests\)$/m);
  });

  it('fits into the columns that there are', () => {
    const lines = compareText(pair(), { width: 60 }).split('\n');
    assert.ok(lines.every((line) => line.length <= 60));
  });
});

const CALLER = { whole: 'a', caller: 'c' };

describe('compareDetails', () => {
  const events = (freed: number): Partial<DumpState> => ({ events: { PGFREE: freed, PSWPIN: 3 } });

  it('counts what tasks became', () => {
    assert.equal(compareDetails(pair()), '1 task: 1 blocked\n');
  });

  it('has counters that moved, and all of them where they are asked for', () => {
    const result = pair(events(100), events(140));
    assert.match(compareDetails(result), /^Counters:\n {2}- pages freed: 40 \(2\.00\/s\)\n$/m);
    assert.match(compareDetails(result, { all: true }), /pages swapped in: 0 \(0\/s\)/);
  });

  it('says how busy CPUs were, and that one was idle', () => {
    const [a, b] = [0, 5].map((user) => ({
      cpuTimes: [
        { cpu: 0, user, system: user * 2 },
        { cpu: 1, user: 0 },
      ],
    }));
    const text = compareDetails(pair(a, b));
    assert.match(text, /CPU 0: 25\.0 % user, 50\.0 % system; CPU 1: idle$/m);
  });
});
