import assert from 'node:assert/strict';
import { Mm } from '../../../src/sim/kernel/task.ts';
import { handle_mm_fault } from '../../../src/sim/mm/memory.ts';
import type { Page } from '../../../src/sim/mm/mmzone.ts';
import { do_sync_mmap_readahead, type ReadAround } from '../../../src/sim/mm/readahead.ts';
import { bareKernel, runBody } from '../../support/bare-kernel.ts';
import type { Kernel } from '../../../src/sim/core/kernel.ts';

const READ_AHEAD_PAGES = 32;
const SPARE_PAGES = 8;

/** Few pages are left, and nothing can be reclaimed. */
function nearlyFull(): Kernel {
  const k = bareKernel({ failSmallAllocs: true, cdrom: false });
  k.fs.readAheadPages = READ_AHEAD_PAGES;
  for (const zone of k.node.zones) {
    const keep = zone.watermark.min + zone.lowmemReserve + SPARE_PAGES;
    while (zone.freePages > keep) zone.take(0);
  }
  return k;
}

describe('do_sync_mmap_readahead', () => {
  it('takes what the device reads ahead, where there is memory', () => {
    const k = bareKernel();
    k.fs.readAheadPages = READ_AHEAD_PAGES;
    let around: ReadAround | undefined;
    runBody(k, function* () {
      around = yield* do_sync_mmap_readahead(k);
    });
    assert.deepEqual([around?.pages.length, around?.isUptodate], [READ_AHEAD_PAGES, true]);
  });

  it('takes the last pages, so that none is left to look their blocks up with', () => {
    const k = nearlyFull();
    let around: ReadAround | undefined;
    runBody(k, function* () {
      around = yield* do_sync_mmap_readahead(k);
    });
    const taken = around?.pages.length ?? 0;
    assert.ok(taken >= SPARE_PAGES && taken < READ_AHEAD_PAGES, `${taken}`);
    assert.equal(around?.isUptodate, false);
    // Who read ahead was not to be told: the page that the file system wanted was.
    assert.equal(k.harm.failedAllocs, 1);
  });
});

describe('handle_mm_fault', () => {
  it('maps what was read around the page with it', () => {
    const k = bareKernel();
    k.fs.readAheadPages = READ_AHEAD_PAGES;
    const mm = new Mm(1_000);
    let isMapped: boolean | 'sigbus' = false;
    runBody(k, function* () {
      isMapped = yield* handle_mm_fault(k, { mm, kind: 'file' });
    });
    assert.equal(isMapped, true);
    assert.equal(mm.filePages.size, READ_AHEAD_PAGES);
    assert.ok([...mm.filePages].every((page: Page) => page.lru === k.node.lru.inactive_file));
  });

  it('reads the page once more before it gives up', () => {
    const k = nearlyFull();
    const mm = new Mm(1_000);
    let isMapped: boolean | 'sigbus' = false;
    runBody(k, function* () {
      isMapped = yield* handle_mm_fault(k, { mm, kind: 'file' });
    });
    // What was read around is clean, so that the second reading finds memory by reclaiming it.
    assert.deepEqual([isMapped, k.harm.failedAllocs], [true, 1]);
  });
});
