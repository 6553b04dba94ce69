import assert from 'node:assert/strict';
import { Zone } from '../../../src/sim/mm/mmzone.ts';
import { Node } from '../../../src/sim/mm/mmzone.ts';

/** A zone of 256 MiB with the lists of two CPUs; the first one runs. */
function zoneWithCpus(): Zone {
  const zone = new Zone({ name: 'DMA32', startPfn: 4096, endPfn: 69_632, reservedPages: 0 });
  assert.equal(new Node([zone]).freePages, 65_536);
  zone.onlineCpus(2, () => 0);
  return zone;
}

describe('PerCpuPages', () => {
  it('takes a batch from the zone at once', () => {
    const zone = zoneWithCpus();
    // 0.1 % of the zone is 64 pages, a quarter of them 16, the next 2^n - 1 is 15.
    assert.equal(zone.pcp[0]!.batch, 15);
    assert.ok(zone.take(0) !== undefined);
    assert.equal(zone.free.count(0), 1);
    assert.equal(zone.pcp[0]!.count, 14);
  });

  it('keeps what is freed until it has too many, or is drained', () => {
    const zone = zoneWithCpus();
    const pages = Array.from({ length: 60 }, () => zone.take(0)!);
    const before = zone.freePages;
    for (const page of pages.slice(0, 10)) zone.give(page);
    assert.equal(zone.freePages, before);
    for (const page of pages.slice(10)) zone.give(page);
    zone.pcp[0]!.drain();
    assert.equal(zone.freePages, 65_536);
    assert.equal(zone.free.count(10), 64);
  });
});
