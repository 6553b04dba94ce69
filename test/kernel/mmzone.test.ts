import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { boostedMarks, lruScopes, readZones, type NodeState } from '../../src/kernel/mmzone.ts';
import { realDump, truthFile, withVmcore } from '../support/real-dumps.ts';
import { runScenario, withRun, writeRun } from '../support/simulated.ts';

/** A dump and its truth. */
const REAL: readonly (readonly [dump: string, truth: string])[] = [
  ['k61-press-d31.kdump', 'k61-press'],
  ['k61-quiet-d31-zstd.kdump', 'k61-quiet'],
  ['k2-pair-a.kdump', 'k2-pair-a'],
  ['k2-pair-b.kdump', 'k2-pair-b'],
];

describe('boostedMarks', () => {
  it('adds the boost to each watermark, where there is one', () => {
    const marks = { min: 427, low: 533, high: 639 };
    assert.deepEqual(boostedMarks(marks), marks);
    assert.deepEqual(boostedMarks({ ...marks, boost: 512 }), { min: 939, low: 1045, high: 1151 });
  });
});

describe('readZones', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-zones-'));

  after(() => rmSync(folder, { recursive: true }));

  for (const [dump, truth] of REAL) {
    it(`reads zones and counters as drgn does with DWARF: ${dump}`, async function () {
      const path = realDump(this, dump);
      const expected = parseMem(truthFile(this, `${truth}/mem.txt`));
      await withVmcore(path, (vmcore) => {
        const { nodes } = readZones(vmcore);
        assert.deepEqual(vmcore.problems.list, []);
        assert.equal(nodes.length, 1);
        const [node] = nodes as [NodeState];
        assert.deepEqual(zonesOf(node), expected.zones);
        assert.deepEqual(storedOf(node), expected.nodeCounters);
        for (const zone of node.zones) {
          // Nobody was giving or taking pages of these at that instant.
          assert.equal(zone.buddyPages, zone.counters.NR_FREE_PAGES?.value, zone.name);
        }
        assert.deepEqual(
          lruScopes({ type: 'zones', nodes }).map(({ name }) => name),
          ['node 0'],
        );
        const sums = sumOfZones(node);
        for (const [name, value] of expected.zoneCounters) assert.equal(sums[name], value, name);
      });
    });
  }

  for (const [name, flavour] of [
    ['6.1', {}],
    ['4.4', { flavour: '4.4' }],
  ] as const) {
    it(`sees that the simulated ${name} goes by a number of free pages that is stale`, async () => {
      const run = runScenario('kworker-holds-vmstat', { ...flavour, seed: 1, kmallocwd: 1 });
      const files = writeRun(run, join(folder, name), { format: 'elf' });
      await withRun(files, (vmcore) => {
        const zones = readZones(vmcore).nodes.flatMap((node) => node.zones);
        const { memory } = run.ledger;
        for (const { name: zone, counters, watermarks, buddyPages } of zones) {
          assert.equal(counters.NR_FREE_PAGES?.stored, memory[`${zone} free`]);
          assert.equal(counters.NR_FREE_PAGES?.value, buddyPages);
          assert.equal(watermarks?.min, memory[`${zone} min`]);
        }
        // What D6 hangs on: there are enough, and the counter says that there are not.
        const free = zones.find((zone) => zone.name === 'DMA32')?.counters.NR_FREE_PAGES;
        const min = memory['DMA32 min'] ?? -1;
        assert.ok(free !== undefined && free.stored < min && free.value >= min);
      });
    });
  }

  it('finds isolated pages in the zone that 4.4 counts them in', async () => {
    const run = runScenario('too-many-isolated', { flavour: '4.4', seed: 1, kmallocwd: 1 });
    const files = writeRun(run, join(folder, 'isolated'), { format: 'elf' });
    await withRun(files, (vmcore) => {
      const zones = readZones(vmcore);
      assert.deepEqual(zones.nodes[0]?.counters, {});
      const scopes = lruScopes(zones);
      assert.deepEqual(
        scopes.map(({ name }) => name),
        ['zone DMA of node 0', 'zone DMA32 of node 0'],
      );
      const sum = (item: string): number =>
        scopes.reduce((total, { counters }) => total + (counters[item]?.value ?? NaN), 0);
      const { memory } = run.ledger;
      assert.equal(sum('NR_ISOLATED_FILE'), memory.isolatedFile);
      assert.equal(sum('NR_INACTIVE_FILE'), memory.inactive_file);
      assert.equal(sum('NR_FILE_DIRTY'), memory.dirty);
      assert.ok(sum('NR_ISOLATED_FILE') > sum('NR_INACTIVE_FILE'));
      assert.ok(zones.nodes[0]?.zones.some(({ pagesScanned = 0 }) => pagesScanned > 0));
    });
  });

  it('shows apart what a CPU has not folded in', async function () {
    await withVmcore(realDump(this, 'k61-press-d31.kdump'), (vmcore) => {
      const [dma] = readZones(vmcore).nodes[0]?.zones ?? [];
      assert.deepEqual(dma?.counters.NR_FREE_PAGES, { value: 223, stored: 222, cpuDiff: 1 });
      assert.deepEqual(dma.freeDiffs, [{ cpu: 0, diff: 1 }]);
    });
  });
});

