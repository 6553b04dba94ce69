import assert from 'node:assert/strict';
import {
  formatOfStrings,
  formatsOfCounters,
  MEMALLOC_FORMAT_NAMES,
  MEMALLOC_FORMATS,
  memallocFormat,
  newestFormat,
} from '../../src/kernel/memalloc-format.ts';

const OLD_INFO = 'MemAlloc-Info: %u stalling task, %u dying task, %u victim task.';
const NEW_INFO = 'MemAlloc-Info: stalling=%u dying=%u exiting=%u victim=%u oom_count=%u';
const OLD_TASK = 'MemAlloc: %s(%u)%s%s%s%s%s';
const NEW_TASK = 'MemAlloc: %s(%u) flags=0x%x switches=%lu%s%s%s%s%s';

describe('formatOfStrings', () => {
  it('tells every format by the strings that its kernel has', () => {
    for (const format of MEMALLOC_FORMATS) {
      const strings = new Set([format.info ?? 'MemAlloc', format.task]);
      assert.deepEqual(
        format.layouts.map((layout) => formatOfStrings(layout, strings)?.id),
        format.layouts.map(() => format.id),
      );
    }
  });

  it('tells v1 to v4 apart by the layout: their Info line is the same', () => {
    const ids = (['L1', 'L2', 'L3', 'L4'] as const).map(
      (layout) => formatOfStrings(layout, new Set([OLD_INFO]))?.id,
    );
    assert.deepEqual(ids, ['v1', 'v2', 'v3', 'v4']);
  });

  const NONE: readonly (readonly [why: string, layout: 'L3' | 'L4' | 'LR', strings: string[]])[] = [
    ['no string was found', 'L3', []],
    ['the strings are of no version', 'L3', ['MemAlloc-Info: %d tasks', 'MemAlloc: %s']],
    ['the line of a task leaves two', 'L4', [OLD_TASK]],
    ['the Info line is of another layout', 'L3', [NEW_INFO, NEW_TASK]],
    ['the two lines contradict each other', 'L4', [`${NEW_INFO}/%u`, OLD_TASK]],
    ['the kernel has an Info line and the layout has none', 'LR', [NEW_INFO]],
  ];
  for (const [why, layout, strings] of NONE) {
    it(`does not choose where ${why}`, () => {
      assert.equal(formatOfStrings(layout, new Set(strings)), undefined);
    });
  }
});

describe('formatsOfCounters', () => {
  const CASES: readonly (readonly [counters: string[], ids: string[]])[] = [
    [[], ['v4']],
    [['out_of_memory_count'], ['2016-02-09', '2016-02-11']],
    [['out_of_memory_count', 'no_out_of_memory_count'], ['2016-02-25']],
    [['no_out_of_memory_count'], []],
  ];
  for (const [counters, ids] of CASES) {
    it(`has ${ids.join(' and ') || 'none'} for L4 with ${counters.join(' and ') || 'none'}`, () => {
      const found = formatsOfCounters('L4', (name) => counters.includes(name));
      assert.deepEqual(
        found.map(({ id }) => id),
        ids,
      );
    });
  }
});

describe('memallocFormat', () => {
  it('takes every name that it says it takes', () => {
    for (const name of MEMALLOC_FORMAT_NAMES) assert.ok(memallocFormat(name), name);
    assert.equal(memallocFormat('v10'), undefined);
    assert.equal(memallocFormat('toString'), undefined);
  });

  it('has all spellings, the oldest version first', () => {
    const names = 'v4 draft v4-draft 2016-02-09 v5 v6 v7 v8 v9 rfc rfc2 rfc-v2'.split(' ');
    assert.deepEqual(
      MEMALLOC_FORMAT_NAMES.filter((name) => names.includes(name)),
      names,
    );
  });

  it('takes a version for the earlier one whose lines it prints', () => {
    const shared = ['v6', 'v7', 'v9', 'draft'].map((name) => memallocFormat(name)?.id);
    assert.deepEqual(shared, ['v5', 'v5', 'v8', 'v4']);
  });
});

describe('newestFormat', () => {
  it('has one for every layout', () => {
    const layouts = ['L1', 'L2', 'L3', 'L4', 'L4k', 'L5', 'L8', 'LR'] as const;
    assert.deepEqual(
      layouts.map((layout) => newestFormat(layout)?.id),
      ['v1', 'v2', 'v3', '2016-02-25', '2016-03-02', 'v5', 'v8', 'rfc2'],
    );
  });
});
