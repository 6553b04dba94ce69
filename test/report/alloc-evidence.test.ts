import assert from 'node:assert/strict';
import { bound, derived, recorded } from '../../src/kernel/fact.ts';
import type {
  MemallocResult,
  MemallocTask,
  TaskEvidence,
} from '../../src/kernel/memalloc-report.ts';
import { evidenceRemarks, evidenceTable } from '../../src/report/alloc-evidence.ts';

function task(pid: number, evidence: TaskEvidence): MemallocTask {
  return { address: `0x${pid}`, pid, tgid: pid, state: 'R', comm: `t${pid}`, words: {}, evidence };
}

const RESULT: MemallocResult = {
  type: 'memalloc',
  hzSource: 'clocksource_jiffies.mult',
  constants: [],
  coverage: {
    taskListComplete: true,
    tasksWithoutRecord: 0,
    tasksWithoutFlags: 0,
    tasksWithoutSignal: 0,
    countsMemstalls: true,
    tasksWithoutMemstall: 0,
    tornRecords: 0,
    requestListComplete: true,
    unknownBits: [],
  },
  rebuilt: { format: 'v3', lines: [], gfpNamesFrom: 'gfpflag_names of this kernel' },
  tasks: [
    task(1, {
      place: derived('slow path', 'functions on its stack'),
      gfpMask: recorded('0xcc0', 'scan_control of try_to_free_pages()'),
      gfpNames: 'GFP_KERNEL',
      order: recorded(2, 'scan_control of try_to_free_pages()'),
      age: bound(14.209, 'no CPU since se.exec_start'),
    }),
    task(2, {
      place: derived('memory cgroup', 'functions on its stack'),
      throttled: recorded('isolated', 'pgdat->reclaim_wait[VMSCAN_THROTTLE_ISOLATED]'),
    }),
    task(3, { stackUnread: true }),
    task(4, {}),
  ],
};

describe('evidenceTable', () => {
  it('has the tasks in the allocator, and those that may be there', () => {
    assert.deepEqual(evidenceTable(RESULT, false).rows, [
      [
        ...['1', '1', 'R', 'slow path', '>= 14.20 s', '2', '0xcc0(GFP_KERNEL)'],
        ...['scan_control of try_to_free_pages()', 't1'],
      ],
      [
        '2',
        '2',
        'R',
        'memory cgroup (throttled: isolated)',
        '?',
        '?',
        '?',
        'functions on its stack',
        't2',
      ],
      ['3', '3', 'R', '?', '-', '-', '-', '-', 't3'],
    ]);
  });

  it('has every task where all are asked for', () => {
    const { rows } = evidenceTable(RESULT, true);
    assert.deepEqual(rows.at(-1), ['4', '4', 'R', '-', '-', '-', '-', '-', 't4']);
  });
});

describe('evidenceRemarks', () => {
  it('says what the table is made of, and who may be missing', () => {
    const [first, second, third] = evidenceRemarks(RESULT);
    assert.match(first ?? '', /does not keep the record .*: rebuilt from stacks/);
    assert.match(second ?? '', /^1 in the slow path .*, 1 charging a memory cgroup/);
    const { rebuilt } = RESULT;
    assert.ok(rebuilt !== undefined);
    const timeoutSeconds = { value: 10, source: 'default' };
    const timed = evidenceRemarks({ ...RESULT, rebuilt: { ...rebuilt, timeoutSeconds } })[2];
    assert.match(
      timed ?? '',
      /^\d of those in the slow path known to be there for 10 s, .* all are/,
    );
    assert.match(third ?? '', /^1 task whose stack could not be read may be there as well$/);
  });
});
