import assert from 'node:assert/strict';
import { consoleLine, recordLines } from '../../src/kernel/log-lines.ts';
import type { MemallocLine } from '../../src/kernel/memalloc-parse.ts';
import {
  memallocTimeline,
  progressBetween,
  type MemallocTimeline,
  type Step,
} from '../../src/kernel/memalloc-timeline.ts';
import { readKernelLog } from '../../src/kernel/printk.ts';
import { realDump, withVmcore } from '../support/real-dumps.ts';
import { sharedText } from '../support/shared-text.ts';

function ofText(text: string): MemallocTimeline {
  return memallocTimeline(text.split('\n').map(consoleLine));
}

/** Tasks of which some step is this, by name and pid. */
function having({ tasks }: MemallocTimeline, step: Step, at?: number): string[] {
  return tasks
    .filter(({ steps }) => (at === undefined ? steps.includes(step) : steps[at] === step))
    .map(({ comm, pid }) => `${comm}(${pid})`);
}

const INFO = 'MemAlloc-Info: stalling=1 dying=0 exiting=0 victim=0 oom_count=';
const LINE = 'MemAlloc: a(1) flags=0x400040';

describe('progressBetween', () => {
  const none = { uninterruptible: false, exiting: false, dying: false, victim: false };
  const line = (fields: Partial<MemallocLine>): MemallocLine => {
    return { comm: 'a', pid: 1, ...none, ...fields };
  };
  const old = line({ seq: 5, delay: 1000, gfp: 1, switches: 9 });
  const D = { uninterruptible: true };
  const CASES: readonly (readonly [string, MemallocLine, MemallocLine, number | undefined])[] = [
    ['progressing', old, line({ seq: 6, delay: 10, switches: 9 }), 1000],
    ['livelocked', old, line({ seq: 5, delay: 2000, switches: 10 }), 1000],
    ['blocked', old, line({ seq: 5, delay: 2000, switches: 9, ...D }), 1000],
    ['starved', old, line({ seq: 5, delay: 2000, switches: 9 }), 1000],
    ['stuck', old, line({ seq: 5, delay: 2000 }), 1000],
    // v1 and v2 print no seq: an age that fell is another request's.
    ['progressing', line({ delay: 1000 }), line({ delay: 900 }), undefined],
    ['stuck', line({ delay: 1000 }), line({ delay: 1900 }), undefined],
    // Without a request in one of them.
    ['progressing', old, line({ dying: true }), 1000],
    ['progressing', line({}), line({ seq: 5, delay: 900 }), 1000],
    ['stuck', line({}), line({ seq: 5, delay: 1900 }), 1000],
    ['unknown', line({}), line({ seq: 5, delay: 900 }), undefined],
    ['unknown', line(D), line(D), 1000],
    ['blocked', line({ ...D, switches: 23883 }), line({ ...D, switches: 23883 }), 1000],
    ['unknown', line({ switches: 3 }), line({ switches: 3 }), 1000],
    // Of a line that was cut the seq may be whole.
    ['unknown', line({ seq: 5, cut: true }), line({ seq: 5, cut: true }), 1000],
    ['progressing', line({ seq: 5, cut: true }), line({ seq: 6, delay: 1 }), 1000],
  ];
  for (const [at, [expected, before, now, elapsed]] of CASES.entries()) {
    it(`says ${expected} (${at + 1})`, () => {
      assert.equal(progressBetween(before, now, elapsed), expected);
    });
  }
});

