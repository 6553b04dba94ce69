import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memResult, type MemResult } from '../../src/kernel/mem.ts';
import type { ZoneState } from '../../src/kernel/mmzone.ts';
import { overlayOf } from '../support/overlay.ts';
import { realDump, truthFile, withVmcore } from '../support/real-dumps.ts';
import { runScenario, withRun, writeRun } from '../support/simulated.ts';

/** A dump and its truth; drgn failed on that of k1, which has a log. */
const REAL: readonly (readonly [dump: string, truth: string])[] = [
  ['k61-press-d31.kdump', 'k61-press'],
  ['k61-quiet-d31-zstd.kdump', 'k61-quiet'],
  ['k2-pair-a.kdump', 'k2-pair-a'],
  ['k2-pair-b.kdump', 'k2-pair-b'],
  ['k1-victim-wd10.kdump', 'k1-victim-wd10'],
];

const PAGE_KB = 4;

describe('memResult', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-mem-'));

  after(() => rmSync(folder, { recursive: true }));

  for (const [dump, truth] of REAL) {
    it(`has the free blocks that drgn finds, and slabs that add up: ${dump}`, async function () {
      await withVmcore(realDump(this, dump), (vmcore) => {
        const result = memResult(vmcore);
        assert.deepEqual(vmcore.problems.list, []);
        if (truth !== 'k1-victim-wd10') {
          const expected = areasOf(truthFile(this, `${truth}/mem.txt`));
          assert.deepEqual(new Map(zonesOf(result).map(blocksByZone)), expected);
        }
        checkSlabs(result);
        for (const { freeAreas = [], name } of zonesOf(result)) {
          for (const { blocks, migrateTypes } of freeAreas) {
            assert.equal(blocks > 0, migrateTypes.length > 0, name);
          }
        }
      });
    });

    it(`has the marks and sizes that the kernel printed itself: ${dump}`, async function () {
      const printed = zoneLines(truthFile(this, `${truth}/dmesg.txt`));
      // The quiet machine never had a reason to print them.
      assert.equal(printed.length === 0, truth === 'k61-quiet');
      await withVmcore(realDump(this, dump), (vmcore) => {
        const zones = new Map(zonesOf(memResult(vmcore)).map((zone) => [zone.name, zone]));
        for (const { name, words } of printed) {
          const zone = zones.get(name);
          const { min = NaN, low = NaN, high = NaN } = zone?.watermarks ?? {};
          // The boost comes and goes while the machine runs, and was part of what was printed.
          const boost = words.boost ?? NaN;
          assert.deepEqual(
            [min, low, high].map((pages) => pages * PAGE_KB + boost),
            [words.min, words.low, words.high],
            name,
          );
          assert.equal((zone?.managed ?? NaN) * PAGE_KB, words.managed);
          assert.equal((zone?.present ?? NaN) * PAGE_KB, words.present);
        }
      });
    });
  }

  it('says which zones are short, and for whom', async function () {
    await withVmcore(realDump(this, 'k61-press-d31.kdump'), (vmcore) => {
      assert.deepEqual(memResult(vmcore).pressure, [
        { node: 0, zone: 'DMA', level: 'above high', levelForHigher: 'below min' },
        { node: 0, zone: 'DMA32', level: 'below min' },
      ]);
    });
  });

  it('has the limits of the memory cgroup that is in OOM', async function () {
    await withVmcore(realDump(this, 'k61-press-d31.kdump'), (vmcore) => {
      const [memcg] = memResult(vmcore).memcgs ?? [];
      assert.equal(memcg?.path, '/max');
      // 8 MiB, and all of it is used.
      assert.deepEqual(memcg.memory, {
        usagePages: 2048,
        maxPages: 2048,
        highPages: 'max',
        failures: 133,
      });
      assert.equal(memcg.swap?.maxPages, 'max');
    });
  });

  it('has the events of the kernel, among them how often it killed', async function () {
    const truth = truthFile(this, 'k61-press/mem.txt');
    const kills = Number(/^oom_kill_vm_event (\d+)$/m.exec(truth)?.[1]);
    await withVmcore(realDump(this, 'k61-press-d31.kdump'), (vmcore) => {
      const { events = {} } = memResult(vmcore);
      assert.equal(events.OOM_KILL, kills);
      assert.ok((events.ALLOCSTALL_MOVABLE ?? 0) > 0);
    });
  });

  it('has the rest where slab caches, swap and huge pages are damaged', async function () {
    await withVmcore(realDump(this, 'k61-press-d31.kdump'), (vmcore) => {
      const whole = memResult(vmcore);
      const overlay = overlayOf(vmcore);
      overlay(vmcore.global('slab_caches').member('next'), 0x1234n);
      overlay(vmcore.global('nr_swapfiles'), 0xffff_ffffn);
      overlay(vmcore.global('hstates').at(0).member('order'), 4096);
      const damaged = memResult(vmcore);
      assert.deepEqual(damaged.nodes, whole.nodes);
      assert.deepEqual(damaged.uses.uses, whole.uses.uses);
      // Huge pages may have any part of it.
      assert.equal('restPages' in damaged.uses, false);
      assert.deepEqual(damaged.slabCaches, []);
      assert.deepEqual(damaged.swap?.devices, []);
      assert.equal('hugePages' in damaged, false);
      const subjects = new Set(vmcore.problems.list.map(({ subject }) => subject));
      assert.ok(subjects.has('slab_caches') && subjects.has('hstates'), [...subjects].join());
    });
  });

  it('finds a use for all but a twentieth of the memory of a real machine', async function () {
    await withVmcore(realDump(this, 'k61-press-d31.kdump'), (vmcore) => {
      const { uses } = memResult(vmcore);
      assert.equal(uses.uses[0]?.name, 'anonymous');
      assert.ok(uses.restPages !== undefined && uses.restPages >= 0);
      assert.ok(uses.restPages < uses.managedPages / 20);
    });
  });

  for (const [name, flavour] of [
    ['6.1', {}],
    ['4.4', { flavour: '4.4' }],
  ] as const) {
    it(`sees on the simulated ${name} that the allocator goes by a stale counter`, async () => {
      const run = runScenario('kworker-holds-vmstat', { ...flavour, seed: 3, kmallocwd: 1 });
      const files = writeRun(run, join(folder, name), { format: 'elf' });
      await withRun(files, (vmcore) => {
        const result = memResult(vmcore);
        const { pressure, swap, nodes } = result;
        assert.deepEqual(vmcore.problems.list, []);
        const dma32 = pressure.find(({ zone }) => zone === 'DMA32');
        assert.equal(dma32?.level, 'below low');
        assert.equal(dma32.storedLevel, 'below min');
        const { memory } = run.ledger;
        assert.equal(swap?.totalPages, memory.swapTotal);
        for (const zone of nodes.flatMap(({ zones }) => zones)) {
          for (const { blocks, migrateTypes } of zone.freeAreas ?? []) {
            assert.deepEqual(migrateTypes, blocks > 0 ? ['MOVABLE'] : []);
          }
          // Linux 5.0 brought the boost.
          assert.equal('boost' in (zone.watermarks ?? {}), name === '6.1');
        }
        // What a kernel lacks is absent: nobody reads a 0 there.
        for (const key of ['hugePages', 'memcgs', 'slabCaches', 'poisonedPages', 'cmaPages']) {
          assert.equal(key in result, false, key);
        }
      });
    });
  }

  for (const [name, flavour] of [
    ['6.1', {}],
    ['4.4', { flavour: '4.4' }],
  ] as const) {
    it(`finds the swap of the simulated ${name}, and how much of it is left`, async () => {
      const run = runScenario('dm-crypt-throttled', {
        ...{ ...flavour, seed: 1, kmallocwd: 1 },
        knobs: { dumpSeconds: 2 },
      });
      const { swapTotal = 0, swapFree } = run.ledger.memory;
      const files = writeRun(run, join(folder, `swap-${name}`), { format: 'elf' });
      await withRun(files, (vmcore) => {
        const { swap } = memResult(vmcore);
        assert.ok(swapTotal > 0 && swapTotal !== swapFree);
        assert.deepEqual(
          { total: swap?.totalPages, free: swap?.freePages },
          { total: swapTotal, free: swapFree },
        );
        const [device] = swap?.devices ?? [];
        assert.equal(device?.pages, swapTotal);
        assert.equal(device.usedPages, swapTotal - (swapFree ?? NaN));
        assert.equal(device.isWritable, true);
      });
    });
  }
});

