import assert from 'node:assert/strict';
import { memallocFormat, type MemallocFormat } from '../../src/kernel/memalloc-format.ts';
import { watchdogReport, type WatchedTask } from '../../src/kernel/memalloc-lines.ts';
import type { MemallocRecord } from '../../src/kernel/memalloc.ts';

const GFP_KERNEL = 0xcc0;

interface TaskSpec {
  readonly pid: number;
  readonly words?: Partial<WatchedTask['words']>;
  readonly kswapd?: boolean;
  readonly record?: Partial<MemallocRecord>;
}

function watched({ pid, words, kswapd = false, record }: TaskSpec): WatchedTask {
  return {
    task: { address: `0x${pid}`, pid, comm: `task-${pid}`, flags: 0x400840, nvcsw: 5, nivcsw: 2 },
    words: { uninterruptible: false, exiting: false, dying: false, victim: false, ...words },
    kswapd,
    record:
      record === undefined
        ? undefined
        : {
            task: `0x${pid}`,
            depth: 1,
            seq: 7,
            torn: false,
            start: '0',
            delay: '0',
            order: 0,
            mempool: false,
            gfpMask: `0x${GFP_KERNEL.toString(16)}`,
            inherited: false,
            corruptDepth: false,
            ...record,
          },
  };
}

function format(name: string): MemallocFormat {
  const found = memallocFormat(name);
  assert.ok(found, `no format ${name}`);
  return found;
}

function report(name: string, specs: readonly TaskSpec[]): ReturnType<typeof watchdogReport> {
  return watchdogReport(specs.map(watched), {
    format: format(name),
    timeoutJiffies: 1000n,
    describeGfp: (mask) => (mask === GFP_KERNEL ? 'GFP_KERNEL' : undefined),
    oomCount: 45896,
    noOomCount: 3,
  });
}

/** One task of each kind: stalling, half as old, a blocked victim, dying, exiting, kswapd, idle. */
const CAST: readonly TaskSpec[] = [
  { pid: 1, words: { uninterruptible: true }, record: { delay: '1500', order: 2 } },
  { pid: 2, record: { delay: '600' } },
  { pid: 3, words: { uninterruptible: true, dying: true, victim: true } },
  { pid: 4, words: { dying: true }, record: { delay: '10' } },
  { pid: 5, words: { exiting: true } },
  { pid: 6, kswapd: true, words: { uninterruptible: true } },
  { pid: 7, record: { depth: 0, delay: '9000' } },
];