interface ZoneTruth {
  readonly name: string;
  readonly free: number;
  readonly wmark: readonly number[];
  readonly managed: number;
  readonly spanned: number;
  readonly present: number;
}

function zonesOf({ zones }: NodeState): ZoneTruth[] {
  return zones.map((zone) => {
    const { min = -1, low = -1, high = -1 } = zone.watermarks ?? {};
    return {
      name: zone.name,
      free: zone.counters.NR_FREE_PAGES?.stored ?? -1,
      wmark: [min, low, high],
      managed: zone.managed ?? -1,
      spanned: zone.spanned ?? -1,
      present: zone.present ?? -1,
    };
  });
}

function storedOf({ counters }: NodeState): Map<string, number> {
  return new Map(Object.entries(counters).map(([name, { stored }]) => [name, stored]));
}

function sumOfZones({ zones }: NodeState): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { counters } of zones) {
    for (const [name, { stored }] of Object.entries(counters)) {
      sums[name] = (sums[name] ?? 0) + stored;
    }
  }
  return sums;
}

interface MemTruth {
  readonly zones: readonly ZoneTruth[];
  /** Of the only node, so those of the machine. */
  readonly nodeCounters: ReadonlyMap<string, number>;
  readonly zoneCounters: ReadonlyMap<string, number>;
}

/** truth/…/mem.txt, without the enumerators that stand for others. */
function parseMem(text: string): MemTruth {
  const counters = (array: string): Map<string, number> => {
    const pattern = new RegExp(`^${array}\\.(\\w+) (-?\\d+)$`, 'gm');
    const pairs = [...text.matchAll(pattern)].map(([, name = '', value]) => {
      return [name, Number(value)] as const;
    });
    return new Map(pairs.filter(([name]) => !name.endsWith('_BASE')));
  };
  const zones = [...text.matchAll(/^zone (\w+) \{(.*)\}$/gm)].map(([, name = '', body = '']) => {
    const number = (key: string): number => Number(new RegExp(`'${key}': (\\d+)`).exec(body)?.[1]);
    const wmark = /'wmark': \[(\d+), (\d+), (\d+)/.exec(body)?.slice(1).map(Number) ?? [];
    const [free, managed, spanned, present] = [
      number('free'),
      number('managed'),
      number('spanned'),
      number('present'),
    ];
    return { name, free, wmark, managed, spanned, present };
  });
  return {
    zones,
    nodeCounters: counters('vm_node_stat'),
    zoneCounters: counters('vm_zone_stat'),
  };
}
