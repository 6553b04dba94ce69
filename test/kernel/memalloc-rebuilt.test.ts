import assert from 'node:assert/strict';
import type { AllocationEvidence } from '../../src/kernel/alloc-evidence.ts';
import { bound, derived, recorded } from '../../src/kernel/fact.ts';
import { memallocFormat } from '../../src/kernel/memalloc-format.ts';
import { rebuiltLines, type RebuiltTask } from '../../src/kernel/memalloc-rebuilt.ts';
import { readMemalloc } from '../../src/kernel/memalloc-report.ts';
import { realDump, withVmcore } from '../support/real-dumps.ts';

const HZ = 250;
const SLOW = derived('slow path', 'functions on its stack') as AllocationEvidence['place'];

function task(
  pid: number,
  evidence: AllocationEvidence,
  words: RebuiltTask['words'] = {},
): RebuiltTask {
  const known = { uninterruptible: false, exiting: false, dying: false, victim: false };
  return {
    task: { address: `0x${pid}`, pid, comm: `task-${pid}`, flags: 0x400840, nvcsw: 5, nivcsw: 2 },
    words: { ...known, ...words },
    kswapd: false,
    evidence,
  };
}

/** One of which all is known, one of which nothing is, a victim that sleeps, one elsewhere. */
const TASKS: readonly RebuiltTask[] = [
  task(1, {
    ...(SLOW && { place: SLOW }),
    gfpMask: recorded('0xcc0', 'scan_control'),
    order: recorded(2, 'scan_control'),
    age: bound(14.2, 'no CPU since se.exec_start'),
  }),
  task(2, { ...(SLOW && { place: SLOW }) }, { uninterruptible: true }),
  task(3, {}, { uninterruptible: true, dying: true, victim: true }),
  task(4, { offCpu: bound(100, 'se.exec_start') }),
];

describe('rebuiltLines', () => {
  const lines = (name: string, hz: number | undefined = HZ): readonly string[] => {
    const format = memallocFormat(name);
    assert.ok(format !== undefined);
    return rebuiltLines(TASKS, {
      format,
      timeoutJiffies: BigInt(10 * HZ),
      hz,
      describeGfp: () => 'GFP_KERNEL',
    });
  };

  it('marks what is a bound, and what is not known', () => {
    assert.deepEqual(lines('v3'), [
      'MemAlloc-Info: ~1 stalling task, 1 dying task, 1 victim task.',
      'MemAlloc: task-1(1) seq=? gfp=0xcc0 order=2 delay=~3550',
      'MemAlloc: task-2(2) seq=? gfp=? order=? delay=? uninterruptible',
      'MemAlloc: task-3(3) uninterruptible dying victim',
    ]);
  });

  it('words a line as each version does', () => {
    assert.deepEqual(lines('v1'), [
      'MemAlloc-Info: ~1 stalling task, 1 dying task, 1 victim task.',
      'MemAlloc: task-1(1) gfp=0xcc0 order=2 delay=~3550',
      'MemAlloc: task-2(2) gfp=? order=? delay=?',
      'MemAlloc: task-3(3) uninterruptible dying victim',
    ]);
    const [info, first] = lines('v8');
    assert.equal(info, 'MemAlloc-Info: stalling=~1 dying=1 exiting=0 victim=1 oom_count=?');
    assert.equal(
      first,
      'MemAlloc: task-1(1) flags=0x400840 switches=7 seq=? gfp=0xcc0(GFP_KERNEL) order=2 ' +
        'delay=~3550',
    );
    assert.equal(lines('v8').at(-1), info);
    assert.deepEqual(
      lines('rfc').map((line) => line.split(' ')[1]),
      ['task-1(1)', 'task-2(2)'],
    );
  });

  it('knows no age in jiffies without HZ', () => {
    const format = memallocFormat('v3');
    assert.ok(format !== undefined);
    const settings = { format, timeoutJiffies: 0n, hz: undefined, describeGfp: () => undefined };
    const [info, first] = rebuiltLines(TASKS, settings);
    assert.match(info ?? '', /^MemAlloc-Info: ~0 stalling/);
    assert.match(first ?? '', /delay=\?$/);
  });
});

describe('readMemalloc of a kernel that keeps no record', () => {
  it('rebuilds the lines where asked to, and names the source of each fact', async function () {
    await withVmcore(realDump(this, 'k61-press-d31.kdump'), (vmcore) => {
      assert.equal(readMemalloc(vmcore).rebuilt, undefined);
      const result = readMemalloc(vmcore, { evidence: 'without record' });
      assert.equal(result.record, undefined);
      const requests = (result.rebuilt?.lines ?? []).filter((line) => line.includes(' gfp='));
      assert.equal(requests.length, 68);
      assert.match(requests[0] ?? '', /^MemAlloc: cg-hog-0\(225\) seq=\? gfp=0x140dca order=0 /);
      const { evidence } = result.tasks.find(({ pid }) => pid === 225) ?? {};
      assert.deepEqual(evidence?.gfpMask, {
        value: '0x140dca',
        source: 'scan_control of try_to_free_pages()',
        kind: 'recorded',
      });
      assert.equal(evidence?.gfpNames, 'GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO');
      assert.equal(evidence?.age?.kind, 'bound');
    });
  });

  it('adds the evidence to the records where both are asked for', async function () {
    await withVmcore(realDump(this, 'k1-victim-wd10.kdump'), (vmcore) => {
      const { rebuilt, tasks } = readMemalloc(vmcore, { evidence: 'always' });
      assert.equal(rebuilt, undefined);
      for (const { record, evidence } of tasks) {
        if (record?.inFlight === true) assert.equal(evidence?.gfpMask?.value, record.gfpMask);
      }
    });
  });
});