describe('watchdogReport', () => {
  const REQUEST = 'gfp=0xcc0 order=2 delay=1500';
  const NAMED = 'seq=7 gfp=0xcc0(GFP_KERNEL) order=2 delay=1500';
  const FLAGS = 'flags=0x400840 switches=7';
  const INFO = 'MemAlloc-Info: stalling=2 dying=2 exiting=1 victim=1 oom_count=45896';
  const EXPECTED: Readonly<Record<string, readonly string[]>> = {
    v1: [
      'MemAlloc-Info: 1 stalling task, 2 dying task, 1 victim task.',
      `MemAlloc: task-1(1) ${REQUEST}`,
      'MemAlloc: task-3(3) uninterruptible dying victim',
      'MemAlloc: task-4(4) dying',
    ],
    v2: [
      'MemAlloc-Info: 1 stalling task, 2 dying task, 1 victim task.',
      `MemAlloc: task-1(1) ${REQUEST} uninterruptible`,
      'MemAlloc: task-3(3) uninterruptible dying victim',
      'MemAlloc: task-4(4) dying',
    ],
    v3: [
      'MemAlloc-Info: 1 stalling task, 2 dying task, 1 victim task.',
      `MemAlloc: task-1(1) seq=7 ${REQUEST} uninterruptible`,
      'MemAlloc: task-3(3) uninterruptible dying victim',
      'MemAlloc: task-4(4) dying',
    ],
    v4: [
      'MemAlloc-Info: 2 stalling task, 2 dying task, 1 victim task.',
      `MemAlloc: task-1(1) seq=7 ${REQUEST} uninterruptible`,
      'MemAlloc: task-2(2) seq=7 gfp=0xcc0 order=0 delay=600',
      'MemAlloc: task-3(3) uninterruptible dying victim',
      'MemAlloc: task-4(4) dying',
    ],
    '2016-02-09': [
      'MemAlloc-Info: 2 stalling task, 2 dying task, 1 exiting task, 1 victim task.' +
        ' oom_count=45896',
      `MemAlloc: task-1(1) ${NAMED} uninterruptible`,
      'MemAlloc: task-2(2) seq=7 gfp=0xcc0(GFP_KERNEL) order=0 delay=600',
      'MemAlloc: task-3(3) uninterruptible dying victim',
      'MemAlloc: task-4(4) dying',
      'MemAlloc: task-5(5) exiting',
    ],
    v8: [
      INFO,
      `MemAlloc: task-1(1) ${FLAGS} ${NAMED} uninterruptible`,
      `MemAlloc: task-2(2) ${FLAGS} seq=7 gfp=0xcc0(GFP_KERNEL) order=0 delay=600`,
      `MemAlloc: task-3(3) ${FLAGS} uninterruptible dying victim`,
      `MemAlloc: task-4(4) ${FLAGS} dying`,
      `MemAlloc: task-5(5) ${FLAGS} exiting`,
      `MemAlloc: task-6(6) ${FLAGS} uninterruptible`,
      INFO,
    ],
    rfc2: [
      `MemAlloc: task-1(1) ${FLAGS} ${NAMED} uninterruptible`,
      `MemAlloc: task-2(2) ${FLAGS} seq=7 gfp=0xcc0(GFP_KERNEL) order=0 delay=600`,
      `MemAlloc: task-4(4) ${FLAGS} seq=7 gfp=0xcc0(GFP_KERNEL) order=0 delay=10`,
    ],
  };
  for (const [name, lines] of Object.entries(EXPECTED)) {
    it(`prints the lines of ${name}`, () => {
      assert.deepEqual(report(name, CAST).lines, lines);
    });
  }

  it('prints both counters of the drafts of 2016-02-25 and 2016-03-02', () => {
    const [info] = report('2016-02-25', CAST).lines;
    assert.equal(info, `${INFO}/3`);
  });

  it('replaces the traces that 2016-03-02 knows', () => {
    const lines = report('2016-03-02', [
      { pid: 1, record: { delay: '1000', knownLocation: 1 } },
      { pid: 2, record: { delay: '1000', knownLocation: 2 } },
    ]).lines.filter((line) => line.startsWith('Call Trace'));
    assert.deepEqual(lines, [
      'Call Trace: looping inside shrink_inactive_list()',
      'Call Trace: waiting for oom_lock',
    ]);
  });

  it('prints a mempool request as the kernel does, with order -1 unsigned', () => {
    const [, line] = report('v8', [{ pid: 1, record: { delay: '1000', mempool: true } }]).lines;
    assert.match(line ?? '', / order=4294967295 /);
  });

  it('says of an exiting task that it exits since v3', () => {
    const leaving: TaskSpec = { pid: 1, words: { exiting: true, victim: true } };
    const stalling: TaskSpec = { pid: 2, record: { delay: '1500' } };
    const lineOf = (name: string): string | undefined =>
      report(name, [stalling, leaving]).lines.at(-1);
    assert.equal(lineOf('v1'), 'MemAlloc: task-1(1) victim');
    assert.equal(lineOf('v2'), 'MemAlloc: task-1(1) victim');
    assert.equal(lineOf('v3'), 'MemAlloc: task-1(1) exiting victim');
  });

  it('takes a request exactly as old as the timeout for stalling', () => {
    assert.equal(report('v3', [{ pid: 1, record: { delay: '1000' } }]).counts.stalling, 1);
    assert.equal(report('v3', [{ pid: 1, record: { delay: '999' } }]).counts.stalling, 0);
  });

  it('lists such a request in v1 and does not count it, as v1 did', () => {
    const { counts, lines } = report('v1', [{ pid: 1, record: { delay: '1000' } }]);
    assert.equal(counts.stalling, 0);
    assert.equal(lines.length, 2);
  });

  it('prints each entry of the list of v1, and counts what is older than the timeout', () => {
    const [inner, outer] = ['1000', '1500'].map((delay) => watched({ pid: 1, record: { delay } }));
    const { counts, lines, stalling } = watchdogReport([outer!], {
      format: format('v1'),
      timeoutJiffies: 1000n,
      describeGfp: () => undefined,
      listed: [outer!.record!, inner!.record!],
    });
    assert.equal(counts.stalling, 1);
    assert.equal(stalling.length, 1);
    assert.deepEqual(lines.slice(1), [
      'MemAlloc: task-1(1) gfp=0xcc0 order=0 delay=1500',
      'MemAlloc: task-1(1) gfp=0xcc0 order=0 delay=1000',
    ]);
  });

  it('cuts the request of 2016-02-09 where its buffer ends, and no later one', () => {
    const named = (name: string): string | undefined =>
      watchdogReport([watched({ pid: 1, words: { dying: true }, record: { delay: '1500' } })], {
        format: format(name),
        timeoutJiffies: 1000n,
        describeGfp: () => 'x'.repeat(120),
      }).lines[1];
    const kept = ' seq=7 gfp=0xcc0('.length;
    const cut = `MemAlloc: task-1(1) seq=7 gfp=0xcc0(${'x'.repeat(127 - kept)} dying`;
    assert.equal(named('2016-02-09'), cut);
    assert.match(named('2016-02-11') ?? '', /x\) order=0 delay=1500 dying$/);
  });

  it('takes a start in the future for no stall', () => {
    const future = (2n ** 64n - 5n).toString();
    assert.equal(report('v3', [{ pid: 1, record: { delay: future } }]).counts.stalling, 0);
  });

  it('passes over a torn update', () => {
    assert.equal(
      report('v3', [{ pid: 1, record: { delay: '5000', torn: true } }]).counts.stalling,
      0,
    );
  });

  it('is silent where v4 has requests of half the timeout only', () => {
    assert.equal(report('v4', [{ pid: 1, record: { delay: '999' } }]).silent, true);
    assert.equal(report('v4', [{ pid: 1, record: { delay: '1000' } }]).silent, false);
  });

  it('prints the Info line with its counts where nothing stalls', () => {
    const { silent, lines } = report('v3', [{ pid: 1, record: { depth: 0 } }]);
    assert.equal(silent, true);
    assert.deepEqual(lines, ['MemAlloc-Info: 0 stalling task, 0 dying task, 0 victim task.']);
  });

  it('counts nothing where no record could be read', () => {
    const { counts, lines } = report('v3', [{ pid: 1 }]);
    assert.equal('stalling' in counts, false);
    assert.deepEqual(lines, ['MemAlloc-Info: ? stalling task, 0 dying task, 0 victim task.']);
  });

  it('prints the Info line alone where the watchdog would have been silent', () => {
    const { lines } = report('v8', [{ pid: 3, words: { dying: true }, record: { depth: 0 } }]);
    assert.deepEqual(lines, [
      'MemAlloc-Info: stalling=0 dying=1 exiting=0 victim=0 oom_count=45896',
    ]);
  });
});