function zonesOf({ nodes }: MemResult): ZoneState[] {
  return nodes.flatMap(({ zones }) => zones);
}

function blocksByZone({ name, freeAreas = [] }: ZoneState): [string, number[]] {
  return [name, freeAreas.map(({ blocks }) => blocks)];
}

/** Every page of a slab that can be reclaimed is in a cache; large kmalloc()s are in none. */
function checkSlabs({ slabCaches = [], nodes }: MemResult): void {
  const pages = (wanted: boolean): number =>
    slabCaches
      .filter(({ isReclaimable }) => isReclaimable === wanted)
      .reduce((sum, cache) => sum + (cache.pages ?? NaN), 0);
  const counters = nodes[0]?.counters;
  assert.equal(pages(true), counters?.NR_SLAB_RECLAIMABLE_B?.value);
  const others = counters?.NR_SLAB_UNRECLAIMABLE_B?.value ?? NaN;
  assert.ok(pages(false) <= others && pages(false) > others * 0.8);
  assert.ok(slabCaches.every(({ objects = -1, activeObjects = 0 }) => activeObjects <= objects));
}

/** `'free_area': [1, 2, …]` of the zones in mem.txt. */
function areasOf(text: string): Map<string, number[]> {
  const rows = [...text.matchAll(/^zone (\w+) .*'free_area': \[([\d, ]+)\]/gm)];
  const area = ([, name = '', list = '']: string[]): [string, number[]] => {
    return [name, list.split(', ').map(Number)];
  };
  return new Map(rows.map(area));
}

/** `DMA free:888kB boost:0kB min:132kB …` of every Mem-Info in a log. */
function zoneLines(log: string): { name: string; words: Record<string, number> }[] {
  const found = [...log.matchAll(/(\w+) (free:\d+kB boost:.*)$/gm)];
  return found.map(([, name = '', rest = '']) => {
    const pairs = [...rest.matchAll(/(\w+):(\d+)kB/gi)];
    const words = pairs.map(([, key = '', kb]) => [key, Number(kb)] as const);
    return { name, words: Object.fromEntries(words) };
  });
}
