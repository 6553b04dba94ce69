import assert from 'node:assert/strict';
import type { Kernel } from '../../../src/sim/core/kernel.ts';
import { Mm } from '../../../src/sim/kernel/task.ts';
import { do_huge_pmd_anonymous_page } from '../../../src/sim/mm/huge-memory.ts';
import { handle_mm_fault } from '../../../src/sim/mm/memory.ts';
import type { Page } from '../../../src/sim/mm/mmzone.ts';
import { unmap_page_range } from '../../../src/sim/mm/unmap.ts';
import { bareKernel, runBody } from '../../support/bare-kernel.ts';
import { takeAllMemory } from '../../support/simulated-machine.ts';

const HUGE_PAGES = 512;

function fault(k: Kernel, mm: Mm, isAdvised = false): boolean | 'fallback' | undefined {
  let result: boolean | 'fallback' | undefined;
  runBody(k, function* () {
    result = yield* do_huge_pmd_anonymous_page(k, { mm, isAdvised });
  });
  return result;
}

/** A machine with every second page free, and all others on a list. */
function fragmented(): Kernel {
  const k = bareKernel({ ramBytes: 64 << 20, zoneDma: false });
  for (const page of takeAllMemory(k)) {
    if (page.pfn % 2 === 0) page.zone.give(page);
    else k.node.lru.inactive_file.add(page);
  }
  for (const { pcp } of k.node.zones) for (const lists of pcp) lists.drain();
  return k;
}

describe('do_huge_pmd_anonymous_page', () => {
  it('maps 2 MiB that lie together, as pages that can be freed one by one', () => {
    const k = bareKernel();
    for (const { pcp } of k.node.zones) for (const lists of pcp) lists.drain();
    const free = k.node.zones.reduce((sum, { nrFree }) => sum + nrFree.snapshot, 0);
    const mm = new Mm(1_000);
    assert.equal(fault(k, mm), true);
    const pages: Page[] = [...mm.anonPages];
    const [first] = pages;
    assert.ok(first !== undefined);
    assert.equal(first.pfn % HUGE_PAGES, 0);
    assert.deepEqual(
      pages.map(({ pfn }) => pfn - first.pfn),
      Array.from({ length: HUGE_PAGES }, (_, i) => i),
    );
    assert.equal(k.node.lru.active_anon.length, HUGE_PAGES);
    assert.equal(mm.pageTables.length, 1);
    runBody(k, () => unmap_page_range(k, mm));
    for (const { pcp } of k.node.zones) for (const lists of pcp) lists.drain();
    const left = k.node.zones.reduce((sum, { nrFree }) => sum + nrFree.snapshot, 0);
    assert.equal(left, free - mm.pageTables.length);
  });

  it('falls back at once where there is no such block, and wakes nobody for it', () => {
    const k = fragmented();
    const mm = new Mm(1_000);
    assert.equal(fault(k, mm), 'fallback');
    assert.deepEqual([mm.anonPages.size, mm.pageTables.length], [0, 0]);
    assert.equal(k.harm.allocStalls, 0);
    assert.equal(k.harm.failedAllocs, 0, 'it does not complain');
  });

  it('comes first where memory is advised, and a single page does where it fails', () => {
    for (const left of [HUGE_PAGES * 40, 0]) {
      const k = bareKernel();
      const mm = new Mm(1_000);
      const taken = left === 0 ? takeAllMemory(k) : [];
      for (const page of taken.slice(0, 6_000)) if (page.pfn % 2 === 1) page.zone.give(page);
      runBody(k, function* () {
        assert.equal(yield* handle_mm_fault(k, { mm, kind: 'huge' }), true);
      });
      assert.equal(mm.anonPages.size, left === 0 ? 1 : HUGE_PAGES);
    }
  });

  it('has one made by compaction for who has asked for huge pages', () => {
    const k = fragmented();
    const mm = new Mm(1_000);
    assert.equal(fault(k, mm, true), true);
    assert.equal(mm.anonPages.size, HUGE_PAGES);
  });
});
