import assert from 'node:assert/strict';
import { consoleLine } from '../../../src/kernel/log-lines.ts';
import { memallocTimeline } from '../../../src/kernel/memalloc-timeline.ts';
import { compareReports, type CompareLogResult } from '../../../src/triage/compare/log-pair.ts';
import { compareLogTable, compareLogText } from '../../../src/report/compare-log.ts';
import { columnText } from '../../../src/report/table.ts';
import { sharedText } from '../../support/shared-text.ts';

/** A report: its Info line and those of tasks. */
function report(stalling: number, ...tasks: string[]): string[] {
  const info = `MemAlloc-Info: stalling=${stalling} dying=0 exiting=0 victim=0 oom_count=5`;
  return [info, ...tasks.map((task) => `MemAlloc: ${task}`)];
}

/** A line of v5. */
function line(name: string, { switches = 5, seq = 1, delay = 10_000, state = '' } = {}): string {
  const flags = `flags=0x400040 switches=${switches}`;
  return `${name} ${flags} seq=${seq} gfp=0x14200ca(GFP_X) order=0 delay=${delay}${state}`;
}

function compared(lines: readonly string[], numbers?: readonly [number, number]): CompareLogResult {
  return compareReports(memallocTimeline(lines.map(consoleLine)), numbers);
}

const A = line('a(1)');
const OLDER = { delay: 20_000 };

describe('compareReports', () => {
  it('says who loops, who is blocked and who is starved of CPU', () => {
    const { verdict, tasks, elapsedJiffies } = compared([
      ...report(3, A, line('b(2)', { state: ' uninterruptible' }), line('c(3)')),
      ...report(
        3,
        line('a(1)', { ...OLDER, switches: 9 }),
        line('b(2)', { ...OLDER, state: ' uninterruptible' }),
        line('c(3)', OLDER),
      ),
    ]);
    assert.deepEqual(
      tasks.map(({ progress }) => progress),
      ['livelocked', 'blocked', 'starved'],
    );
    assert.equal(elapsedJiffies, 10_000);
    assert.equal(
      verdict.sentence,
      'Stalled: none of 3 requests that report 1 lists has ended until report 2, 10000 jiffies ' +
        'later: 1 livelocked, 1 blocked, 1 starved.',
    );
  });

  it('calls it recovered, overloaded or begun by who is listed still, and who anew', () => {
    const other = line('b(2)');
    const cases: [string[], string][] = [
      [[...report(1, A), ...report(0, 'k(9) flags=0x1 switches=3')], 'recovered'],
      [[...report(1, A), ...report(1, other)], 'overload'],
      [[...report(1, A), ...report(1, line('a(1)', { seq: 2 }))], 'recovered'],
      [[...report(0, 'k(9) flags=0x1 switches=3'), ...report(1, other)], 'stall-begun'],
      [[...report(2, A, other), ...report(1, line('a(1)', OLDER))], 'partly-stalled'],
    ];
    for (const [lines, expected] of cases) {
      assert.equal(compared(lines).verdict.class, expected, lines.join('\n'));
    }
  });

  it('does not take who is missing in a report of which lines are lost for gone', () => {
    const { tasks, verdict } = compared([
      ...report(2, A, line('b(2)')),
      ...report(3, line('a(1)', OLDER)),
    ]);
    assert.equal(tasks.find(({ pid }) => pid === 2)?.progress, 'unknown');
    assert.match(verdict.missing.join(), /lines are missing/);
  });

  it('compares the last two reports unless told, in either order', () => {
    const lines = [20, 30, 40].flatMap((s) => report(1, line('a(1)', { delay: s * 1000 })));
    assert.deepEqual(numbersOf(compared(lines)), [2, 3]);
    assert.deepEqual(numbersOf(compared(lines, [3, 1])), [1, 3]);
    assert.equal(compared(lines, [1, 3]).elapsedJiffies, 20_000);
    assert.throws(() => compared(lines, [1, 4]), /reports 1 and 4: expected two of 1 to 3/);
    assert.throws(() => compared(lines, [2, 2]), /expected two of 1 to 3/);
  });

  it('refuses a log with fewer than two reports', () => {
    assert.throws(() => compared(report(1, A)), /the log has 1 report of kmallocwd/);
    assert.throws(() => compared([]), /the log has 0 reports/);
  });

  it('says of the log of seed 000 that nobody got on, and who joined', function () {
    const result = compared(sharedText(this, 'seeds/000_a34810115ae7e1b8.txt').split('\n'));
    assert.equal(result.verdict.class, 'stalled');
    assert.match(result.verdict.because.join('\n'), /first time: master\(3682\), smbd\(3737\) and/);
    const text = compareLogText(result, 100) + columnText(compareLogTable(result));
    assert.match(text, /^oom-write\(3786\) +stuck +seq 25322 delay 20452 +seq = delay 30951$/m);
    assert.ok(text.split('\n').every((each) => each.length <= 100));
  });
});

function numbersOf({ before, now }: CompareLogResult): number[] {
  return [before.number, now.number];
}
