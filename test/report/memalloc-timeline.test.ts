import assert from 'node:assert/strict';
import { consoleLine } from '../../src/kernel/log-lines.ts';
import { memallocTimeline, type MemallocTimeline } from '../../src/kernel/memalloc-timeline.ts';
import {
  timelineRemarks,
  timelineSummary,
  timelineTable,
  timelineText,
} from '../../src/report/memalloc-timeline.ts';
import { sharedText } from '../support/shared-text.ts';

function ofText(text: string): MemallocTimeline {
  return memallocTimeline(text.split('\n').map(consoleLine));
}

/** A report of one task. */
function report(seconds: number, task: string): string {
  const stamp = `[   ${seconds}.000000] `;
  return `${stamp}MemAlloc-Info: 1 stalling task, 0 dying task, 0 victim task.\n${stamp}${task}\n`;
}

const FIRST = report(10, 'MemAlloc: a(1) flags=0x1 switches=9 seq=3 gfp=0x1(X) order=0 delay=100');
const SECOND = report(
  20,
  'MemAlloc: a(1) flags=0x1 switches=12 seq=3 gfp=0x1(X) order=0 delay=200',
);

describe('timelineSummary', () => {
  it('says of seed 000 that no task progressed between its reports, and which joined', function () {
    const text = timelineSummary(ofText(sharedText(this, 'seeds/000_a34810115ae7e1b8.txt')));
    assert.match(text, /^Reports 1 and 2: no task progressed, 7 stuck; joined: nmbd\(3709\)$/m);
    assert.match(
      text,
      /^No task progressed between the 3 reports; joined later: nmbd\(3709\) master\(3682\) /m,
    );
  });

  it('names who progressed', () => {
    const moved = report(20, 'MemAlloc: a(1) seq=4 gfp=0x1 order=0 delay=20 uninterruptible');
    const text = timelineSummary(ofText(FIRST + moved));
    assert.match(text, /^Reports 1 and 2: progressed: a\(1\)$/m);
    assert.match(text, /^Of 1 task with a request, 0 never progressed\.$/m);
  });

  it('says what one report, or none, cannot tell', () => {
    assert.match(timelineSummary(ofText(FIRST)), /nothing tells who moves/);
    assert.match(timelineSummary(ofText('Mem-Info:')), /^No report of kmallocwd/);
  });
});

describe('timelineTable', () => {
  it('shows what has moved since the report before', () => {
    const { columns, rows } = timelineTable(ofText(FIRST + SECOND));
    assert.deepEqual(
      columns.map(({ title }) => title),
      ['TASK', '#1 10.0 s', '#2 20.0 s', 'BETWEEN'],
    );
    const cells = ['a(1)', 'seq 3 delay 100 sw 9', 'seq = delay 200 sw +3', 'livelocked'];
    assert.deepEqual(rows, [cells]);
  });

  it('shows the last reports where they are many, and says so', () => {
    const many = ofText(Array.from({ length: 9 }, () => FIRST).join(''));
    const titles = timelineTable(many).columns.map(({ title }) => title.slice(0, 2));
    assert.deepEqual(titles, ['TA', '#4', '#5', '#6', '#7', '#8', '#9', 'BE']);
    assert.deepEqual(timelineRemarks(many), ['3 earlier reports not in the table (--json)']);
  });
});

describe('timelineText', () => {
  it('places other events between the reports, and folds a run of one kind', () => {
    const event = (at: number): string =>
      `[   ${at}.500000] x${at} invoked oom-killer: gfp_mask=0x1, order=0\n`;
    const text = timelineText(ofText(FIRST + event(11) + event(12) + event(13) + SECOND));
    assert.deepEqual(text.split('\n'), [
      '[   10.000000] report 1: stalling 1, dying 0, victim 0',
      '[   11.500000] x11 invoked oom-killer: gfp_mask=0x1, order=0',
      `${' '.repeat(15)}… and 2 more: calls of the OOM killer, the last at 13.500 s`,
      '[   20.000000] report 2: stalling 1, dying 0, victim 0',
      '',
    ]);
  });

  it('writes nothing that a terminal obeys', () => {
    const text = timelineText(ofText('\x1b[2J\x9b invoked oom-killer: gfp_mask=0x1'));
    assert.equal(text, '\\x1b[2J\\x9b invoked oom-killer: gfp_mask=0x1\n');
    const name = report(1, 'MemAlloc: \x1b[2J(1) seq=1 gfp=0x1 order=0 delay=9');
    assert.equal(timelineTable(ofText(name)).rows[0]?.[0], '\\x1b[2J(1)');
  });
});

describe('timelineRemarks', () => {
  it('says which lines were not understood', () => {
    assert.deepEqual(timelineRemarks(ofText('MemAlloc: what')), [
      'not understood, 1 line such as: MemAlloc: what',
    ]);
  });
});
