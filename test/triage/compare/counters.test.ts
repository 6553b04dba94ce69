import assert from 'node:assert/strict';
import type { NodeState } from '../../../src/kernel/mmzone.ts';
import { counterChanges } from '../../../src/triage/compare/counters.ts';
import type { DumpState } from '../../../src/triage/compare/dump-state.ts';
import { dumpState } from '../../support/task-in-dump.ts';

function dump(fields: Partial<DumpState>): DumpState {
  return dumpState(100, [], fields);
}

/** A node with one zone of so many free pages, and counters of its own. */
function node(free: number, counters: Record<string, number> = {}): NodeState {
  const counter = (value: number) => ({ value, stored: value, cpuDiff: 0 });
  const named = Object.entries(counters).map(([name, value]) => [name, counter(value)] as const);
  return {
    address: '0x1',
    node: 0,
    counters: Object.fromEntries(named),
    unreadCpus: [],
    zones: [
      {
        ...{ address: '0x2', name: 'DMA32', index: 1, freeDiffs: [], unreadCpus: [] },
        watermarks: { min: 50, low: 60, high: 70, boost: 5 },
        counters: { NR_FREE_PAGES: counter(free) },
      },
    ],
  };
}

describe('counterChanges', () => {
  it('adds up what a kernel counts by zone, and gives a rate', () => {
    const before = { PGSCAN_KSWAPD_DMA: 10, PGSCAN_KSWAPD_NORMAL: 20, PGFREE: 5 };
    const now = { PGSCAN_KSWAPD_DMA: 20, PGSCAN_KSWAPD_NORMAL: 60, PGFREE: 5 };
    const { counts } = counterChanges(dump({ events: before }), dump({ events: now }), 10);
    assert.deepEqual(
      counts.map(({ what, before: a, now: b, perSecond }) => [what, a, b, perSecond]),
      [
        ['pages freed', 5, 5, 0],
        ['pages scanned by kswapd', 30, 80, 5],
      ],
    );
  });

  it('does not take waits for kswapd for pages that were scanned', () => {
    const events = { PGSCAN_DIRECT: 1, PGSCAN_DIRECT_THROTTLE: 7 };
    const { counts } = counterChanges(dump({ events }), dump({ events }), 1);
    assert.deepEqual(
      counts.map(({ what, now }) => [what, now]),
      [
        ['pages scanned by others', 1],
        ['waits for kswapd', 7],
      ],
    );
  });

  it('gives no rate where no time has passed, or a counter went down', () => {
    const [a, b] = [dump({ events: { PGFREE: 9 } }), dump({ events: { PGFREE: 3 } })];
    assert.equal(counterChanges(a, b, 10).counts[0]?.perSecond, undefined);
    assert.equal(counterChanges(b, a, 0).counts[0]?.perSecond, undefined);
  });

  it('has nothing of what one of the dumps lacks', () => {
    const nodes = [node(10, { NR_WRITTEN: 1, NR_WRITEBACK: 2 })];
    const found = counterChanges(dump({}), dump({ events: { PGFREE: 3 }, nodes }), 10);
    assert.deepEqual(found, { counts: [], levels: [], cpus: [] });
    const unread = [{ ...nodes[0]!, unreadCpus: [1] }];
    const half = counterChanges(dump({ nodes: unread }), dump({ nodes }), 10);
    assert.deepEqual([half.counts, half.levels.length], [[], 1]);
  });

  it('has free pages of zones with the mark that they are held against, and writeback', () => {
    const [a, b] = [node(10, { NR_WRITEBACK: 3 }), node(60, { NR_WRITEBACK: 0 })];
    const { levels } = counterChanges(dump({ nodes: [a] }), dump({ nodes: [b] }), 10);
    assert.deepEqual(levels, [
      { what: 'free pages of DMA32', before: 10, now: 60, min: 55 },
      { what: 'pages under writeback', before: 3, now: 0 },
    ]);
  });

  it('says for which part of the time a CPU was busy, of those that are in both', () => {
    const a = dump({ cpuTimes: [{ cpu: 0, user: 1, nice: 1, system: 2, steal: 0 }] });
    const b = dump({
      cpuTimes: [
        { cpu: 0, user: 3, nice: 2, system: 7, steal: 0 },
        { cpu: 1, user: 1 },
      ],
    });
    const { cpus } = counterChanges(a, b, 10);
    assert.deepEqual(cpus, [{ cpu: 0, user: 0.3, system: 0.5, steal: 0 }]);
  });
});
