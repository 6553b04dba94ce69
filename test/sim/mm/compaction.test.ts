// Compaction on a machine whose free pages all lie alone: between pages that can be moved, or that
// cannot.

import assert from 'node:assert/strict';
import type { Kernel } from '../../../src/sim/core/kernel.ts';
import { ALLOC_WMARK_MIN } from '../../../src/sim/mm/alloc-flags.ts';
import { newCompactState, type CompactState } from '../../../src/sim/mm/compact-retry.ts';
import { compaction_defer_reset, try_to_compact_pages } from '../../../src/sim/mm/compaction.ts';
import { GFP_KERNEL, GFP_NOIO } from '../../../src/sim/mm/gfp.ts';
import type { Page } from '../../../src/sim/mm/mmzone.ts';
import { bareKernel, runBody } from '../../support/bare-kernel.ts';
import { takeAllMemory } from '../../support/simulated-machine.ts';

const ORDER = 3;
/** One page of so many is free. */
const FREE_EVERY = 2;

interface Machine {
  readonly k: Kernel;
  /** Pages in use. */
  readonly pages: readonly Page[];
}

/** All memory in use but every second page; `isMovable` says which of the others are on a list. */
function fragmented(isMovable: (page: Page) => boolean, freeEvery = FREE_EVERY): Machine {
  const k = bareKernel({ ramBytes: 64 << 20, zoneDma: false });
  const taken = takeAllMemory(k);
  const pages = taken.filter(({ pfn }) => pfn % freeEvery !== 0);
  for (const page of taken) if (page.pfn % freeEvery === 0) page.zone.give(page);
  for (const { pcp } of k.node.zones) for (const lists of pcp) lists.drain();
  for (const page of pages) if (isMovable(page)) k.node.lru.inactive_file.add(page);
  return { k, pages };
}

/** Asks for a block. @returns the block, and what the request remembers */
function compact(
  k: Kernel,
  { gfp = GFP_KERNEL, state = newCompactState() } = {},
): { page: Page | undefined; state: CompactState } {
  let page: Page | undefined;
  runBody(k, function* () {
    const request = { gfp, order: ORDER, flags: ALLOC_WMARK_MIN };
    page = yield* try_to_compact_pages(k, request, state);
  });
  return { page, state };
}

function freeBlocks(k: Kernel, order: number): number {
  return k.node.zones.reduce((sum, { free }) => sum + free.count(order), 0);
}

/** Pages that are free in the zones, as their lists have it. */
function freePages(k: Kernel): number {
  let sum = 0;
  for (const { free } of k.node.zones) {
    for (let order = 0; order <= 10; order++) sum += free.count(order) * 2 ** order;
  }
  return sum;
}

describe('try_to_compact_pages', () => {
  it('makes a block where all in between can be moved, and keeps it for who asked', () => {
    const { k, pages } = fragmented(() => true);
    assert.equal(freeBlocks(k, 0), freePages(k));
    const free = freePages(k);
    const { page, state } = compact(k);
    assert.equal(state.result, 'success');
    assert.equal(page?.order, ORDER);
    assert.equal(page.pfn % 2 ** ORDER, 0);
    assert.equal(freePages(k), free - 2 ** ORDER);
    // Each page is somewhere, alone, and on its list; the kernel's counters agree.
    const places = new Set(pages.map(({ pfn }) => pfn));
    assert.equal(places.size, pages.length);
    for (const each of pages) {
      assert.equal(each.zone.inUse.at(each.pfn), each);
      assert.ok(each.pfn < page.pfn || each.pfn >= page.pfn + 2 ** ORDER);
    }
    assert.equal(k.node.lru.inactive_file.length, pages.length);
    assert.deepEqual(k.node.isolated, { anon: 0, file: 0 });
  });

  it('moves no more than it takes to make the block', () => {
    const { k, pages } = fragmented(() => true);
    const before = pages.map(({ pfn }) => pfn);
    compact(k);
    const moved = pages.filter(({ pfn }, i) => pfn !== before[i]).length;
    assert.ok(moved > 0 && moved <= 64, `${moved}`);
  });

  it('cannot move what the kernel has allocated, or what is being written', () => {
    for (const kind of ['kernel', 'writeback'] as const) {
      const { k, pages } = fragmented(({ pfn }) => kind !== 'kernel' || pfn % 4 === 1);
      if (kind === 'writeback') for (const page of pages) page.writeback = true;
      const before = pages.map(({ pfn }) => pfn);
      // Who would not wait does not even take such pages off their list.
      const { page, state } = compact(k, { state: { ...newCompactState(), priority: 1 } });
      assert.equal(page, undefined, kind);
      assert.equal(state.result, 'complete', kind);
      if (kind !== 'writeback') continue;
      assert.deepEqual(
        pages.map(({ pfn }) => pfn),
        before,
      );
    }
  });

  it('does nothing without __GFP_IO, or where too little is free to move pages to', () => {
    const { k } = fragmented(() => true);
    const { page, state } = compact(k, { gfp: GFP_NOIO });
    assert.deepEqual([page, state.result], [undefined, 'skipped']);
    const scarce = fragmented(() => true, 512);
    assert.equal(compact(scarce.k).state.result, 'skipped');
  });

  it('puts off what failed, twice as long each time, until a block was had', () => {
    const { k } = fragmented(() => false);
    const [zone] = k.node.zones;
    assert.ok(zone !== undefined);
    const sync = (): string =>
      compact(k, { state: { ...newCompactState(), priority: 1 } }).state.result;
    assert.equal(sync(), 'complete');
    assert.equal(zone.defer.shift, 1);
    assert.deepEqual([sync(), sync()], ['deferred', 'complete']);
    assert.deepEqual(
      [sync(), sync(), sync(), sync()],
      ['deferred', 'deferred', 'deferred', 'complete'],
    );
    compaction_defer_reset(zone, ORDER);
    assert.deepEqual([zone.defer.shift, sync()], [0, 'complete']);
  });

  it('does not put off after an attempt that would not wait for anything', () => {
    const { k } = fragmented(() => false);
    assert.equal(compact(k).state.result, 'complete');
    assert.equal(compact(k).state.result, 'complete');
    assert.equal(k.node.zones[0]?.defer.shift, 0);
  });
});
