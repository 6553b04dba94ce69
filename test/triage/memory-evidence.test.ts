import assert from 'node:assert/strict';
import type { NodeState } from '../../src/kernel/mmzone.ts';
import { checkedOf } from '../../src/triage/checked.ts';
import type { Finding } from '../../src/triage/finding.ts';
import { withMemory } from '../../src/triage/memory-evidence.ts';
import { facts } from '../support/facts-builder.ts';

const FINDING: Finding = {
  diagnosis: 'D13',
  name: 'overload',
  sentence: 'slow',
  confidence: 'possible',
  because: 'it is',
  evidence: [],
  against: [],
  missing: [],
  next: 'wait',
  culprits: [],
};

/** Of 1000 managed pages. */
interface Pages {
  readonly free?: number;
  readonly cache?: number;
  readonly dirty?: number;
  readonly slab?: number;
  readonly swapFree?: number;
}

function node({ free = 0, cache = 0, dirty = 0, slab = 0 }: Pages): NodeState {
  const counter = (value: number): NonNullable<NodeState['counters'][string]> => ({
    value,
    stored: value,
    cpuDiff: 0,
  });
  return {
    address: '0x2',
    node: 0,
    zones: [
      {
        address: '0x1',
        name: 'DMA32',
        index: 1,
        watermarks: { min: 100, low: 125, high: 150 },
        counters: { NR_FREE_PAGES: counter(free) },
        freeDiffs: [],
        unreadCpus: [],
      },
    ],
    counters: {
      NR_ACTIVE_FILE: counter(0),
      NR_INACTIVE_FILE: counter(cache),
      NR_FILE_DIRTY: counter(dirty),
      NR_WRITEBACK: counter(0),
      NR_SLAB_RECLAIMABLE_B: counter(slab),
    },
    unreadCpus: [],
  };
}

function said(pages: Pages, diagnosis: Finding['diagnosis'] = 'D13'): [string[], string[]] {
  const { swapFree } = pages;
  const swap =
    swapFree === undefined ? {} : { swap: { totalPages: 50, freePages: swapFree, devices: [] } };
  const all = facts([], {
    nodes: [node(pages)],
    uses: { managedPages: 1000, uses: [] },
    ...swap,
  });
  const { evidence, against } = withMemory(all, checkedOf(all), { ...FINDING, diagnosis });
  return [evidence.map(({ fact }) => fact), [...against]];
}

describe('withMemory', () => {
  it('says that reclaim has next to nothing to take, with swap full or without any', () => {
    const cache = '9 pages (1 %) of page cache';
    assert.deepEqual(said({ cache: 9 }), [[`little is left to reclaim: ${cache}, no swap`], []]);
    assert.match(said({ cache: 9, swapFree: 0 })[0].join(), /, no swap left$/);
    assert.deepEqual(said({ cache: 9, swapFree: 15 }), [[], []]);
    assert.deepEqual(said({ cache: 9, slab: 15 }), [[], []]);
  });

  it('holds it against a stall that much of the page cache is clean', () => {
    assert.match(
      said({ cache: 200, dirty: 10 })[1].join(),
      /something to take: 190 pages \(19 %\) of page cache, clean/,
    );
    assert.deepEqual(said({ cache: 200, dirty: 150 }), [[], []]);
  });

  it('holds it against a stall that no zone is short', () => {
    assert.deepEqual(said({ free: 151, cache: 50 })[1], [
      'no zone is short of memory: 151 pages free, each above its high mark',
    ]);
    assert.deepEqual(said({ free: 149, cache: 50 })[1], []);
  });

  it('has nothing to say where requests do not wait for free pages', () => {
    assert.deepEqual(said({ free: 151, cache: 9 }, 'D12'), [[], []]);
  });
});
