import assert from 'node:assert/strict';
import { memResult, type MemResult } from '../../src/kernel/mem.ts';
import type { PageCounter } from '../../src/kernel/vmstat.ts';
import { memText } from '../../src/report/mem.ts';
import { realDump, withVmcore } from '../support/real-dumps.ts';

const counter = (stored: number, cpuDiff = 0): PageCounter => {
  return { value: stored + cpuDiff, stored, cpuDiff };
};

/** One zone, whose CPUs have freed ten pages that nobody has counted. */
const STALE: MemResult = {
  type: 'mem',
  nodes: [
    {
      address: '0x1000',
      node: 0,
      zones: [
        {
          address: '0x1000',
          name: 'Normal',
          index: 2,
          managed: 1000,
          present: 1024,
          watermarks: { min: 50, low: 60, high: 70 },
          lowmemReserve: [0, 0, 0],
          counters: { NR_FREE_PAGES: counter(45, 10) },
          freeDiffs: [{ cpu: 3, diff: 10 }],
          unreadCpus: [],
          buddyPages: 54,
          freeAreas: [
            { order: 0, blocks: 54, migrateTypes: ['UNMOVABLE', 'MOVABLE'] },
            { order: 1, blocks: 0, migrateTypes: [] },
          ],
        },
      ],
      counters: { NR_ISOLATED_FILE: counter(32) },
      unreadCpus: [],
      kswapdFailures: 16,
    },
  ],
  pressure: [{ node: 0, zone: 'Normal', level: 'below low', storedLevel: 'below min' }],
  uses: { managedPages: 1000, uses: [{ name: 'anonymous', pages: 945 }], restPages: -1 },
  hasTransparentHugepages: false,
  isNuma: true,
  threadSize: 16384,
  events: { OOM_KILL: 3, PGSCAN_DIRECT: 0 },
};

describe('memText', function () {
  this.timeout(60_000);

  it('begins with the zones that are short and with what holds the memory', async function () {
    await withVmcore(realDump(this, 'k61-press-d31.kdump'), (vmcore) => {
      const [dma = '', dma32 = '', uses = '', kswapd = ''] = memText(memResult(vmcore)).split('\n');
      assert.match(
        dma,
        /^Zone DMA of node 0 is above high, but 772 kB of its 892 kB free are kept/,
      );
      assert.match(dma, /for all others it is below min\.$/);
      assert.equal(
        dma32,
        'Zone DMA32 of node 0 is below min: 3700 kB free, min 3756 kB (2048 kB of it a boost).',
      );
      assert.equal(uses, 'Of 223388 kB: anonymous 80 %, free 2 %.');
      assert.match(kswapd, /^kswapd of node 0 has given up: 16 runs/);
    });
  });

  it('says that nothing is short where nothing is', async function () {
    await withVmcore(realDump(this, 'k61-quiet-d31-zstd.kdump'), (vmcore) => {
      assert.match(
        memText(memResult(vmcore)),
        /^No zone is below its min watermark\.\nOf \d+ kB: /,
      );
    });
  });

  it('names the cgroup in OOM with its limit, and the largest slab caches', async function () {
    await withVmcore(realDump(this, 'k61-press-d31.kdump'), (vmcore) => {
      const text = memText(memResult(vmcore));
      assert.match(text, /\n {2}\/max: under_oom 0, somebody is killing in it or above it\n/);
      assert.match(text, /\n {4}memory: 8192 kB, max 8192 kB, high none, 133 charges failed\n/);
      assert.match(text, /\n {2}inode_cache +6848 +10272 +10272 +640 {2}reclaimable\n/);
    });
  });

  it('shows a stale counter where the allocator decides by it', () => {
    const text = memText(STALE);
    assert.equal(
      text.split('\n')[0],
      'Zone Normal of node 0 is below low, and the allocator takes it to be below min: ' +
        'its counter says 180 kB free (45 pages), CPUs have 40 kB that were not folded in.',
    );
    assert.match(text, /: NR_FREE_PAGES 55, the kernel sees 45, CPUs have \+10 \(CPU 3 \+10\)\n/);
    assert.match(text, /: the free lists have 54 pages, not 55\n/);
  });

  it('has a question mark for what the kernel lacks, and no 0', () => {
    const text = memText(STALE);
    assert.match(
      text,
      /\n {2}0 Normal +220 +40 +200 +240 +280 +\? +0 +\? +\? +4000 +4096 {2}below low\n/,
    );
    assert.match(text, /\n {2}node 0 +\? +\? +\? +\? +\? +128 +\? +\? +\?\n/);
    assert.match(text, /\n {2}0 Normal {2}54UM {2}0\n/);
    assert.match(text, /\n {2}in more than one counter +-4 +<1 %\n/);
    assert.match(text, /\n {2}no swap was found in this kernel\n/);
    assert.doesNotMatch(text, /Slab caches|Memory cgroups|pgscan/);
    assert.match(text, /\n {2}oom_kill 3\n/);
  });
});
