import assert from 'node:assert/strict';
import { FreeArea, MAX_ORDER } from '../../../src/sim/mm/buddy.ts';
import { Node, Page, PageList, Zone } from '../../../src/sim/mm/mmzone.ts';
import { Prng } from '../../../src/util/prng.ts';

/** Pages that are free, each once, in blocks that are aligned and have no free buddy. */
function checkFree(free: FreeArea): number {
  const seen = new Set<number>();
  for (let order = 0; order < MAX_ORDER; order++) {
    const blocks = new Set(free.blocks(order));
    for (const pfn of blocks) {
      assert.equal(pfn % 2 ** order, 0, `pfn ${pfn} of order ${order}`);
      if (order < MAX_ORDER - 1) assert.ok(!blocks.has(pfn ^ (2 ** order)), `buddy of ${pfn}`);
      for (let page = pfn; page < pfn + 2 ** order; page++) {
        assert.ok(!seen.has(page), `pfn ${page} is free twice`);
        seen.add(page);
      }
    }
  }
  return seen.size;
}

describe('FreeArea', () => {
  it('has each page once, whatever is taken and given back', () => {
    const prng = new Prng(7);
    const zone = new Zone({ name: 'DMA32', startPfn: 4096, endPfn: 9000, reservedPages: 37 });
    assert.equal(checkFree(zone.free), zone.managedPages);
    const taken: Page[] = [];
    for (let step = 0; step < 4000; step++) {
      if (prng.chance(0.55)) {
        const page = zone.take(prng.below(5));
        if (page !== undefined) taken.push(page);
      } else if (taken.length > 0) {
        zone.give(taken.splice(prng.below(taken.length), 1)[0]!);
      }
      if (step % 500 === 0) assert.equal(checkFree(zone.free), zone.freePages);
    }
    for (const page of taken) zone.give(page);
    assert.equal(checkFree(zone.free), zone.managedPages);
  });

  it('splits a larger block and keeps the upper halves', () => {
    const free = new FreeArea();
    free.give(1024, 10);
    assert.equal(free.take(0), 1024);
    assert.deepEqual(
      Array.from({ length: 10 }, (_, order) => free.blocks(order)),
      Array.from({ length: 10 }, (_, order) => [1024 + 2 ** order]),
    );
    free.give(1024, 0);
    assert.deepEqual(free.blocks(10), [1024]);
  });
});

describe('Zone', () => {
  it('takes a page that is freed off the account of its cgroup, once', () => {
    const zone = new Zone({ name: 'DMA32', startPfn: 4096, endPfn: 8192, reservedPages: 0 });
    const page = zone.take(2)!;
    let uncharged = 0;
    page.memcg = {
      onList: () => undefined,
      offList: () => undefined,
      uncharge: (given) => {
        assert.equal(given, page);
        uncharged++;
        page.memcg = undefined;
      },
    };
    zone.give(page);
    assert.deepEqual([uncharged, page.memcg, zone.freePages], [1, undefined, 4096]);
  });
});

describe('PageList', () => {
  it('gives back in the order of use: last added is last taken', () => {
    const zone = new Zone({ name: 'DMA', startPfn: 0, endPfn: 64, reservedPages: 0 });
    const list = new PageList({ isFile: true, isActive: false });
    const [first, second, third] = [0, 1, 2].map((pfn) => new Page(zone, pfn, 0));
    list.add(first!);
    list.add(second!);
    list.addTail(third!);
    const order: number[] = [];
    for (let page = list.tail; page !== undefined; page = list.tail) {
      order.push(page.pfn);
      list.remove(page);
    }
    assert.deepEqual(order, [2, 0, 1]);
    assert.equal(list.length, 0);
  });
});

describe('Node', () => {
  it('has the watermarks that a kernel computes for its memory', () => {
    // 256 MiB managed: 4 * sqrt(262144 kB) = 2048 kB, 512 pages, shared by size.
    const range = { startPfn: 4096, endPfn: 4096 + 61_440, reservedPages: 0 };
    const dma = { name: 'DMA', startPfn: 0, endPfn: 4096, reservedPages: 0 };
    const { zones } = new Node([new Zone({ name: 'DMA32', ...range }), new Zone(dma)]);
    assert.deepEqual(
      zones.map(({ watermark }) => watermark),
      [
        { min: 480, low: 600, high: 720 },
        { min: 32, low: 40, high: 48 },
      ],
    );
    assert.deepEqual(
      zones.map(({ lowmemReserve }) => lowmemReserve),
      [0, 240],
    );
  });
});