describe('memallocTimeline', () => {
  it('says of seed 000 that no task progressed, and which joined', function () {
    const timeline = ofText(sharedText(this, 'seeds/000_a34810115ae7e1b8.txt'));
    assert.equal(timeline.reports.length, 3);
    assert.deepEqual(having(timeline, 'progressing'), []);
    assert.deepEqual(having(timeline, 'joined', 0), ['nmbd(3709)']);
    const later = ['master(3682)', 'smbd(3737)', 'smbd(3753)'];
    assert.deepEqual(having(timeline, 'joined', 1), later);
    assert.equal(having(timeline, 'stuck', 1).length, 8);
    assert.deepEqual(having(timeline, 'left'), []);
  });

  it('does not take a request that was too young to be printed for a new one', function () {
    // Of seed 001: 20.4 s old, 10.4 s after a report that lists the task without it.
    const timeline = ofText(sharedText(this, 'seeds/001_de39b2eba4ead202.txt'));
    assert.deepEqual(having(timeline, 'progressing'), []);
    assert.ok(having(timeline, 'stuck').includes('oom-tester(11045)'));
  });

  it('shows who progressed in the log of a real dump', async function () {
    await withVmcore(realDump(this, 'k2-pair-b.kdump'), (vmcore) => {
      const { records } = readKernelLog(vmcore);
      const timeline = memallocTimeline(recordLines(records));
      assert.equal(timeline.reports.length, 4);
      // Its request is 10.3 s old in the second report, which is 10.8 s after the first.
      assert.deepEqual(having(timeline, 'progressing'), ['killed-nofail(56)']);
      assert.deepEqual(having(timeline, 'progressing', 0), ['killed-nofail(56)']);
      assert.deepEqual(
        timeline.events.map(({ kind, afterReports }) => [kind, afterReports]),
        [
          ['oom-killer', 0],
          ['oom-kill', 0],
        ],
      );
      assert.deepEqual(timeline.notParsed, []);
    });
  });

  it('takes the Info line behind the tasks for the end of the report', () => {
    const report = (seq: number): string =>
      `${INFO}5\n${LINE} switches=${seq} seq=${seq} gfp=0x1(X) order=0 delay=${seq}\n${INFO}6\n`;
    const { reports, tasks } = ofText(report(1) + report(2));
    assert.equal(reports.length, 2);
    assert.equal(reports[1]?.countsAfter?.oomCount, 6);
    assert.deepEqual(tasks[0]?.steps, ['progressing']);
  });

  it('begins a report where a task comes again, if its Info line is lost', () => {
    const line = (switches: number): string =>
      `${LINE} switches=${switches} seq=142 gfp=0x1(X) order=0 delay=${switches}`;
    const { reports, tasks } = ofText([line(286), line(440)].join('\n'));
    assert.equal(reports.length, 2);
    assert.deepEqual(tasks[0]?.steps, ['livelocked']);
  });

  it('puts the two lines together that v1 has of a dying task', () => {
    const info = 'MemAlloc-Info: 1 stalling task, 1 dying task, 1 victim task.';
    const text = `${info}\nMemAlloc: a(1) gfp=0x1 order=0 delay=9\nMemAlloc: a(1) dying victim`;
    const { reports, tasks } = ofText(text);
    assert.equal(reports.length, 1);
    const { delay, dying, victim } = tasks[0]!.lines[0]!;
    assert.deepEqual([delay, dying, victim], [9, true, true]);
  });

  it('does not say that a task left or joined where lines are lost', () => {
    const info = (stalling: number): string =>
      `MemAlloc-Info: ${stalling} stalling task, 0 dying task, 0 victim task.\n`;
    const line = (pid: number): string => `MemAlloc: a(${pid}) seq=1 gfp=0x1 order=0 delay=9\n`;
    const lost = ofText(info(2) + line(1) + info(2) + line(2));
    assert.deepEqual(
      lost.tasks.map(({ steps }) => steps),
      [['not listed'], ['unknown']],
    );
    const whole = ofText(info(1) + line(1) + info(1) + line(2));
    assert.deepEqual(
      whole.tasks.map(({ steps }) => steps),
      [['left'], ['joined']],
    );
  });

  it('keeps the last reports of a log that has too many', () => {
    const report = 'MemAlloc-Info: 1 stalling task, 0 dying task, 0 victim task.\n';
    const { reports, reportsNotListed, events } = ofText(
      `x invoked oom-killer: order=0\n${report.repeat(1005)}`,
    );
    assert.deepEqual([reports.length, reportsNotListed], [1000, 5]);
    assert.equal(events[0]?.afterReports, 0);
  });
});
